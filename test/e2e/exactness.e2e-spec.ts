import { setTimeout as pause } from 'node:timers/promises';
import { startOwnPostgres } from '../support/postgres.js';
import { startOwnRedis } from '../support/redis.js';
import { type Apex, type ApexOptions, startApex } from './support/apex.js';
import { eventually } from '../support/eventually.js';
import { expectExactBooks } from './support/exactness.js';
import { Load } from './support/load.js';

const REQUESTS = 5_000;
const CONCURRENCY = 64;
const OUTAGE_MS = 10_000;
const LIMIT_MS = 180_000;

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 90_000);

async function apexWith(options: ApexOptions = {}): Promise<Apex> {
  const apex = await startApex(options);
  ends.push(() => apex.close());
  return apex;
}

const loadOn = (apex: Apex, seed: number): Load => new Load(apex, { seed, requests: REQUESTS, concurrency: CONCURRENCY });

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string }>>;
}

/** Takes a store away in the middle of traffic for 10 s; the traffic goes on all the while, and after. */
async function outage(apex: Apex, load: Load, store: 'postgres' | 'redis', server: { stop(): Promise<void>; start(): Promise<void> }): Promise<void> {
  await load.reached(1_500);
  await load.keepGoingDuring(async () => {
    await server.stop();
    const before = load.sent.length;
    await pause(OUTAGE_MS);
    const { body } = await apex.api<Health>('GET', '/health');
    expect(body).toMatchObject({ status: 'degraded', checks: { [store]: { status: 'down' } } });
    const during = load.sent.slice(before);
    expect(during.length).toBeGreaterThan(500);
    expect(during.filter(({ plan, status }) => status !== plan.status)).toEqual([]);
    await server.start();
    await load.reached(load.sent.length + 500);
  });
}

describe('5,000 mixed requests, 64 at a time, are in the books to the token and the picodollar', () => {
  it('with everything up', async () => {
    const apex = await apexWith();
    const sent = await loadOn(apex, 1).run();
    expect(sent.filter(({ end }) => end === 'broken' || end === 'refused')).toEqual([]);
    await expectExactBooks(apex, sent);
  }, LIMIT_MS);

  it('with the gateway killed in the middle and started again', async () => {
    const apex = await apexWith();
    const load = loadOn(apex, 2);
    const run = load.run();
    await load.reached(2_000);
    await load.holdDuring(async () => {
      await apex.kill();
      await apex.start();
    });
    const sent = await run;
    const broken = sent.filter(({ end }) => end === 'broken' || end === 'refused');
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.length).toBeLessThanOrEqual(CONCURRENCY);
    const { cutShort } = await expectExactBooks(apex, sent, CONCURRENCY);
    expect(cutShort).toBeGreaterThan(0);
  }, LIMIT_MS);

  it('with Postgres stopped for 10 s', async () => {
    const postgres = await startOwnPostgres();
    ends.push(() => postgres.stop());
    const apex = await apexWith({ postgres: postgres.url });
    const load = loadOn(apex, 3);
    const [sent] = await Promise.all([load.run(), outage(apex, load, 'postgres', postgres)]);
    await healthy(apex);
    await expectExactBooks(apex, sent);
  }, LIMIT_MS);

  it('with Redis stopped for 10 s', async () => {
    const redis = await startOwnRedis();
    ends.push(() => redis.stop());
    const apex = await apexWith({ redis: redis.url });
    const load = loadOn(apex, 4);
    const [sent] = await Promise.all([load.run(), outage(apex, load, 'redis', redis)]);
    await healthy(apex);
    await expectExactBooks(apex, sent);
  }, LIMIT_MS);
});

const healthy = (apex: Apex): Promise<true> =>
  eventually('all stores up again', async () => ((await apex.api<Health>('GET', '/health')).body.status === 'ok' ? true : undefined), 15_000);
