import fc from 'fast-check';
import { BEAT_MS } from './adapters/leased-limiter.js';
import { billingMonthAt } from './core/billing-month.js';
import { MeterState } from './core/meter-state.js';
import { type MeterReport, SLOT_MS, WINDOW_MS } from './core/meter-sync.js';
import { CountingStore, createLimiterWorld, FixedTerms } from './limits.fakes.js';
import { type Reservation } from './ports/limiter.js';

const MINUTE = WINDOW_MS;

/** The most that happened within any minute. */
function mostInAMinute(times: readonly number[]): number {
  let most = 0;
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! >= MINUTE) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

const settled = { tokens: 0, costPd: 0, platformCostPd: 0 };

describe('limits', () => {
  it('hold within 1 % at 1,000 requests a second: never more in any minute, hardly less, and next to no trips', async () => {
    const limit = 3_000;
    let store!: CountingStore;
    const world = createLimiterWorld(new FixedTerms({ customer: { requestsPerMinute: limit } }), (now) => (store = new CountingStore(now)));
    const admitted: number[] = [];
    const minutes = 3;
    for (let i = 0; i < minutes * 60_000; i++) {
      world.now++;
      if (i % BEAT_MS === 0) world.limiter.beat();
      const admission = await world.reserve();
      if (admission.ok) {
        admitted.push(world.now);
        admission.reservation.settle(settled);
      }
    }
    expect(mostInAMinute(admitted)).toBeLessThanOrEqual(limit);
    expect(admitted.length).toBeGreaterThanOrEqual(minutes * limit * 0.99);
    // A refusal is believed for a tenth of a second, and grants come in parts: no request pays for a trip of its own.
    expect(store.trips).toBeLessThan(minutes * 60_000 * 0.02);
  });

  it('never let a budget be exceeded, and give back what was reserved and not spent', async () => {
    const cap = 10_000;
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ kind: fc.constant('reserve' as const), microUsd: fc.integer({ min: 1, max: 3_000 }) }) },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), at: fc.nat(), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
      ),
      { minLength: 20, maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0, max: 4_000 }), async (ops, before) => {
        const world = createLimiterWorld(new FixedTerms({ customer: { monthlyBudgetMicroUsd: cap } }), (now) => new CountingStore(now), before);
        const open: { reservation: Reservation; microUsd: number }[] = [];
        let spentPd = 0;
        const promised = (): number => open.reduce((sum, { microUsd }) => sum + microUsd, 0);
        for (const op of ops) {
          if (op.kind === 'wait') {
            world.now += op.ms;
            world.limiter.beat();
          } else if (op.kind === 'settle') {
            const [one] = open.splice(op.at % Math.max(1, open.length), 1);
            if (one === undefined) continue;
            const costPd = Math.floor(one.microUsd * 1_000_000 * op.share);
            spentPd += costPd;
            one.reservation.settle({ tokens: 0, costPd, platformCostPd: 0 });
          } else {
            const admission = await world.reserve({ microUsd: op.microUsd });
            if (admission.ok) open.push({ reservation: admission.reservation, microUsd: op.microUsd });
            // What is refused would not have fitted: nothing that came back is kept from anybody.
            else expect(before + Math.ceil(spentPd / 1e6) + promised() + op.microUsd).toBeGreaterThan(cap);
          }
          expect(before + spentPd / 1e6 + promised()).toBeLessThanOrEqual(cap);
        }
        for (const { reservation } of open) reservation.settle(settled);
        const left = cap - before - Math.ceil(spentPd / 1e6);
        expect((await world.reserve({ microUsd: left })).ok).toBe(true);
        expect((await world.reserve({ microUsd: 1 })).ok).toBe(false);
        expect(world.troubles).toEqual([]);
      }),
      { numRuns: 60, seed: 20_261_123 },
    );
  });

  it('never let more through in any minute, whatever the pace and the tokens', async () => {
    const ops = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 20_000 }), requests: fc.integer({ min: 1, max: 12 }), tokens: fc.integer({ min: 0, max: 90 }) }), { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(ops, async (steps) => {
        const world = createLimiterWorld(new FixedTerms({ customer: { requestsPerMinute: 20 }, key: { tokensPerMinute: 300 } }), (now) => new CountingStore(now));
        const requests: number[] = [];
        const tokens: number[] = [];
        for (const step of steps) {
          world.now += step.ms;
          world.limiter.beat();
          for (let i = 0; i < step.requests; i++) {
            const admission = await world.reserve({ tokens: step.tokens });
            if (!admission.ok) continue;
            admission.reservation.settle({ tokens: step.tokens, costPd: 0, platformCostPd: 0 });
            requests.push(world.now);
            for (let t = 0; t < step.tokens; t++) tokens.push(world.now);
          }
        }
        expect(mostInAMinute(requests)).toBeLessThanOrEqual(20);
        expect(mostInAMinute(tokens)).toBeLessThanOrEqual(300);
      }),
      { numRuns: 60, seed: 20_261_123 },
    );
  });

  it('are taken up to the last one at once, and tell when the next is due', async () => {
    const world = createLimiterWorld(new FixedTerms({ customer: { requestsPerMinute: 60, tokensPerMinute: 100_000 }, key: { requestsPerMinute: 100 } }), (now) => new CountingStore(now));
    for (let i = 0; i < 60; i++) expect(await world.reserve({ tokens: 10 })).toMatchObject({ ok: true });
    const refused = await world.reserve({ tokens: 10 });
    expect(refused).toMatchObject({ ok: false, limited: { name: 'requests', scope: 'customer', limit: 60, spent: false } });
    if (refused.ok) throw new Error('unreachable');
    expect(refused.limited.retryAfterMs).toBeGreaterThan(MINUTE - SLOT_MS);
    expect(refused.limited.retryAfterMs).toBeLessThanOrEqual(MINUTE + SLOT_MS);
    expect(refused.limited.states).toContainEqual(expect.objectContaining({ name: 'requests', limit: 60, remaining: 0 }));
    world.now += refused.limited.retryAfterMs;
    expect(await world.reserve()).toMatchObject({ ok: true });
  });

  it('of requests under way are free again with their end', async () => {
    const world = createLimiterWorld(new FixedTerms({ key: { concurrency: 2 } }), (now) => new CountingStore(now));
    const first = await world.reserve();
    const second = await world.reserve();
    expect(await world.reserve()).toMatchObject({ ok: false, limited: { name: 'concurrency', scope: 'key', limit: 2 } });
    if (!first.ok || !second.ok) throw new Error('two may be under way');
    first.reservation.settle(settled);
    first.reservation.settle(settled);
    expect(await world.reserve()).toMatchObject({ ok: true });
    expect(await world.reserve()).toMatchObject({ ok: false });
  });

  it('that are not enforced never make a request wait, and count what they would have refused', async () => {
    const terms = new FixedTerms({ customer: { requestsPerMinute: 10, monthlyBudgetMicroUsd: 1_000 } });
    const world = createLimiterWorld(terms, (now) => new CountingStore(now));
    const key = world.limiter.of('acme', 'key')!;
    let through = 0;
    for (let i = 0; i < 30; i++) {
      let inTheSameTurn = false;
      key.reserve({ tokens: 0, microUsd: 10, platformMicroUsd: 0 }, false, (admission) => {
        inTheSameTurn = true;
        if (!admission.ok) throw new Error('nothing may be refused');
        expect(admission.reservation.states()).toEqual([]);
        admission.reservation.settle({ tokens: 0, costPd: 10_000_000, platformCostPd: 0 });
        through++;
      });
      expect(inTheSameTurn).toBe(true);
      world.now += BEAT_MS;
      world.limiter.beat();
      await Promise.resolve().then(() => undefined);
    }
    expect(through).toBe(30);
    const use = await world.limiter.use('acme', null);
    const requests = use.find(({ name }) => name === 'requests')!;
    expect(requests.used).toBeLessThanOrEqual(12);
    expect(requests.wouldHaveBeenLimited).toBeGreaterThanOrEqual(18);
    expect(world.limiter.wouldHaveBeenLimited.requests).toBe(requests.wouldHaveBeenLimited);
    // What was spent was spent, also by requests that the other limit would have refused.
    expect(use.find(({ name }) => name === 'budget')).toMatchObject({ used: 300, limit: 1_000, remaining: 700 });
  });

  it('of what the platform\'s keys may spend are hard whether limits are enforced or not', async () => {
    const world = createLimiterWorld(new FixedTerms({ platformBudgetMicroUsd: 100, customer: { requestsPerMinute: 1 } }), (now) => new CountingStore(now));
    expect(await world.reserve({ platformMicroUsd: 60 }, false)).toMatchObject({ ok: true });
    expect(await world.reserve({ platformMicroUsd: 60 }, false)).toMatchObject({ ok: false, limited: { name: 'platform_budget', limit: 100, spent: false } });
    // With its own provider key it spends nothing of ours.
    expect(await world.reserve({ platformMicroUsd: 0 }, false)).toMatchObject({ ok: true });
  });

  it('of a month begin with what the books say, and end with it', async () => {
    const world = createLimiterWorld(new FixedTerms({ customer: { monthlyBudgetMicroUsd: 1_000 }, billingAnchorDay: 24 }), (now) => new CountingStore(now), 990);
    expect(await world.reserve({ microUsd: 20 })).toMatchObject({ ok: false, limited: { name: 'budget', spent: true, retryAfterMs: Date.UTC(2026, 10, 24) - world.now } });
    expect(world.book.asked).toBe(1);
    world.book.microUsd = 0;
    world.now = Date.UTC(2026, 10, 24);
    expect(await world.reserve({ microUsd: 20 })).toMatchObject({ ok: true });
  });

  it('stand clocks that jump: an hour back keeps nobody out for longer than a minute, nor lets more through at once', async () => {
    const world = createLimiterWorld(new FixedTerms({ customer: { requestsPerMinute: 5 } }), (now) => new CountingStore(now));
    for (let i = 0; i < 5; i++) expect(await world.reserve()).toMatchObject({ ok: true });
    world.now -= 3_600_000;
    expect(await world.reserve()).toMatchObject({ ok: false });
    world.now += MINUTE + 2 * SLOT_MS;
    world.limiter.beat();
    expect(await world.reserve()).toMatchObject({ ok: true });
  });

  it('cost nothing where there are none', () => {
    const world = createLimiterWorld(new FixedTerms({}), (now) => new CountingStore(now));
    expect(world.limiter.of('acme', 'key')).toBeNull();
  });
});

describe('a meter of a process that goes alone', () => {
  const report = (of: Partial<MeterReport>): MeterReport => ({ id: 'm', kind: 'window', limit: 100, from: 0, to: 0, hold: 0, want: 0, need: 0, floor: null, ...of });

  it('has its share of the minute, less what it has used of it', () => {
    const meter = new MeterState('window');
    meter.mirror(report({ to: 10 }), { granted: 0, used: 10, held: 0, retryAfterMs: 0, resetMs: 0, known: true, heard: true }, 0);
    expect(meter.sync(report({ from: 10, to: 10, want: 100, need: 100 }), 4, 1).granted).toBe(15);
  });

  it('has its share of what was left of a budget when it was last known', () => {
    const meter = new MeterState('total');
    meter.mirror(report({ kind: 'total', to: 40 }), { granted: 0, used: 50, held: 10, retryAfterMs: 0, resetMs: 0, known: true, heard: true }, 0);
    expect(meter.sync(report({ kind: 'total', from: 40, to: 40, want: 100, need: 100 }), 2, 1).granted).toBe(20);
  });

  it('counts nothing twice that was told twice', () => {
    const meter = new MeterState('window');
    meter.sync(report({ to: 60 }), 1, 0);
    expect(meter.sync(report({ from: 0, to: 70, want: 100, need: 100 }), 1, 10)).toMatchObject({ used: 70, granted: 30 });
  });
});

describe('a billing month', () => {
  it('begins on the anchor\'s day, also around the turn of the year', () => {
    expect(billingMonthAt(Date.UTC(2026, 0, 4, 23, 59), 5)).toEqual({ name: '2025-12-05', from: Date.UTC(2025, 11, 5), to: Date.UTC(2026, 0, 5) });
    expect(billingMonthAt(Date.UTC(2026, 0, 5), 5)).toEqual({ name: '2026-01-05', from: Date.UTC(2026, 0, 5), to: Date.UTC(2026, 1, 5) });
  });
});
