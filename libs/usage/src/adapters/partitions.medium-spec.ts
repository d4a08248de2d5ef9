import { Logger } from '@nestjs/common';
import { firstIdAt } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { closedRequest } from '../../test/rows.js';
import { ensurePartitions } from './partitions.js';
import { RecordBatch } from './record-batch.js';
import { RecordStore } from './record-store.js';
import { attemptJson, recordJson } from '../core/journal-rows.js';

describe('partitions', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
    Logger.overrideLogger(new Logger());
  });

  const partitions = async (): Promise<string[]> =>
    (await database.dataSource.query<Array<{ name: string }>>(`select inhrelid::regclass::text as name from pg_inherits where inhparent in ('usage_records'::regclass, 'attempts'::regclass) order by 1`)).map(({ name }) => name);

  const storeAt = async (time: number): Promise<string> => {
    const request = closedRequest({ request_id: firstIdAt(time) });
    const batch = new RecordBatch();
    batch.addRecord(Buffer.from(recordJson(request.record)));
    batch.addAttempt(Buffer.from(attemptJson({ ...request.attempts[0]!, attempt_id: firstIdAt(time) })));
    await new RecordStore((sql, parameters) => database.dataSource.query(sql, parameters), '/dev/null').store(batch, new AbortController().signal);
    const [row] = await database.dataSource.query<Array<{ name: string }>>('select tableoid::regclass::text as name from usage_records where request_id = $1', [request.record.request_id]);
    return row!.name;
  };

  it('are made by many at once, for this month and the next two, with exact bounds', async () => {
    const now = Date.UTC(2026, 11, 31, 23, 59);
    await Promise.all(Array.from({ length: 4 }, () => ensurePartitions(database.dataSource, now)));
    expect(await partitions()).toEqual(['2026_12', '2027_01', '2027_02', 'default'].map((suffix) => `attempts_${suffix}`).concat(['2026_12', '2027_01', '2027_02', 'default'].map((suffix) => `usage_records_${suffix}`)));
    expect(await storeAt(Date.UTC(2026, 11, 1))).toBe('usage_records_2026_12');
    for (const partition of await partitions()) await expect(database.dataSource.query(`truncate ${partition}`)).rejects.toMatchObject({ code: '23001', message: expect.stringContaining(partition) });
    expect(await storeAt(Date.UTC(2027, 0, 1) - 1)).toBe('usage_records_2026_12');
    expect(await storeAt(Date.UTC(2027, 0, 1))).toBe('usage_records_2027_01');
  });

  it('leave a month where its rows already are', async () => {
    expect(await storeAt(Date.UTC(2027, 4, 5))).toBe('usage_records_default');
    await ensurePartitions(database.dataSource, Date.UTC(2027, 3, 1), 2);
    const made = await partitions();
    expect(made).toEqual(expect.arrayContaining(['usage_records_2027_04', 'usage_records_2027_06']));
    expect(made).not.toContain('usage_records_2027_05');
    expect(await storeAt(Date.UTC(2027, 4, 6))).toBe('usage_records_default');
  });
});
