import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { newId, type Uuid } from '@apex/common';
import { type UsageRecordRow } from '@apex/usage';
import { type OwnClickHouse, startOwnClickHouse } from '../../../../../test/support/clickhouse.js';
import { until } from '../../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase, untilHorizonPasses } from '../../../../../test/support/postgres.js';
import { idAt, insertCorrection, insertEarlierRecords, insertRecords } from '../../../test/books.js';
import { type AnalyticsQuery } from '../../core/analytics/analytics.types.js';
import { recordRow } from '../../core/rows.fakes.js';
import { ClickHouseEvents, ClickHouseFailure } from './clickhouse-events.js';
import { ClickHouseTelemetryStore } from './clickhouse-telemetry-store.js';
import { EventSource } from './event-source.js';
import { readFeedProgress } from './feed-progress.js';
import { type EventSink, Forwarder } from './forwarder.js';
import { PostgresTelemetryStore } from './postgres-telemetry-store.js';
import { WhicheverStore } from './whichever-store.js';

// The first run on a machine fetches ClickHouse.
const FETCH_MS = 300_000;
const NOON = Date.UTC(2026, 10, 20, 12);
const ALL: AnalyticsQuery = { customerId: null, from: new Date(0), to: new Date(Date.UTC(2099, 0)), groupBy: 'customer', interval: 'day', where: {}, limit: 1_000 };
const HELD_MS = 30_000;

const records = (count: number, part: Partial<UsageRecordRow> = {}, at = NOON): UsageRecordRow[] => Array.from({ length: count }, () => recordRow({ request_id: idAt(at), ...part }));

// Real: Postgres, ClickHouse.
describe('the forwarder', () => {
  let server: OwnClickHouse;
  let database: TestDatabase;
  let address: string;
  let events: ClickHouseEvents;
  let clickHouse: ClickHouseTelemetryStore;
  let books: PostgresTelemetryStore;
  const clients: ClickHouseEvents[] = [];

  const connect = (url: string, timeoutMs?: number): ClickHouseEvents => {
    const client = new ClickHouseEvents(url, timeoutMs);
    clients.push(client);
    return client;
  };
  const source = (holder: Uuid = newId(), heldMs = HELD_MS): EventSource => new EventSource(database.dataSource, holder, heldMs);
  const insert = (rows: readonly UsageRecordRow[]): Promise<void> => insertRecords(database.dataSource, rows);
  /** Everything that there is, in batches of this many rows. */
  const sendAll = async (forwarder: Forwarder, rows = 3): Promise<void> => {
    await untilHorizonPasses(database.dataSource);
    await forwarder.round(() => rows);
  };
  const sent = async (): Promise<number> => (await clickHouse.analyze(ALL)).total.requests;
  const expectTheSame = async (): Promise<void> => expect(await clickHouse.analyze(ALL)).toEqual(await books.analyze(ALL));

  beforeAll(async () => void (server = await startOwnClickHouse()), FETCH_MS);
  afterAll(() => server.stop());

  beforeEach(async () => {
    database = await createTestDatabase({ poolSize: 10 });
    address = await server.createDatabase();
    events = connect(address);
    clickHouse = new ClickHouseTelemetryStore(events);
    books = new PostgresTelemetryStore(database.dataSource);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await database.drop();
  });

  it('passes over no record however late its transaction commits', async () => {
    const forwarder = new Forwarder(source(), events);
    await sendAll(forwarder);
    const late = database.dataSource.createQueryRunner();
    const later = database.dataSource.createQueryRunner();
    try {
      await late.startTransaction();
      await insertRecords(late, records(2));
      await later.startTransaction();
      await insertRecords(later, records(2));
      await insert(records(4));
      await later.commitTransaction();
      // What was written after a transaction that is still open waits for it.
      await forwarder.round(() => 3);
      expect(await sent()).toBe(0);
      expect((await readFeedProgress(database.dataSource)).waitingMs).toBeGreaterThan(0);
      await insert(records(1));
      await late.commitTransaction();
      await sendAll(forwarder);
      expect(await sent()).toBe(9);
      expect((await readFeedProgress(database.dataSource)).waitingMs).toBe(0);
      await expectTheSame();
    } finally {
      await Promise.all([late.release(), later.release()]);
    }
  });

  it('copies what was there before it, and sends what is new meanwhile', async () => {
    await insertEarlierRecords(database.dataSource, records(7));
    const forwarder = new Forwarder(source(), events);
    await untilHorizonPasses(database.dataSource);
    await forwarder.round(rounds(1, 3));
    expect((await readFeedProgress(database.dataSource)).copying).toBe(true);
    await insert(records(2));
    await untilHorizonPasses(database.dataSource);
    await forwarder.round(rounds(1, 3));
    expect(await sent()).toBe(8);
    await sendAll(forwarder);
    expect(await sent()).toBe(9);
    expect(await readFeedProgress(database.dataSource)).toMatchObject({ copying: false, waitingMs: 0, failure: null });
    await expectTheSame();
  });

  it('sends a request again, whole, when it was corrected', async () => {
    const forwarder = new Forwarder(source(), events);
    const [first, second] = records(2, { unknown_attempts: 2, cost_pd: 5 });
    await insert([first!]);
    await sendAll(forwarder);
    await insertCorrection(database.dataSource, first!, { tokens: 7, cost: 100, unpriced: false });
    await sendAll(forwarder);
    expect((await clickHouse.analyze(ALL)).total).toMatchObject({ requests: 1, costPicodollars: '105', unknownAttempts: 1 });
    // A correction whose record comes afterwards.
    await insertCorrection(database.dataSource, second!, { tokens: 1, cost: 1_000, unpriced: false });
    await insertCorrection(database.dataSource, first!, { tokens: 1, cost: 0, unpriced: true });
    await sendAll(forwarder);
    await insert([second!]);
    await sendAll(forwarder);
    expect((await clickHouse.analyze(ALL)).total).toMatchObject({ requests: 2, costPicodollars: '1110', unknownAttempts: 1, unpriced: 1 });
    await expectTheSame();
  });

  it('counts nothing twice when it is cut off before or after a batch has arrived, and loses nothing', async () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 9 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('correct' as const), which: fc.nat(99) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), rows: fc.integer({ min: 1, max: 5 }), failsAfter: fc.option(fc.nat(4)), arrives: fc.boolean() }) },
    );
    const all: UsageRecordRow[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 12 }), async (actions) => {
        for (const one of actions) {
          if (one.kind === 'write') {
            const rows = records(one.count, { unknown_attempts: 3 });
            all.push(...rows);
            await insert(rows);
          } else if (one.kind === 'correct') {
            const record = all[one.which % all.length];
            if (record !== undefined) await insertCorrection(database.dataSource, record, { tokens: 1, cost: one.which, unpriced: false });
          } else {
            // Each sender is a process of its own, that has died when the next one comes.
            await sendAll(new Forwarder(source(newId(), 0), one.failsAfter === null ? events : breaking(events, one.failsAfter, one.arrives)), one.rows).catch((error: unknown) => expect(error).toBe(CUT_OFF));
          }
        }
        await sendAll(new Forwarder(source(newId(), 0), events));
        await expectTheSame();
        expect(await sent()).toBe(all.length);
      }),
      { numRuns: 8, seed: 7 },
    );
  });

  it('is one at a time: others wait until it gives up, or has been silent for too long', async () => {
    const [one, other] = [new Forwarder(source(), events), new Forwarder(source(), events)];
    await insert(records(2));
    await sendAll(one);
    await insert(records(2));
    await sendAll(other);
    expect([one.holds, other.holds, await sent()]).toEqual([true, false, 2]);
    await one.release();
    await sendAll(other);
    expect([other.holds, await sent()]).toEqual([true, 4]);

    // Taken over in the middle of a batch: what the slow one then says does not count.
    await other.release();
    const slow: EventSink = forwardTo(events, {
      insert: async (lines) => {
        await events.insert(lines);
        await sendAll(other);
        await insert(records(3));
        await sendAll(other);
      },
    });
    await insert(records(2));
    const overtaken = new Forwarder(source(newId(), 0), slow);
    await sendAll(overtaken, 1);
    expect([overtaken.holds, other.holds]).toEqual([false, true]);
    expect(await sent()).toBe(9);
    await expectTheSame();
  });

  it('loses and doubles nothing when ClickHouse is killed while records are written', async () => {
    const forwarder = new Forwarder(source(), events);
    let written = 0;
    let writing = true;
    // Ends with the test: a round that sends all there is might not end before.
    const writer = (async () => {
      while (writing) {
        await insert(records(5));
        written += 5;
        await pause(5);
      }
    })();
    try {
      await until(async () => {
        await forwarder.round(rounds(2, 500));
        return (await sent()) >= 50;
      }, '50 records in ClickHouse');
      await server.kill();
      const killedAt = written;
      await expect(sendAll(forwarder)).rejects.toThrow(/^ClickHouse does not answer/);
      await forwarder.release('ClickHouse does not answer');
      await expect(clickHouse.analyze(ALL)).rejects.toMatchObject({ code: 'store_unavailable', httpStatus: 503 });
      await until(() => written >= killedAt + 100, '100 more in the books');
      expect(await readFeedProgress(database.dataSource)).toMatchObject({ failure: { message: 'ClickHouse does not answer' } });
      await server.start();
      await until(async () => {
        await forwarder.round(rounds(2, 500));
        return (await sent()) >= killedAt + 100;
      }, 'what was written meanwhile in ClickHouse');
    } finally {
      writing = false;
      await writer;
    }
    await sendAll(forwarder, 5_000);
    expect(await sent()).toBe(written);
    await expectTheSame();
  });

  it('gives up on a ClickHouse that is frozen, and sends once when it answers again', async () => {
    const impatient = connect(await server.createDatabase(), 300);
    const forwarder = new Forwarder(source(), impatient);
    await until(() => sendAll(forwarder).then(() => true, () => false), 'a first round within 300 ms');
    await insert(records(4));
    server.freeze();
    try {
      await expect(sendAll(forwarder)).rejects.toBeInstanceOf(ClickHouseFailure);
      expect(await impatient.answers(50)).toBe(false);
    } finally {
      server.thaw();
    }
    await until(() => sendAll(forwarder).then(() => true, () => false), 'a round after the thaw');
    expect(await new ClickHouseTelemetryStore(impatient).analyze(ALL)).toEqual(await books.analyze(ALL));
  });

  it('sends everything to a ClickHouse that has lost what it had, and Postgres answers until it is all there', async () => {
    await insert(records(5));
    const first = new Forwarder(source(), events);
    await sendAll(first);
    await first.release();
    const empty = connect(await server.createDatabase());
    const store = new WhicheverStore(database.dataSource, empty);
    const answer = await books.analyze(ALL);
    expect(await store.analyze(ALL)).toEqual(answer);
    const second = new Forwarder(source(), empty);
    await untilHorizonPasses(database.dataSource);
    await second.round(rounds(1, 2));
    expect((await new ClickHouseTelemetryStore(empty).analyze(ALL)).total.requests).toBe(2);
    expect(await store.analyze(ALL)).toEqual(answer);
    await sendAll(second);
    // From now on it is ClickHouse: nobody has told it of these.
    await insert(records(1));
    expect(await store.analyze(ALL)).toEqual(answer);
    await sendAll(second);
    expect((await store.analyze(ALL)).total.requests).toBe(6);
  });

  it('begins again where the table of requests was dropped', async () => {
    await insert(records(3));
    const forwarder = new Forwarder(source(), events);
    await sendAll(forwarder);
    await server.command(address, 'DROP TABLE apex_request_events');
    await insert(records(1));
    const store = new WhicheverStore(database.dataSource, events);
    expect(await store.analyze(ALL)).toEqual(await books.analyze(ALL));
    await sendAll(forwarder);
    expect(await sent()).toBe(4);
    await expectTheSame();
  });

  it('drops whole months that are past their time, does not bring them back, and Postgres answers for them', async () => {
    const old = records(3, { unknown_attempts: 1 }, Date.UTC(2026, 8, 30, 23, 59, 59, 999));
    await insert([...old, ...records(2, {}, Date.UTC(2026, 9, 1))]);
    const forever = new Forwarder(source(newId(), 0), events);
    await sendAll(forever);
    expect(await sent()).toBe(5);

    const store = new WhicheverStore(database.dataSource, events);
    let now = Date.UTC(2026, 9, 31);
    const forwarder = new Forwarder(source(newId(), 0), events, 31, () => now);
    await sendAll(forwarder);
    expect(await sent()).toBe(5);
    now = Date.UTC(2026, 10, 1, 1);
    await sendAll(forwarder);
    expect(await sent()).toBe(2);
    await insertCorrection(database.dataSource, old[0]!, { tokens: 1, cost: 1, unpriced: false });
    await sendAll(forwarder);
    expect(await sent()).toBe(2);
    expect(await store.analyze(ALL)).toEqual(await books.analyze(ALL));
    const october = { ...ALL, from: new Date(Date.UTC(2026, 9)) };
    expect(await store.analyze(october)).toEqual(await books.analyze(october));

    // Somewhere else, and older things are not even sent.
    const elsewhere = connect(await server.createDatabase());
    await sendAll(new Forwarder(source(newId(), 0), elsewhere, 31, () => now));
    expect((await new ClickHouseTelemetryStore(elsewhere).analyze(ALL)).total.requests).toBe(2);
    expect(await readFeedProgress(database.dataSource)).toMatchObject({ keptFromMs: Date.UTC(2026, 9), copying: false });
  });
});

const CUT_OFF = new Error('cut off');

/** So many batches of this many rows. */
function rounds(batches: number, rows: number): () => number {
  let left = batches;
  return () => (left-- > 0 ? rows : 0);
}

const forwardTo = (events: ClickHouseEvents, part: Partial<EventSink>): EventSink => ({ target: () => events.target(), insert: (lines) => events.insert(lines), dropBefore: (epochMs) => events.dropBefore(epochMs), ...part });

/** Breaks at a batch, which then may have arrived or not. */
function breaking(events: ClickHouseEvents, after: number, arrives: boolean): EventSink {
  let left = after;
  return forwardTo(events, {
    insert: async (lines) => {
      if (left-- > 0) return events.insert(lines);
      if (arrives) await events.insert(lines);
      throw CUT_OFF;
    },
  });
}
