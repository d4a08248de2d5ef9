import { MemoryFlags, trafficOf } from '../libs/flags/test/memory-flags.js';

// What `assign()` costs on a request's path: answered from the cache, and evaluated anew by unleash-client.
// No stores. `node --import ./test/support/typescript-hooks.mjs bench/flags.ts`.

const ROUNDS = 9;

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Nanoseconds per call: the median of some rounds, after one to warm up. */
function nanoseconds(calls: number, call: (i: number) => void): number {
  const round = (): number => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) call(i);
    return Number(process.hrtime.bigint() - start) / calls;
  };
  round();
  return median(Array.from({ length: ROUNDS }, round));
}

const subjects = Array.from({ length: 1_000 }, (_, i) => ({ customerId: `customer-${i}`, keyId: `0198a1b2-0000-7000-8000-${String(i).padStart(12, '0')}`, session: `session-${i}` }));
const at = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;

for (const stickiness of ['customer', 'key', 'session'] as const) {
  const flags = new MemoryFlags(trafficOf({ gatewayPercentage: 50, stickiness }));
  await flags.router.start();
  const cached = nanoseconds(1_000_000, (i) => void flags.router.assign(at(subjects, i)));
  console.log(`assign, sticky to ${stickiness}, cached, 1,000 subjects: ${cached.toFixed(0)} ns`);
  flags.router.stop();
}

const flags = new MemoryFlags(trafficOf({ gatewayPercentage: 50 }));
await flags.router.start();
let unique = 0;
const evaluated = nanoseconds(100_000, () => void flags.router.assign({ customerId: `u${unique++}`, keyId: 'k', session: null }));
console.log(`assign, a new customer each time: ${evaluated.toFixed(0)} ns`);
console.log(`isEnabled, cached: ${nanoseconds(1_000_000, (i) => void flags.router.isEnabled('billing_enabled', at(subjects, i).customerId)).toFixed(0)} ns`);
flags.router.stop();
