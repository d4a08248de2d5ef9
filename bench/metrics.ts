import { GatewayMetrics } from '../libs/telemetry/src/adapters/gateway-metrics.js';
import { type RequestObservation } from '../libs/telemetry/src/core/request-ledger.js';

// What `GatewayMetrics.observe()` costs on a request's path (aim: under 1,000 ns), and one scrape.
// No stores. `nest build api`, then `node dist/bench/metrics.js`.

const ROUNDS = 9;
const CALLS = 1_000_000;
const PROVIDERS = ['openai', 'groq', 'mistral', 'local'] as const;
const STATUSES = [200, 200, 200, 429, 500] as const;

const at = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const metrics = new GatewayMetrics();
const observation = (i: number): RequestObservation => ({
  surface: i % 7 === 0 ? 'embeddings' : 'chat.completions',
  path: i % 3 === 0 ? 'direct' : 'gateway',
  provider: at(PROVIDERS, i),
  status: at(STATUSES, i) === 200 ? 'final' : 'failed',
  httpStatus: at(STATUSES, i),
  stream: i % 2 === 0,
  durationMs: (i * 37) % 20_000,
  firstByteMs: (i * 13) % 3_000,
  attempts: 1,
  promptTokens: 1_000,
  completionTokens: 200,
  costPicodollars: 231_600_000,
  pricing: 'priced',
});

function round(): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) metrics.observe(observation(i));
  return Number(process.hrtime.bigint() - start) / CALLS;
}

round();
console.log(`observe: ${median(Array.from({ length: ROUNDS }, round)).toFixed(0)} ns`);
const start = process.hrtime.bigint();
const { body } = await metrics.render();
console.log(`render: ${(Number(process.hrtime.bigint() - start) / 1e6).toFixed(1)} ms, ${body.length} bytes`);
