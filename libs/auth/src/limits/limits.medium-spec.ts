import { newId } from '@apex/common';
import fc from 'fast-check';
import { eventually, until } from '../../../../test/support/eventually.js';
import { FreezingProxy } from '../../../../test/support/freezing-proxy.js';
import { testRedisUrl } from '../../../../test/support/redis.js';
import { BEAT_MS } from './adapters/leased-limiter.js';
import { LIMIT_SCRIPT } from './adapters/redis-limit-script.js';
import { RedisLimitStore, type RedisLimitTimes } from './adapters/redis-limit-store.js';
import { MeterState } from './core/meter-state.js';
import { type MeterKind, type MeterReport, WINDOW_MS } from './core/meter-sync.js';
import { createLimiterWorld, FixedTerms, type LimiterWorld } from './limits.fakes.js';
import { type Admission } from './ports/limiter.js';

interface Inner {
  readonly redis: {
    readonly status: string;
    defineCommand(name: string, options: { lua: string }): void;
    apexLimits(...args: (string | number)[]): Promise<unknown>;
    apexLimitsAt(...args: (string | number)[]): Promise<unknown>;
  };
}

const inner = (store: RedisLimitStore): Inner['redis'] => (store as unknown as Inner).redis;

describe('limits over several processes', () => {
  const opened: RedisLimitStore[] = [];

  /** A process' own limiter and connection. A busy machine is not an outage: it waits for Redis longer than requests do. */
  async function start(namespace: string, terms: FixedTerms, { url = testRedisUrl(), spent = 0, now, ...times }: Partial<RedisLimitTimes> & { url?: string; spent?: number; now?: () => number } = {}): Promise<LimiterWorld> {
    let store!: RedisLimitStore;
    const world = createLimiterWorld(
      terms,
      (own) => {
        store = new RedisLimitStore(url, namespace, own, { deadlineMs: 10_000, ...times });
        if (now !== undefined) readsTimeFrom(store, now);
        return store;
      },
      spent,
    );
    opened.push(store);
    await until(() => inner(store).status === 'ready', 'a connection to Redis');
    return world;
  }

  /** The same script with a clock of ours. */
  function readsTimeFrom(store: RedisLimitStore, now: () => number): void {
    const redis = inner(store);
    redis.defineCommand('apexLimitsAt', { lua: LIMIT_SCRIPT.replace("redis.call('TIME')", '{ math.floor(ARGV[#ARGV] / 1000), (ARGV[#ARGV] % 1000) * 1000 }') });
    redis.apexLimits = (...args) => redis.apexLimitsAt(...args, now());
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  const admitted = (admissions: readonly Admission[]) => admissions.flatMap((admission) => (admission.ok ? [admission.reservation] : []));

  it('let 50 of 200 at once through where the budget allows 50, and give back what those did not spend', async () => {
    const namespace = newId();
    const terms = new FixedTerms({ customer: { monthlyBudgetMicroUsd: 50_000 } });
    const processes = [await start(namespace, terms), await start(namespace, terms)];
    const first = await Promise.all(Array.from({ length: 200 }, (_, i) => processes[i % 2]!.reserve({ microUsd: 1_000 })));
    const reservations = admitted(first);
    expect(reservations).toHaveLength(50);
    expect(first.find((one) => !one.ok)).toMatchObject({ ok: false, limited: { name: 'budget', spent: false } });

    // Each has cost a quarter: 37,500 are there again, for whichever process asks.
    for (const reservation of reservations) reservation.settle({ tokens: 0, costPd: 250_000_000, platformCostPd: 0 });
    for (const process of processes) for (let i = 0; i < 3; i++) process.limiter.beat();
    const second: Admission[] = [];
    await until(async () => {
      for (const process of processes) process.limiter.beat();
      second.push(...(await Promise.all(processes.map((process) => process.reserve({ microUsd: 1_000 })))));
      return admitted(second).length >= 37;
    }, 'what was not spent to come back');
    for (const reservation of admitted(second)) reservation.settle({ tokens: 0, costPd: 1_000_000_000, platformCostPd: 0 });
    expect(admitted(second)).toHaveLength(37);
    expect((await processes[1]!.limiter.use('acme', null))[0]!.used).toBeLessThanOrEqual(50_000);
  });

  it('hold within 1 % at 1,000 requests a second over two processes, by the clock of Redis', async () => {
    const limit = 3_000;
    const namespace = newId();
    const clock = { now: Date.UTC(2026, 10, 23) };
    const terms = new FixedTerms({ customer: { requestsPerMinute: limit } });
    const processes = [await start(namespace, terms, { now: () => clock.now }), await start(namespace, terms, { now: () => clock.now })];
    const times: number[] = [];
    // Long enough for all of a minute's to be used twice, a minute apart.
    for (let i = 0; i < 70_000; i++) {
      clock.now++;
      const process = processes[i % 2]!;
      for (const world of processes) world.now = clock.now;
      if (i % BEAT_MS === 0) for (const world of processes) world.limiter.beat();
      const admission = await process.reserve();
      if (!admission.ok) continue;
      times.push(clock.now);
      admission.reservation.settle({ tokens: 0, costPd: 0, platformCostPd: 0 });
    }
    let most = 0;
    for (let from = 0, to = 0; to < times.length; to++) {
      while (times[to]! - times[from]! >= WINDOW_MS) from++;
      most = Math.max(most, to - from + 1);
    }
    expect(most).toBeLessThanOrEqual(limit);
    expect(times.length).toBeGreaterThanOrEqual(2 * limit * 0.99);
  });

  it('take back what a process held that has died', async () => {
    const namespace = newId();
    const terms = new FixedTerms({ key: { concurrency: 4, monthlyBudgetMicroUsd: 1_000 } });
    const dead = await start(namespace, terms, { leaseMs: 200 });
    for (let i = 0; i < 4; i++) expect(await dead.reserve({ microUsd: 250 })).toMatchObject({ ok: true });
    const other = await start(namespace, terms, { leaseMs: 200 });
    // Nobody beats for the first one: it says nothing any more.
    await eventually('the dead process\' lease to end', async () => ((await other.reserve({ microUsd: 1_000 })).ok ? true : ((other.now += 1_000), undefined)));
  });

  it('refuse nobody for Redis being away: each process has its share, and tells what was used when it is back', async () => {
    const namespace = newId();
    const proxy = await FreezingProxy.before(testRedisUrl());
    try {
      const terms = new FixedTerms({ customer: { requestsPerMinute: 100 }, key: { monthlyBudgetMicroUsd: 10_000 } });
      const world = await start(namespace, terms, { url: proxy.url, spent: 1_000, deadlineMs: 100 });
      const other = await start(namespace, terms);
      expect(await world.reserve({ microUsd: 1 })).toMatchObject({ ok: true });
      proxy.freeze('requests', 'answers');
      const alone: Admission[] = [];
      for (let i = 0; i < 300; i++) alone.push(await world.reserve({ microUsd: 10 }));
      const through = admitted(alone).length;
      expect(through).toBeGreaterThan(0);
      expect(through).toBeLessThanOrEqual(100);
      for (const reservation of admitted(alone)) reservation.settle({ tokens: 0, costPd: 10_000_000, platformCostPd: 0 });
      proxy.thaw();
      await until(async () => {
        world.limiter.beat();
        const use = await other.limiter.use('acme', 'key');
        return use.find(({ name }) => name === 'requests')!.used >= through && use.find(({ name }) => name === 'budget')!.used >= 1_000 + through * 10;
      }, 'what was used meanwhile to be told');
    } finally {
      await proxy.close();
    }
  });

  it('that are not enforced ask nobody on a request\'s way, also while Redis says nothing', async () => {
    const proxy = await FreezingProxy.before(testRedisUrl());
    try {
      const world = await start(newId(), new FixedTerms({ customer: { requestsPerMinute: 5, monthlyBudgetMicroUsd: 5 } }), { url: proxy.url });
      proxy.freeze('requests', 'answers');
      const key = world.limiter.of('acme', 'key')!;
      let through = 0;
      for (let i = 0; i < 20; i++) key.reserve({ tokens: 0, microUsd: 1, platformMicroUsd: 0 }, false, ({ ok }) => (through += ok ? 1 : 0));
      expect(through).toBe(20);
    } finally {
      await proxy.close();
    }
  });

  it('are the same in Redis as in a process that is alone', async () => {
    const report = fc.record({
      ms: fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 60_000, max: 200_000 }), fc.integer({ min: -100_000, max: 0 })),
      used: fc.nat(40),
      hold: fc.nat(30),
      want: fc.nat(60),
      need: fc.nat(30),
      floor: fc.option(fc.nat(50)),
    });
    const kinds = fc.constantFrom<MeterKind>('window', 'gauge', 'total');
    const clock = { now: 0 };
    const store = new RedisLimitStore(testRedisUrl(), newId(), () => 0, { deadlineMs: 10_000 });
    opened.push(store);
    readsTimeFrom(store, () => clock.now);
    await until(() => inner(store).status === 'ready', 'a connection to Redis');
    await fc.assert(
      fc.asyncProperty(kinds, fc.array(report, { minLength: 1, maxLength: 25 }), async (kind, steps) => {
        const meter = new MeterState(kind);
        const id = newId();
        clock.now = Date.UTC(2026, 10, 23);
        let told = 0;
        for (const { ms, used, hold, want, need, floor } of steps) {
          clock.now += ms;
          const said: MeterReport = { id, kind, limit: 100, from: told, to: told + used, hold, want: Math.max(want, need), need, floor };
          const [inRedis] = await store.sync('acme', [said]);
          const alone = meter.sync(said, 1, clock.now);
          expect({ ...inRedis, retryAfterMs: null, resetMs: null }).toEqual({ ...alone, retryAfterMs: null, resetMs: null });
          if (kind === 'window') expect(inRedis).toMatchObject({ retryAfterMs: alone.retryAfterMs, resetMs: alone.resetMs });
          if (alone.known) told += used;
        }
      }),
      { numRuns: 60, seed: 20_261_123 },
    );
  });
});
