import { randomBytes } from 'node:crypto';
import { createDataSource, startEmbeddedPostgres, type EmbeddedPostgres, type EntityClass } from '@apex/database';
import { freePort } from '@apex/host';
import pg from 'pg';
import { type DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { fromSetup } from './environment.js';
import { until } from './eventually.js';
import { databaseUrl, testDirectory } from './stores.js';

export interface TestDatabase {
  readonly url: string;
  /** Connected; the schema is migrated. */
  readonly dataSource: DataSource;
  /** Empties tables, append-only ones too: what only a test may do, and only a superuser can. */
  empty(...tables: string[]): Promise<void>;
  drop(): Promise<void>;
}

/** A database of the suite's own: a copy of the migrated template. `migrated: false` gives an empty one. */
export async function createTestDatabase(options: { entities?: readonly EntityClass[]; migrated?: boolean; poolSize?: number } = {}): Promise<TestDatabase> {
  const server = fromSetup('APEX_TEST_POSTGRES');
  const name = `apex_test_${randomBytes(8).toString('hex')}`;
  await command(server, `create database ${name} template ${options.migrated === false ? 'template1' : fromSetup('APEX_TEST_TEMPLATE')}`);
  const url = databaseUrl(server, name);
  const dataSource = await createDataSource({ url, entities: options.entities ?? [], migrations, poolSize: options.poolSize ?? 5 }).initialize();
  return {
    url,
    dataSource,
    async empty(...tables) {
      await dataSource.transaction(async (transaction) => {
        await transaction.query('set local session_replication_role = replica');
        await transaction.query(`truncate ${tables.join(', ')}`);
      });
    },
    async drop() {
      if (dataSource.isInitialized) await dataSource.destroy();
      await command(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/**
 * Waits until every transaction that is under way now has ended. Databases of one server share its transaction ids: what
 * is read up to the oldest open one stands still while another suite's database is in a long one.
 */
export async function untilHorizonPasses(dataSource: DataSource): Promise<void> {
  const [first] = await dataSource.query<Array<{ next: string }>>('select pg_snapshot_xmax(pg_current_snapshot())::text as next');
  const passed = async (): Promise<boolean> => (await dataSource.query<Array<{ passed: boolean }>>('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 as passed', [first!.next]))[0]!.passed;
  await until(passed, 'the end of all transactions of this moment', 60_000);
}

/** A server of the suite's own, to be taken away and given back: same port, same data, same address. */
export interface OwnServer {
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A private Postgres with an empty database; stop it at the suite's end. */
export async function startOwnPostgres(): Promise<OwnServer> {
  const options = { dir: testDirectory('postgres'), port: await freePort(), durable: false };
  let server: EmbeddedPostgres | null = await startEmbeddedPostgres(options);
  return {
    url: server.url,
    async stop() {
      await server?.stop();
      server = null;
    },
    async start() {
      server ??= await startEmbeddedPostgres(options);
    },
  };
}

async function command(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
