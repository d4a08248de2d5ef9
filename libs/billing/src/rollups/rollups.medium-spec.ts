import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { until } from '../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase, untilHorizonPasses } from '../../../../test/support/postgres.js';
import { seeded, settleUsage, writeUsage } from '../../test/usage-books.js';
import { DAY_MS, HOUR_MS } from '../core/rollups/buckets.js';
import { RollupChecks } from './rollup-checks.service.js';
import { Rollups } from './rollups.service.js';

jest.setTimeout(60_000);

const DAY = Date.UTC(2026, 4, 10);
const CUSTOMERS = ['acme', 'globex', 'initech'];
const PERIOD = { from: DAY - 2 * DAY_MS, to: DAY + DAY_MS, customers: CUSTOMERS };

/** Not the code under test: every split's sums, straight from the records, by Postgres 18's own idea of an id's time. */
const EXPECTED = `
  select g.granularity, date_trunc(g.granularity, uuid_extract_timestamp(r.request_id), 'UTC') as bucket, customer_id, key_id, cohort, provider, requested_model, served_model, status,
    count(*)::text as requests, sum(prompt_tokens + coalesce(a.p, 0))::text as prompt_tokens, sum(cached_tokens)::text as cached_tokens, sum(cache_write_tokens)::text as cache_write_tokens,
    sum(completion_tokens + coalesce(a.c, 0))::text as completion_tokens, sum(reasoning_tokens)::text as reasoning_tokens, sum(cost_pd + coalesce(a.cost, 0))::text as cost_pd,
    count(*) filter (where pricing = 'unpriced' or a.unpriced)::text as unpriced, sum(unknown_attempts - coalesce(a.n, 0))::text as unknown_attempts
  from usage_records r
  left join lateral (select sum(prompt_tokens) as p, sum(completion_tokens) as c, sum(cost_pd) as cost, count(*) as n, bool_or(pricing = 'unpriced') as unpriced from usage_adjustments j where j.request_id = r.request_id) a on true
  cross join (values ('hour'), ('day')) g (granularity)
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9`;
const ACTUAL = `
  select granularity, bucket, customer_id, key_id, cohort, provider, requested_model, served_model, status, requests::text, prompt_tokens::text, cached_tokens::text, cache_write_tokens::text,
    completion_tokens::text, reasoning_tokens::text, cost_pd::text, unpriced::text, unknown_attempts::text from usage_rollups`;

async function expectEqualToRecords(dataSource: DataSource): Promise<void> {
  const missing = await dataSource.query<unknown[]>(`(${EXPECTED}) except all (${ACTUAL})`);
  const surplus = await dataSource.query<unknown[]>(`(${ACTUAL}) except all (${EXPECTED})`);
  expect({ missing, surplus }).toEqual({ missing: [], surplus: [] });
}

// Real: Postgres.
describe('rollups', () => {
  let db: TestDatabase;
  let rollups: Rollups;
  let checks: RollupChecks;
  /** With all that is committed now. */
  const refresh = async (goesOn?: () => boolean): Promise<number> => {
    await untilHorizonPasses(db.dataSource);
    return rollups.refresh(goesOn);
  };
  const check = (): Promise<number> => checks.check(new Date(PERIOD.from), new Date(PERIOD.to));
  const write = (seed: number, count: number, manager: EntityManager = db.dataSource.manager): Promise<string[]> => writeUsage(manager, seeded(seed), { ...PERIOD, count });
  const count = async (table: string): Promise<number> => (await db.dataSource.query<Array<{ n: number }>>(`select count(*)::int as n from ${table}`))[0]!.n;

  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(async () => {
    db = await createTestDatabase({ poolSize: 8 });
    rollups = new Rollups(db.dataSource);
    checks = new RollupChecks(db.dataSource);
  });
  afterEach(() => db.drop());

  it.each([[1, 100_000], [2, 2], [3, 1]])('are what random records and their corrections add up to, in whatever pieces they come, and in whatever steps they are read (seed %i, %i records a step)', async (seed, stepRecords) => {
    const random = seeded(seed);
    rollups = new Rollups(db.dataSource, stepRecords);
    checks = new RollupChecks(db.dataSource, stepRecords);
    for (let piece = 0; piece < 4; piece++) {
      const written = await write(seed * 100 + piece, 50 + Math.floor(random() * 100));
      if (piece % 2 === 0) await refresh();
      await settleUsage(db.dataSource.manager, random, written.filter(() => random() < 0.2));
    }
    expect(await refresh()).toBeGreaterThan(0);
    await expectEqualToRecords(db.dataSource);
    expect(await refresh()).toBe(0);
    expect(await check()).toBe(0);
    await db.dataSource.query(`update usage_rollups set cost_pd = cost_pd + 1 where ctid = (select ctid from usage_rollups limit 1)`);
    expect(await check()).toBe(1);
  });

  it('miss nothing that is committed late, behind records with later numbers', async () => {
    await write(1, 50);
    const late = db.dataSource.createQueryRunner();
    await late.startTransaction();
    const written = await write(2, 50, late.manager);
    // Begun later, committed earlier.
    await write(3, 50);
    await rollups.refresh();
    // Neither a difference, nor lost: what is under way is seen by nobody yet.
    expect(await check()).toBe(0);
    await late.commitTransaction();
    await late.release();
    expect(await check()).toBe(0);
    await refresh();
    await expectEqualToRecords(db.dataSource);

    const correction = db.dataSource.createQueryRunner();
    await correction.startTransaction();
    await settleUsage(correction.manager, seeded(4), written.slice(0, 5));
    await write(5, 10);
    await rollups.refresh();
    await correction.commitTransaction();
    await correction.release();
    await refresh();
    await expectEqualToRecords(db.dataSource);
  });

  it('are made once by several workers at once, while records keep coming', async () => {
    const workers = [0, 1, 2].map(async (worker) => {
      for (let round = 0; round < 4; round++) {
        await write(worker * 10 + round, 60);
        await refresh();
      }
    });
    await Promise.all(workers);
    await refresh();
    await expectEqualToRecords(db.dataSource);
    expect([await count('usage_rollup_marks'), await check()]).toEqual([0, 0]);
  });

  it('are as before when the worker is killed in the middle, and are made by the next one', async () => {
    await write(1, 200);
    await refresh();
    await expectEqualToRecords(db.dataSource);
    const before = await count('usage_rollups');
    await write(2, 200);
    // Stands still in its transaction, its marks taken: it needs the lock of its first day.
    const [first] = await db.dataSource.query<Array<{ day: string }>>(`select to_char(date_trunc('day', min(uuid_extract_timestamp(request_id)), 'UTC') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as day from usage_records`);
    const holder = db.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query(`select pg_advisory_xact_lock(hashtextextended('apex:rollup:' || $1, 0))`, [first!.day]);
    const killed = refresh().then(
      () => 'done',
      () => 'killed',
    );
    const waiting = async (): Promise<number | null> =>
      (await db.dataSource.query<Array<{ pid: number }>>(`select pid from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`))[0]?.pid ?? null;
    await until(async () => (await waiting()) !== null, 'it waits for the lock');
    const marks = await count('usage_rollup_marks');
    await db.dataSource.query('select pg_terminate_backend($1)', [await waiting()]);
    expect(await killed).toBe('killed');
    await holder.rollbackTransaction();
    await holder.release();
    expect([await count('usage_rollups'), await count('usage_rollup_marks')]).toEqual([before, marks]);
    await refresh();
    await expectEqualToRecords(db.dataSource);
  });

  it.each([1, 100_000])('can be thrown away and made again (%i records a step)', async (stepRecords) => {
    rollups = new Rollups(db.dataSource, stepRecords);
    await write(1, 100);
    await refresh();
    await db.dataSource.query('truncate usage_rollups');
    expect(await check()).toBeGreaterThan(0);
    await rollups.markPeriod(new Date(PERIOD.from), new Date(PERIOD.to));
    // What waits is no difference.
    expect(await check()).toBe(0);
    await refresh();
    await expectEqualToRecords(db.dataSource);
    expect(await check()).toBe(0);
  });

  it('are all made again in a database that was restored somewhere else, whatever its transaction numbers', async () => {
    await write(1, 100);
    await refresh();
    // As after a restore: records from "the future", and a place that nobody will ever reach.
    await db.dataSource.query(`update usage_rollup_progress set cluster = 'other', marked_xid = 9000000000`);
    await db.dataSource.query('alter table usage_records alter column recorded_xid set default 8000000000');
    await write(2, 100);
    await db.dataSource.query('alter table usage_records alter column recorded_xid set default pg_current_xact_id()::text::bigint');
    await refresh();
    await expectEqualToRecords(db.dataSource);
    await write(3, 100);
    await refresh();
    await expectEqualToRecords(db.dataSource);
    expect(await check()).toBe(0);
  });

  it('show every difference until it is gone, and which sums they are', async () => {
    await write(1, 100);
    await refresh();
    const [victim] = await db.dataSource.query<Array<{ bucket: Date; customer_id: string; requested_model: string | null }>>(`select * from usage_rollups where granularity = 'hour' order by requests desc, bucket limit 1`);
    await db.dataSource.query(`update usage_rollups set cost_pd = cost_pd + 1 where granularity = 'hour' and bucket = $1 and customer_id = $2`, [victim!.bucket, victim!.customer_id]);
    expect(await check()).toBe(1);
    const { differing, differences } = await checks.status();
    expect([differing, differences.length]).toEqual([1, 1]);
    expect(differences[0]).toMatchObject({ granularity: 'hour', bucket: victim!.bucket.toISOString(), customerId: victim!.customer_id });
    expect(BigInt(differences[0]!.rolledUp.costPicodollars) - BigInt(differences[0]!.recorded.costPicodollars)).toBeGreaterThan(0n);
    // A look at other days does not make it go away; a sum that is right with a wrong split is a difference as well.
    await checks.check(new Date(DAY + 5 * DAY_MS), new Date(DAY + 6 * DAY_MS));
    expect((await checks.status()).differing).toBe(1);
    await db.dataSource.query(`update usage_rollups set cost_pd = cost_pd - 1 where granularity = 'hour' and bucket = $1 and customer_id = $2`, [victim!.bucket, victim!.customer_id]);
    await db.dataSource.query(`update usage_rollups set served_model = 'other' where ctid = (select ctid from usage_rollups where granularity = 'day' limit 1)`);
    expect(await check()).toBe(1);
    await rollups.markPeriod(new Date(PERIOD.from), new Date(PERIOD.to));
    await refresh();
    expect([await check(), (await checks.status()).differing]).toEqual([0, 0]);
  });

  it('stop between two steps when they are told to, and go on from there', async () => {
    await write(1, 100);
    let steps = 0;
    const first = await refresh(() => steps++ < 6);
    expect(await count('usage_rollup_marks')).toBeGreaterThan(0);
    expect(await refresh()).toBeGreaterThan(first);
    await expectEqualToRecords(db.dataSource);
  });

  it('hold an hour\'s records from its first millisecond to its last', async () => {
    const all = { customers: ['acme'], count: 1 };
    for (const at of [DAY, DAY + HOUR_MS - 1, DAY + HOUR_MS, DAY + DAY_MS - 1, DAY + DAY_MS]) await writeUsage(db.dataSource.manager, seeded(at), { ...all, from: at, to: at + 1 });
    await refresh();
    await expectEqualToRecords(db.dataSource);
    const hours = await db.dataSource.query<Array<{ hours: number; days: number }>>(`select count(distinct bucket) filter (where granularity = 'hour')::int as hours, count(distinct bucket) filter (where granularity = 'day')::int as days from usage_rollups`);
    expect(hours).toEqual([{ hours: 4, days: 2 }]);
  });
});
