import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { until } from '../../../test/support/eventually.js';
import { close, journalled, open } from '../test/journal-files.js';
import { attemptRow, closedRequest, openEntry, recordRow, unknownAttempt } from '../test/rows.js';
import { TemporaryHome } from '../test/temporary-home.js';
import { listSegments, segmentPath } from './adapters/journal-files.js';
import { JournalHome } from './adapters/journal-home.js';
import { JournalWriter } from './adapters/journal-writer.js';
import { attemptJson, recordJson } from './core/journal-rows.js';
import { GroupEncoder, RowType } from './core/journal.codec.js';

// Real: Postgres, the file system, the locks.
describe('recording', () => {
  let database: TestDatabase;
  let home: TemporaryHome;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
    Logger.overrideLogger(new Logger());
  });
  beforeEach(async () => {
    await database.empty('usage_records', 'attempts');
    home = new TemporaryHome();
  });
  afterEach(() => home.remove());

  const journalDirectory = (name = 'p0'): string => join(home.path, 'journal', name);
  const rows = async <T>(sql: string, parameters: unknown[] = []): Promise<T[]> => database.dataSource.query<T[]>(sql, parameters);
  const statuses = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await rows<{ request_id: string; status: string }>('select request_id, status from usage_records')).map((row) => [row.request_id, row.status]));

  /** A process that journalled and died: its file stays, its lock does not. */
  async function diedAfter(work: (writer: JournalWriter) => Promise<unknown>, name = 'p0', segmentBytes = 1 << 20): Promise<void> {
    mkdirSync(journalDirectory(name), { recursive: true });
    const writer = new JournalWriter({ directory: journalDirectory(name), firstSegment: 1, sync: 'second', segmentBytes });
    await work(writer);
    await writer.end();
  }

  it('reads the journal of an older release, whose attempts do not say whose key it was', async () => {
    const { record, attempts } = closedRequest();
    const older = JSON.stringify((JSON.parse(attemptJson(attempts[0]!)) as unknown[]).slice(0, 21));
    const group = new GroupEncoder();
    group.beginEntry();
    group.addRow(RowType.closeRecord, record.request_id, recordJson(record));
    group.addRow(RowType.closeAttempt, attempts[0]!.attempt_id, older);
    group.endEntry();
    mkdirSync(journalDirectory(), { recursive: true });
    writeFileSync(segmentPath(journalDirectory(), 1), group.seal());
    const service = await home.open(database.dataSource);
    await service.start();
    await until(async () => (await statuses())[record.request_id] === 'final', 'it is in the books');
    expect(await rows('select provider, duration_ms, key_owner from attempts')).toEqual([{ provider: 'openai', duration_ms: 420, key_owner: null }]);
    await service.stop();
  });

  it('stores a record and its attempts as they were given, whatever their text', async () => {
    const service = await home.open(database.dataSource);
    await service.start();
    const { record, attempts } = closedRequest({
      session: 'quote " backslash \\ line\nemoji 😀 nul \0 half \ud800',
      tags: ['a,b', '{c}', '"d"', 'null', ''],
      cost_pd: 9_007_199_254_740_991,
      stream: true,
    });
    const retried = [attemptRow({ request_id: record.request_id, status: 'failed', http_status: 500, error_code: 'upstream_error' }), { ...attempts[0]!, attempt_no: 2 }];
    await close(service.recorder, { record, attempts: retried });
    const denied = closedRequest();
    await close(service.recorder, { record: recordRow([], { request_id: denied.record.request_id }), attempts: [] });
    await service.flush();

    const [stored] = await rows<{ row: object }>(`select to_json(r) as row from usage_records r where request_id = $1`, [record.request_id]);
    expect(stored!.row).toMatchObject({ ...record, session: 'quote " backslash \\ line\nemoji 😀 nul \ufffd half \ufffd', started_at: expect.any(String) });
    const storedAttempts = await rows<{ row: object }>(`select to_json(a) as row from attempts a order by attempt_no`);
    expect(storedAttempts.map(({ row }) => row)).toEqual(retried.map((attempt) => ({ ...attempt, started_at: expect.any(String) })));
    const [times] = await rows<{ started: string; recorded: boolean }>(
      `select to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as started, recorded_at > now() - interval '1 minute' as recorded from usage_records where request_id = $1`,
      [record.request_id],
    );
    expect(times).toEqual({ started: record.started_at, recorded: true });
    expect(await statuses()).toMatchObject({ [denied.record.request_id]: 'denied' });
    // By the month of the id, not in the net.
    const [net] = await rows<{ count: number }>('select count(*)::int as count from usage_records_default');
    expect(net).toEqual({ count: 0 });
  });

  it('moves large batches over many segments and deletes the segments', async () => {
    const service = await home.open(database.dataSource, { segmentBytes: 100_000 });
    await service.start();
    const requests = Array.from({ length: 3_000 }, () => closedRequest());
    for (let from = 0; from < requests.length; from += 500) await Promise.all(requests.slice(from, from + 500).map((request) => close(service.recorder, request)));
    await service.flush();
    expect(Object.keys(await statuses()).sort()).toEqual(requests.map(({ record }) => record.request_id).sort());
    expect(await rows('select count(*)::int as count, sum(cost_pd)::text as cost from attempts')).toEqual([{ count: 3_000, cost: String(3_000 * 33_000_000) }]);
    expect(service.statistics()).toMatchObject({ backlogBytes: 0, insertedRecords: 3_000, rejectedRecords: 0, writeErrors: 0, lastError: null });
    await service.stop();
    expect(listSegments(journalDirectory())).toEqual([]);
  });

  it('keeps the first record of a request when it is closed twice', async () => {
    const service = await home.open(database.dataSource);
    await service.start();
    const { record, attempts } = closedRequest();
    await close(service.recorder, { record, attempts });
    await close(service.recorder, { record: { ...record, status: 'failed' }, attempts });
    await service.flush();
    await close(service.recorder, { record: { ...record, status: 'aborted' }, attempts });
    await service.flush();
    expect(await statuses()).toEqual({ [record.request_id]: 'final' });
    expect(await rows('select attempt_id from attempts')).toHaveLength(1);
  });

  it('files what Postgres refuses and stores everything around it', async () => {
    const service = await home.open(database.dataSource);
    await service.start();
    const requests = Array.from({ length: 50 }, () => closedRequest());
    const refused = [
      { ...requests[7]!, record: { ...requests[7]!.record, status: 'nonsense' as 'final' } },
      { ...requests[30]!, record: { ...requests[30]!.record, attempts: 1_000_000 } },
      { ...requests[31]!, attempts: [{ ...requests[31]!.attempts[0]!, started_at: 'yesterday-ish' }] },
      { ...requests[49]!, record: { ...requests[49]!.record, cost_pd: Number.NaN } },
    ];
    const all = requests.map((request) => refused.find((bad) => bad.record.request_id === request.record.request_id) ?? request);
    await Promise.all(all.map((request) => close(service.recorder, request)));
    await service.flush();

    const bad = refused.map(({ record }) => record.request_id).sort();
    expect(Object.keys(await statuses()).sort()).toEqual(requests.map(({ record }) => record.request_id).filter((id) => !bad.includes(id)).sort());
    expect(await rows('select attempt_id from attempts')).toHaveLength(46);
    expect(service.statistics()).toMatchObject({ insertedRecords: 46, rejectedRecords: 4, backlogBytes: 0 });
    const lines = readFileSync(join(home.path, 'journal', 'rejected.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { error: string; records: Array<{ request_id: string }>; attempts: object[] });
    expect(lines.map(({ records }) => records[0]!.request_id).sort()).toEqual(bad);
    expect(lines.every(({ error, attempts }) => /^2[23]/.test(error) && attempts.length === 1)).toBe(true);
  });

  it('writes the opens of long requests anew instead of keeping old segments for them', async () => {
    const service = await home.open(database.dataSource, { segmentBytes: 2_000 });
    await service.start();
    const long: Array<ReturnType<typeof closedRequest>> = [];
    for (let round = 0; round < 12; round++) {
      const request = closedRequest();
      long.push(request);
      await open(service.recorder, openEntry(request));
      await Promise.all(Array.from({ length: 5 }, () => close(service.recorder, closedRequest())));
      await service.flush();
    }
    await service.recorder.settled();
    await service.recorder.segments.settled();
    const numbers = listSegments(journalDirectory()).map(({ number }) => number);
    expect(numbers.length).toBeLessThan(8);
    expect(numbers).not.toContain(1);
    const ids = long.map(({ record }) => record.request_id);
    expect((await journalled(journalDirectory())).opens).toEqual(expect.arrayContaining(ids));
    await Promise.all(long.map((request) => close(service.recorder, request)));
    await service.stop();
    const stored = await statuses();
    expect(ids.map((id) => stored[id])).toEqual(ids.map(() => 'final'));
    expect(listSegments(journalDirectory())).toEqual([]);
  });

  it('replays a dead process: closes as they were, opens without a close as interrupted', async () => {
    const [answered, hanging, retrying, unopened] = [closedRequest(), closedRequest(), closedRequest(), closedRequest()];
    const failed = attemptRow({ request_id: retrying.record.request_id, status: 'failed', http_status: 500, usage_source: 'none', cost_pd: 0, prompt_tokens: 0, completion_tokens: 0 });
    const second = unknownAttempt({ request_id: retrying.record.request_id, attempt_no: 2 });
    const firstOpen = openEntry({ ...retrying, attempts: [failed] });
    const secondOpen = { record: recordRow([failed, second], { request_id: retrying.record.request_id }), attempts: [failed, second] };
    await diedAfter(async (writer) => {
      await open(writer, openEntry(answered));
      await open(writer, openEntry(hanging));
      await open(writer, firstOpen);
      await open(writer, secondOpen);
      await close(writer, answered);
      await close(writer, unopened);
    }, 'p0', 1);

    const service = await home.open(database.dataSource);
    await service.start();
    expect(await statuses()).toEqual({
      [answered.record.request_id]: 'final',
      [hanging.record.request_id]: 'interrupted',
      [retrying.record.request_id]: 'interrupted',
      [unopened.record.request_id]: 'final',
    });
    const stored = await rows(`select attempt_id, status, usage_source from attempts where request_id = $1 order by attempt_no`, [retrying.record.request_id]);
    expect(stored).toEqual([
      { attempt_id: failed.attempt_id, status: 'failed', usage_source: 'none' },
      { attempt_id: second.attempt_id, status: 'interrupted', usage_source: 'unknown' },
    ]);
    expect(service.statistics()).toMatchObject({ interruptedRecords: 2, orphansWaiting: 0 });
    expect(listSegments(journalDirectory())).toEqual([]);
  });

  it('gives the same rows when any prefix of a journal is replayed again', async () => {
    const requests = Array.from({ length: 12 }, () => closedRequest());
    await diedAfter(async (writer) => {
      for (const [index, request] of requests.entries()) {
        await open(writer, openEntry(request));
        if (index % 3 > 0) await close(writer, request);
      }
    }, 'saved', 2_500);
    const saved = listSegments(journalDirectory('saved'));
    expect(saved.length).toBeGreaterThan(2);
    const copies = mkCopies();
    const snapshot = () => rows<{ row: unknown }>(`select to_jsonb(r) as row from usage_records r union all select to_jsonb(a) from attempts a order by row`);

    await (await home.open(database.dataSource)).start();
    const once = await snapshot();
    expect(Object.values(await statuses()).filter((status) => status === 'interrupted')).toHaveLength(4);
    for (const count of [1, 2, saved.length]) {
      copies.slice(0, count).forEach((copy, index) => {
        copyFileSync(copy, segmentPath(journalDirectory('saved'), index + 1));
      });
      await (await home.open(database.dataSource)).start();
      expect(listSegments(journalDirectory('saved'))).toEqual([]);
      expect(await snapshot()).toEqual(once);
    }

    function mkCopies(): string[] {
      return saved.map(({ path, number }) => {
        const copy = join(home.path, `copy-${number}`);
        copyFileSync(path, copy);
        return copy;
      });
    }
  });

  it('adopts the journal of a process beside it that dies later', async () => {
    const [closed, left] = [closedRequest(), closedRequest()];
    const service = await home.open(database.dataSource, { adoptEveryMs: 20 });
    await service.start();
    // Written where nobody looks, and whole when it is found.
    await diedAfter(async (writer) => {
      await open(writer, openEntry(left));
      await close(writer, closed);
    }, '../elsewhere');
    renameSync(join(home.path, 'elsewhere'), journalDirectory('p1'));
    await until(async () => Object.keys(await statuses()).length === 2, 'is in the books');
    expect(await statuses()).toEqual({ [closed.record.request_id]: 'final', [left.record.request_id]: 'interrupted' });
    await service.stop();
    expect(readdirSync(join(home.path, 'journal')).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  it('adopts the journals of all dead processes and leaves those of the living alone', async () => {
    const requests = [closedRequest(), closedRequest(), closedRequest()];
    const living = await home.open(database.dataSource);
    await close(living.recorder, requests[0]!);
    await diedAfter((writer) => close(writer, requests[1]!), 'p1');
    await diedAfter((writer) => close(writer, requests[2]!), 'elsewhere');

    const service = await home.open(database.dataSource);
    expect(readdirSync(join(home.path, 'journal')).filter((name) => name.endsWith('.lock')).sort()).toEqual(['p0.lock', 'p1.lock']);
    await service.start();
    expect(Object.keys(await statuses()).sort()).toEqual([requests[1]!.record.request_id, requests[2]!.record.request_id].sort());
    expect(listSegments(journalDirectory('p0'))).toHaveLength(1);
    expect(readdirSync(join(home.path, 'journal')).filter((name) => name.endsWith('.lock')).sort()).toEqual(['p0.lock', 'p1.lock']);
  });

  it('lets only one of two starting at once replay a journal', async () => {
    const requests = Array.from({ length: 200 }, () => closedRequest());
    await diedAfter((writer) => Promise.all(requests.map((request) => open(writer, openEntry(request)))), 'dead');
    const services = [await home.open(database.dataSource), await home.open(database.dataSource)];
    await Promise.all(services.map((service) => service.start()));
    expect(services.map((service) => service.statistics().interruptedRecords).sort()).toEqual([0, 200]);
    expect(await rows('select attempt_id from attempts')).toHaveLength(200);
  });

  it('goes on behind its own earlier segments', async () => {
    const [before, after] = [closedRequest(), closedRequest()];
    await diedAfter((writer) => close(writer, before));
    const service = await home.open(database.dataSource);
    await close(service.recorder, after);
    expect(listSegments(journalDirectory()).map(({ number }) => number)).toEqual([1, 2]);
    await service.start();
    await service.flush();
    expect(Object.keys(await statuses()).sort()).toEqual([before.record.request_id, after.record.request_id].sort());
  });

  it('refuses a journal by name that a living process holds', async () => {
    await home.open(database.dataSource, { journalName: 'api' });
    await expect(new JournalHome(home.path).take('api')).rejects.toThrow(/held/);
  });
});
