import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDataSource, runMigrations, startEmbeddedPostgres } from '@apex/database';
import { processStart } from '@apex/host';
import { startEmbeddedRedis } from '@apex/queue';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { fromSetup } from './environment.js';

/** The stores of one jest run. Tests find them by the environment. */
export interface TestStores {
  readonly env: { readonly APEX_TEST_POSTGRES: string; readonly APEX_TEST_TEMPLATE: string; readonly APEX_TEST_REDIS: string; readonly APEX_TEST_DIR: string };
  stop(): Promise<void>;
}

/** Where a fetched Redis is kept from run to run: the same place as the application's. */
export const cacheDirectory = fileURLToPath(new URL('../../.cache/', import.meta.url));
const PREFIX = 'apex-test-';

/** Starts what `TEST_DATABASE_URL` and `TEST_REDIS_URL` do not name, and makes the migrated template database. */
export async function startTestStores(): Promise<TestStores> {
  removeLeftovers();
  const root = join(tmpdir(), `${PREFIX}${process.pid}`);
  mkdirSync(root);
  chmodSync(root, 0o755);
  process.env['APEX_TEST_DIR'] = root;
  const dir = testDirectory('stores');
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.reverse()) await one();
    rmSync(root, { recursive: true, force: true });
  };
  try {
    let postgres = process.env['TEST_DATABASE_URL'];
    if (!postgres) {
      const embedded = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), durable: false });
      stops.push(() => embedded.stop());
      postgres = embedded.url;
    }
    let redis = process.env['TEST_REDIS_URL'];
    if (!redis) {
      const embedded = await startEmbeddedRedis({ dir: join(dir, 'redis'), cacheDir: cacheDirectory, log: (line) => void process.stderr.write(`${line}\n`) });
      if (embedded.url === null) throw new Error(`The tests need a Redis. ${embedded.reason.replace('REDIS_URL', 'TEST_REDIS_URL')}`);
      stops.push(() => embedded.stop());
      redis = embedded.url;
    }
    const template = `apex_template_${process.pid}`;
    await makeTemplate(postgres, template);
    stops.push(() => onServer(postgres, async (client) => {
      await client.query(`alter database ${template} is_template false`);
      await client.query(`drop database ${template}`);
    }));
    return { env: { APEX_TEST_POSTGRES: postgres, APEX_TEST_TEMPLATE: template, APEX_TEST_REDIS: redis, APEX_TEST_DIR: root }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeTemplate(server: string, template: string): Promise<void> {
  await onServer(server, async (client) => {
    await client.query(`update pg_database set datistemplate = false where datname = '${template}'`);
    await client.query(`drop database if exists ${template}`);
    await client.query(`create database ${template}`);
  });
  const dataSource = createDataSource({ url: databaseUrl(server, template), entities: [], migrations, poolSize: 2 });
  await dataSource.initialize();
  try {
    await runMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
  await onServer(server, (client) => client.query(`alter database ${template} is_template true allow_connections false`));
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** The address of another database on the same server. */
export function databaseUrl(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

/** A fresh directory that an unprivileged server can reach; the run's end removes it. */
export function testDirectory(name: string): string {
  const dir = mkdtempSync(join(fromSetup('APEX_TEST_DIR'), `${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}

/** Runs that were killed could not clean up after themselves. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (pid === undefined || processStart(Number(pid)) !== null) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Somebody else's.
    }
  }
}
