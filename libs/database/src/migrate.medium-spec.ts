import { type DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { createDataSource } from './data-source.js';
import { runMigrations } from './migrate.js';

const names = migrations.map((migration) => migration.name);

async function tables(dataSource: DataSource): Promise<string[]> {
  const rows = await dataSource.query<{ tablename: string }[]>(`select tablename from pg_tables where schemaname = 'public' and tablename <> 'migrations' order by 1`);
  return rows.map((row) => row.tablename);
}

describe('migrations', () => {
  let db: TestDatabase;
  beforeEach(async () => (db = await createTestDatabase({ migrated: false })));
  afterEach(() => db.drop());

  it('go up, down and up again, and leave nothing behind', async () => {
    expect(await runMigrations(db.dataSource)).toEqual(names);
    const up = await tables(db.dataSource);
    expect(up).toContain('usage_records');
    for (const _ of migrations) await db.dataSource.undoLastMigration();
    expect(await tables(db.dataSource)).toEqual([]);
    expect(await db.dataSource.query(`select proname from pg_proc where pronamespace = 'public'::regnamespace`)).toEqual([]);
    await runMigrations(db.dataSource);
    expect(await tables(db.dataSource)).toEqual(up);
  });

  it('are run once when several processes start at once', async () => {
    const sources = await Promise.all(Array.from({ length: 4 }, () => createDataSource({ url: db.url, entities: [], migrations, poolSize: 2 }).initialize()));
    const runs = await Promise.all(sources.map((source) => runMigrations(source)));
    await Promise.all(sources.map((source) => source.destroy()));
    expect(runs.flat()).toEqual(names);
  });
});

describe('append-only tables', () => {
  let db: TestDatabase;
  beforeAll(async () => (db = await createTestDatabase()));
  afterAll(() => db.drop());

  const id = '019b0000-0000-7000-8000-000000000000';
  it.each([
    ['audit_log', `(id, actor, action, target) values ('${id}', 'a', 'b', 'c')`, 'actor'],
    [
      'usage_records',
      `(request_id, customer_id, key_id, surface, path, cohort, status, usage_source, pricing, started_at) values ('${id}', 'c', '${id}', 's', 'direct', 'direct', 'final', 'none', 'none', now())`,
      'customer_id',
    ],
    ['attempts', `(attempt_id, request_id, attempt_no, customer_id, provider, status, usage_source, pricing, started_at) values ('${id}', '${id}', 1, 'c', 'p', 'final', 'none', 'none', now())`, 'customer_id'],
    [
      'usage_adjustments',
      `(id, request_id, attempt_id, customer_id, reconciliation_id, prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, cost_pd, pricing) values ('${id}', '${id}', '${id}', 'c', '${id}', 0, 0, 0, 0, 0, 0, 'priced')`,
      'customer_id',
    ],
    ['reconciliations', `(id, provider, actor, summary) values ('${id}', 'p', 'a', '{}')`, 'actor'],
  ])('%s refuses UPDATE and DELETE', async (table, row, column) => {
    await db.dataSource.query(`insert into ${table} ${row}`);
    await expect(db.dataSource.query(`update ${table} set ${column} = 'changed'`)).rejects.toMatchObject({ code: '23001', message: expect.stringContaining('append-only') });
    await expect(db.dataSource.query(`delete from ${table}`)).rejects.toMatchObject({ code: '23001' });
    expect(await db.dataSource.query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 1 }]);
  });

  it('refuse TRUNCATE, each of them and each of their partitions, however it is put', async () => {
    const rows = await db.dataSource.query<{ t: string }[]>(`
      select distinct tgrelid::regclass::text as t from pg_trigger join pg_proc p on p.oid = tgfoid where proname = 'refuse_change' order by 1`);
    const tables = rows.map((row) => row.t);
    expect(tables).toEqual(expect.arrayContaining(['audit_log', 'usage_records_default', 'attempts_default']));
    for (const table of tables) {
      for (const how of [`truncate ${table}`, `truncate ${table} cascade`, `truncate sessions, ${table}`]) {
        const { code, message } = await db.dataSource.query(how).then(
          () => ({ code: 'done', message: '' }),
          (error: { code: string; message: string }) => error,
        );
        // What another table refers to Postgres refuses by itself, unless it may take that one with it.
        if (code === '0A000' && !how.endsWith('cascade')) expect(message).toContain('referenced in a foreign key');
        else expect([how, code, message]).toEqual([how, '23001', expect.stringMatching(/append-only/)]);
      }
    }
  });

  it('knows every table that has such a trigger', async () => {
    const rows = await db.dataSource.query<{ t: string }[]>(`select distinct tgrelid::regclass::text as t from pg_trigger join pg_proc p on p.oid = tgfoid where proname = 'refuse_change' and not tgisinternal and tgparentid = 0 order by 1`);
    expect(rows.map((row) => row.t)).toEqual(['attempts', 'audit_log', 'experiment_periods', 'ledger_entries', 'ledger_lines', 'receipt_adjustments', 'receipt_chain', 'receipts', 'reconciliations', 'statement_charges', 'statements', 'stripe_audit_differences', 'stripe_audit_runs', 'stripe_mode', 'usage_adjustments', 'usage_records']);
  });
});
