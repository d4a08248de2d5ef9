import { GatewayMetrics } from '../libs/telemetry/src/adapters/gateway-metrics.js';
import { Tracing } from '../libs/telemetry/src/adapters/tracing.js';
import { telemetryConfig } from '../libs/telemetry/src/telemetry.config.js';
import { type AttemptRow, type UsageRecordRow } from '../libs/usage/src/index.js';

// What observing costs on a request's path: Prometheus' counts, and with a collector's address set, OpenTelemetry's
// (aim: under 1,000 ns each), and one scrape. No stores, no collector: nothing listens where spans would go.
// `nest build api`, then `node dist/bench/metrics.js`.

const ROUNDS = 9;
const CALLS = 500_000;
const PROVIDERS = ['openai', 'groq', 'mistral', 'local'] as const;
const MODELS = ['gpt-4o-mini', 'llama-3.3-70b', 'mistral-large-latest', 'qwen3'] as const;
const STATUSES = [200, 200, 200, 429, 500] as const;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const ID = '0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001';

const at = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const tokens = { prompt_tokens: 1_000, cached_tokens: 0, cache_write_tokens: 0, completion_tokens: 200, reasoning_tokens: 0, usage_source: 'provider', cost_pd: 231_600_000, pricing: 'priced', price_version: 'v' } as const;

const attemptOf = (i: number): AttemptRow => ({
  ...tokens,
  attempt_id: ID,
  request_id: ID,
  attempt_no: 1,
  customer_id: 'demo',
  provider: at(PROVIDERS, i),
  model: at(MODELS, i),
  status: at(STATUSES, i) === 200 ? 'final' : 'failed',
  http_status: at(STATUSES, i),
  error_code: at(STATUSES, i) === 200 ? null : `upstream_${at(STATUSES, i)}`,
  provider_response_id: null,
  started_at: '2026-11-23T00:00:00.000Z',
  duration_ms: (i * 37) % 20_000,
  key_owner: 'platform',
});

const recordOf = (attempt: AttemptRow, i: number): UsageRecordRow => ({
  ...tokens,
  request_id: ID,
  customer_id: 'demo',
  key_id: ID,
  session: null,
  tags: [],
  surface: i % 7 === 0 ? 'embeddings' : 'chat.completions',
  path: i % 3 === 0 ? 'direct' : 'gateway',
  cohort: 'gateway',
  cohort_reason: null,
  provider: attempt.provider,
  requested_model: attempt.model,
  served_model: attempt.model,
  stream: i % 2 === 0,
  status: attempt.status,
  http_status: attempt.http_status,
  error_code: attempt.error_code,
  attempts: 1,
  unknown_attempts: 0,
  started_at: attempt.started_at,
  first_byte_ms: (i * 13) % 3_000,
  duration_ms: (attempt.duration_ms ?? 0) + 1,
});

/** Rows are made beforehand: a request has them anyway. */
const finished = Array.from({ length: 4 * 3 * 5 * 7 }, (_, i) => {
  const attempt = attemptOf(i);
  return { record: recordOf(attempt, i), attempts: [attempt] };
});

function measure(name: string, run: (one: (typeof finished)[number]) => void): void {
  const round = (): number => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) run(at(finished, i));
    return Number(process.hrtime.bigint() - start) / CALLS;
  };
  round();
  console.log(`${name}: ${median(Array.from({ length: ROUNDS }, round)).toFixed(0)} ns`);
}

const metrics = new GatewayMetrics();
measure('Prometheus, observe', ({ record, attempts }) => metrics.observe(record, attempts));

const off = await Tracing.start({ otlp: null, warnings: [] }, {}, new GatewayMetrics());
measure('OpenTelemetry off, begin and observe', ({ record, attempts }) => off.observe(record, attempts, off.begin(ID, {})));
measure("OpenTelemetry off, begin with a caller's trace", () => void off.begin(ID, { traceparent: TRACEPARENT }));

for (const ratio of ['0', '0.01', '1']) {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio, OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2048', OTEL_METRIC_EXPORT_INTERVAL: '600000' };
  const on = await Tracing.start(telemetryConfig(env), { openai: 'https://api.openai.com' }, new GatewayMetrics());
  measure(`OpenTelemetry on, ${ratio} sampled, begin and observe`, ({ record, attempts }) => on.observe(record, attempts, on.begin(ID, {})));
}

const start = process.hrtime.bigint();
const { body } = await metrics.render();
console.log(`render: ${(Number(process.hrtime.bigint() - start) / 1e6).toFixed(1)} ms, ${body.length} bytes`);
process.exit(0);
