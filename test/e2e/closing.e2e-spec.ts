import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { addCustomer, addReceipt, exactHit } from '../../libs/billing/test/statement-books.js';
import { until } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { testRedisUrl } from '../support/redis.js';
import { testDirectory } from '../support/stores.js';

const PROGRAM = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
const DAY_MS = 86_400_000;
const CUSTOMERS = ['c0', 'c1', 'c2', 'c3'];
const SAVED_PD = 7_000_000_000_000;
/** A fifth of it. */
const CHARGED_CENTS = 140;

// Real: the built program as `APEX_ROLE=worker`, Postgres, Redis, and death by SIGKILL.
describe('worker processes that close the same statements at once', () => {
  let database: TestDatabase;
  const masterKey = randomBytes(32).toString('base64');
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    for (const id of CUSTOMERS) {
      const created = new Date(Date.now() - 70 * DAY_MS).toISOString();
      await addCustomer(database.dataSource, id, created);
      await addReceipt(database.dataSource, id, created, exactHit(SAVED_PD));
    }
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null)));
    await database.drop();
  });

  /** Each has a Redis database of its own, and so believes that each turn of a job is its. */
  function startWorker(failpoint = ''): ChildProcess {
    const env = { PATH: process.env['PATH']!, APEX_ROLE: 'worker', APEX_HOME: testDirectory('worker'), PORT: '0', APEX_DEMO: 'false', APEX_LOG_LEVEL: 'silent', APEX_ENCRYPTION_KEY: masterKey, DATABASE_URL: database.url, REDIS_URL: `${testRedisUrl()}/${children.length + 1}`, APEX_FAILPOINT: failpoint };
    const child = spawn(process.execPath, [PROGRAM, 'start'], { env, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    children.push(child);
    return child;
  }

  /** Who waits for a lock in this database. */
  const waiting = (count: number): Promise<void> =>
    until(async () => {
      const [row] = await database.dataSource.query<Array<{ count: number }>>(`select count(distinct l.pid)::int as count from pg_locks l join pg_stat_activity a on a.pid = l.pid where not l.granted and a.datname = current_database()`);
      return row!.count === count;
    }, `${count} processes wait for a lock`, 30_000);

  /** Holds a lock until `release`. */
  async function hold(lock: string): Promise<{ release(): Promise<void> }> {
    const runner = database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(lock);
    return { release: () => runner.commitTransaction().then(() => runner.release()) };
  }

  /** Statements of the first period. */
  const closed = async (): Promise<string[]> => {
    const rows = await database.dataSource.query<Array<{ customer_id: string }>>('select customer_id from statements where previous_id is null order by 1');
    return rows.map((row) => row.customer_id);
  };

  it('leave one of each, of the exact amount, and a death in the middle keeps nobody from going on', async () => {
    // Both are at it: the first with the first customer's statement under way, the second with the next.
    const insertion = await hold('lock table statements in share row exclusive mode');
    const doomed = startWorker('statement.charged');
    const death = once(doomed, 'exit');
    await waiting(1);
    startWorker();
    await waiting(2);
    await insertion.release();
    expect((await death)[1]).toBe('SIGKILL');
    await until(async () => (await closed()).length === CUSTOMERS.length - 1, 'the other has closed the rest');
    expect(await closed()).toEqual(CUSTOMERS.slice(1));

    // Two successors at once at the one that the dead process has left.
    const sealing = await hold(`select pg_advisory_xact_lock(hashtextextended('apex:seal:c0', 0))`);
    startWorker();
    startWorker();
    await waiting(2);
    await sealing.release();
    await until(async () => (await closed()).length === CUSTOMERS.length, 'all are closed');

    const charges = await database.dataSource.query<unknown[]>(`select s.customer_id, c.kind, c.amount_cents::int as cents from statements s join statement_charges c on c.statement_id = s.id order by 1`);
    expect(charges).toEqual(CUSTOMERS.map((id) => ({ customer_id: id, kind: 'vbp', cents: CHARGED_CENTS })));
    const receivable = await database.dataSource.query<unknown[]>(`select e.customer_id, sum(l.amount_pd)::text as owed from ledger_entries e join ledger_lines l on l.entry_id = e.id where l.account = 'customer:receivable' group by 1 order by 1`);
    expect(receivable).toEqual(CUSTOMERS.map((id) => ({ customer_id: id, owed: String(CHARGED_CENTS * 10_000_000_000) })));
    const audited = await database.dataSource.query<unknown[]>(`select count(*)::int as entries, count(distinct after ->> 'statementId')::int as statements from audit_log where action = 'statement.close'`);
    const [all] = await database.dataSource.query<Array<{ count: number }>>('select count(*)::int as count from statements');
    expect(audited).toEqual([{ entries: all!.count, statements: all!.count }]);
  }, 60_000);
});
