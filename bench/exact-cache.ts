/**
 * What the exact cache costs on a request's path: the key, and the lookup where the answer is in this process, in Redis,
 * or nowhere. `node --import ./test/support/typescript-hooks.mjs bench/exact-cache.ts`; it starts a Redis of its own.
 */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentBox } from '@apex/auth';
import { DEFAULT_POLICY, type PolicySnapshot, RuleDecisionLayer } from '@apex/policy';
import { createRedis, LocalBus, RedisBus, startEmbeddedRedis } from '@apex/queue';
import { openResponseCache } from '../libs/gateway/src/adapters/open-response-cache.js';
import { ExactCache } from '../libs/gateway/src/core/cache/exact-cache.js';
import { type CacheAsk, type Recorded } from '../libs/gateway/src/core/cache/flight.js';
import { exactKey, type KeyedRequest } from '../libs/gateway/src/core/cache/exact-key.js';
import { type PlanDeps, planFor } from '../libs/gateway/src/core/plan.js';
import { type Admitted } from '../libs/gateway/src/core/types.js';
import { scanTopLevel } from '../libs/gateway/src/core/json/top-level.js';

const provider = { name: 'openai', origin: 'https://api.openai.com', basePath: '/v1' } as KeyedRequest['candidates'][number]['target']['provider'];

function request(words: number, messages: number, indent?: number): KeyedRequest {
  const content = 'The quick brown fox jumps. '.repeat(words);
  const body = Buffer.from(
    JSON.stringify({ model: 'gpt-4o-mini', messages: Array.from({ length: messages }, () => ({ role: 'user', content })), temperature: 0, max_tokens: 100, seed: 7, response_format: { type: 'text' } }, null, indent),
  );
  return { key: { customerId: 'demo' }, surface: 'chat.completions', headers: {}, body, top: scanTopLevel(body)!, candidates: [{ target: { provider, model: 'gpt-4o-mini' } }] };
}

function percentile(sorted: Float64Array, share: number): string {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1).padStart(7);
}

/** Microseconds per call, over calls that are made one after the other. */
async function time(name: string, calls: number, call: (i: number) => Promise<void> | void): Promise<void> {
  for (let i = 0; i < calls / 4; i++) await call(-1 - i);
  const took = new Float64Array(calls);
  for (let i = 0; i < calls; i++) {
    const start = process.hrtime.bigint();
    const waited = call(i);
    if (waited !== undefined) await waited;
    took[i] = Number(process.hrtime.bigint() - start) / 1_000;
  }
  took.sort();
  console.log(`${name.padEnd(44)} p50 ${percentile(took, 0.5)} us   p99 ${percentile(took, 0.99)} us`);
}

for (const [name, one] of [
  ['key of 1 KB', request(35, 1)],
  ['key of 1 KB with white space', request(30, 1, 2)],
  ['key of 10 KB in 10 messages', request(37, 10)],
  ['key of 100 KB in one message', request(3_700, 1)],
  ['key of 100 KB in 1,000 messages', request(3, 1_000)],
] as const) {
  await time(`${name} (${one.body.length} bytes)`, 20_000, () => void exactKey(one));
}

const directory = mkdtempSync(join(tmpdir(), 'apex-bench-cache-'));
const redis = await startEmbeddedRedis({ dir: directory, cacheDir: new URL('../.cache/redis', import.meta.url).pathname });
if (redis.url === null) throw new Error(redis.reason);
const box = new ContentBox(Buffer.alloc(32, 1)).derive('cached answers');
const buses: RedisBus[] = [];
const open = (times = {}) => {
  const bus = new RedisBus(redis.url);
  buses.push(bus);
  return openResponseCache({ redisUrl: redis.url, box, bus, now: Date.now, times: { deadlineMs: 1_000, ...times } });
};
const body = Buffer.from(JSON.stringify({ id: 'x', choices: [{ index: 0, message: { role: 'assistant', content: 'Lorem ipsum. '.repeat(40) }, finish_reason: 'stop' }] }));
const recorded: Recorded = {
  status: 200,
  contentType: 'application/json',
  streamed: false,
  chunks: [body],
  ignored: [],
  usage: { promptTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 1, reasoningTokens: 0 },
  usageSource: 'provider',
  provider: 'openai',
  model: 'gpt-4o-mini',
};
const ask = (hash: string): CacheAsk => ({ customerId: 'demo', hash, surface: 'chat.completions', requestedModel: 'gpt-4o-mini', tags: [], ttlMs: 86_400_000, deadlineAt: Date.now() + 60_000 });
const exact = (cache: ReturnType<typeof open>['cache']) =>
  new ExactCache({
    cache,
    now: Date.now,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    defer: setImmediate,
    onDefect: (error) => {
      throw error;
    },
  });
const secret = Buffer.alloc(32, 1);
const policy: PolicySnapshot = { id: '01956c00-0000-7000-8000-00000000beef', version: 1, customerId: null, document: { ...DEFAULT_POLICY, experiment: { ...DEFAULT_POLICY.experiment, controlPpm: 0 } } };
const plans: PlanDeps = { policies: { of: () => policy, secretAt: () => secret } as unknown as PlanDeps['policies'], decisions: new RuleDecisionLayer({ isEnabled: () => false }) };
const strange = (i: number): string => hash('sha256', String(i));
const hashOf = (i: number): string => hash('sha256', `stored ${i}`);
const lookup = (cache: ExactCache, hash: string, expected: string): Promise<void> =>
  new Promise((resolve, reject) =>
    void cache.lookup(ask(hash), (found) => {
      if (found.kind === 'miss') found.flight.abandon();
      const got = found.kind === 'hit' ? found.from : found.kind;
      if (got === expected) resolve();
      else reject(new Error(`${got} instead of ${expected}`));
    }),
  );

const one = open();
const two = open();
while (one.shared() !== true || two.shared() !== true) await new Promise((resolve) => setTimeout(resolve, 10));
const [first, second] = [exact(one.cache), exact(two.cache)];
const CALLS = 10_000;
/** Answers in Redis, on either side of zero. */
const KEPT = 2_000;
const keyed = request(35, 1);
for (let i = -KEPT; i < KEPT; i++) {
  first.lookup(ask(hashOf(i)), (found) => found.kind === 'miss' && found.flight.end(recorded));
  // No faster than they are given away.
  if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 25));
}
first.lookup(ask(exactKey(keyed)!), (found) => found.kind === 'miss' && found.flight.end(recorded));
await new Promise((resolve) => setTimeout(resolve, 500));
await time('key of 1 KB and lookup, hit in this process', 100_000, () => lookup(first, exactKey(keyed)!, 'memory'));
const asked = { ...keyed, key: { customerId: 'demo', keyId: 'k' }, labels: { session: null, tags: [] }, call: { model: 'gpt-4o-mini' }, receivedAt: Date.now() } as unknown as Admitted;
await time('decide, key of 1 KB and lookup, hit', 100_000, () => {
  if (planFor(asked, plans)?.decision.exactCache == null) throw new Error('not for the cache');
  return lookup(first, exactKey(keyed)!, 'memory');
});
await time('decide, key of 1 KB and lookup, miss', CALLS, (i) => {
  planFor(asked, plans);
  exactKey(keyed);
  return lookup(first, strange(-i - 1), 'miss');
});
await time('lookup, hit in Redis', KEPT, (i) => lookup(second, hashOf(i), 'shared'));
await time('lookup, miss', CALLS, (i) => lookup(first, strange(i), 'miss'));
const cpu = process.cpuUsage();
await Promise.all(
  Array.from({ length: 64 }, async (_, lane) => {
    for (let i = 0; i < 1_000; i++) await lookup(first, strange(lane * 1_000 + i), 'miss');
  }),
);
const { user, system } = process.cpuUsage(cpu);
console.log(`a miss, 64 at once: ${((user + system) / 64_000).toFixed(1)} us CPU of this process`);
// Known by name, and gone: the question has to be asked.
const client = createRedis({ url: redis.url, name: 'bench', whenAway: 'wait' });
await client.flushall();
client.disconnect();
await time('lookup, miss that had to ask Redis', KEPT / 2, (i) => lookup(second, hashOf(-(KEPT / 4) - 1 - Math.abs(i)), 'miss'));
const alone = exact(openResponseCache({ redisUrl: null, box, bus: new LocalBus(), now: Date.now }).cache);
await time('lookup, miss without Redis', 100_000, (i) => lookup(alone, hashOf(i), 'miss'));
await Promise.all([one.close(), two.close()]);
await redis.stop();
for (const bus of buses) bus.close();
rmSync(directory, { recursive: true });
process.exit(0);
