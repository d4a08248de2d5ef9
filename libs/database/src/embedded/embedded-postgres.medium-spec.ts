import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { processStart } from '@apex/host';
import pg from 'pg';
import { until } from '../../../../test/support/eventually.js';
import { runProgram } from '../../../../test/support/program.js';
import { testDirectory } from '../../../../test/support/stores.js';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded-postgres.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

const running: EmbeddedPostgres[] = [];

/** Stopped at the test's end, however it ends. */
async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres(options);
  running.push(postgres);
  return postgres;
}

const postmasterPid = (dir: string): number => Number.parseInt(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8'), 10);

describe('startEmbeddedPostgres', () => {
  let dir: string;
  beforeEach(() => (dir = join(testDirectory('embedded'), 'not yet there')));
  afterEach(async () => {
    for (const postgres of running.splice(0)) await postgres.stop();
  });

  it('keeps its data from start to start, its password to itself, and flushes to disk', async () => {
    const first = await start({ dir });
    await query(first.url, `create table t as select 'kept' as v`);
    expect(await query(first.url, 'show fsync')).toEqual([{ fsync: 'on' }]);
    expect(await query(first.url, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
    await first.stop();
    expect(existsSync(join(dir, 'data/postmaster.pid'))).toBe(false);
    expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).sort()).toEqual(['data', 'password', 'postgres.log']);

    const second = await start({ dir });
    expect(await query(second.url, 'select v from t')).toEqual([{ v: 'kept' }]);
    const stranger = new URL(second.url);
    stranger.password = 'guess';
    await expect(query(stranger.href, 'select 1')).rejects.toThrow(/password authentication failed/);
  });

  it('stops cleanly when its process is killed, and the next start finds what was committed', async () => {
    const code = `
      const { startEmbeddedPostgres } = await importSource('libs/database/src/index.ts');
      const { default: pg } = await import('pg');
      const { url } = await startEmbeddedPostgres({ dir: process.argv[1] });
      const client = new pg.Client(url);
      await client.connect();
      await client.query("create table t as select 'committed' as v");
      console.log('ready');`;
    const parent = runProgram(code, [dir]);
    expect(await parent.line()).toBe('ready');
    const postmaster = postmasterPid(dir);
    parent.child.kill('SIGKILL');
    await until(() => processStart(postmaster) === null, 'the postmaster ends');
    expect(readFileSync(join(dir, 'postgres.log'), 'utf8')).toContain('database system is shut down');

    const next = await start({ dir });
    expect(await query(next.url, 'select v from t')).toEqual([{ v: 'committed' }]);
    expect(readFileSync(join(dir, 'postgres.log'), 'utf8')).not.toContain('not properly shut down');
  });

  it('comes back at the same address when the server is killed', async () => {
    const lines: string[] = [];
    const postgres = await start({ dir, log: (line) => lines.push(line) });
    await query(postgres.url, `create table t as select 'kept' as v`);
    process.kill(postmasterPid(dir), 'SIGKILL');
    await until(() => lines.includes('Postgres is back'), 'Postgres comes back');
    expect(await query(postgres.url, 'select v from t')).toEqual([{ v: 'kept' }]);
  });

  it('is not kept from starting by a pid file whose pid belongs to another process now', async () => {
    await (await start({ dir, durable: false })).stop();
    writeFileSync(join(dir, 'data/postmaster.pid'), `${process.pid}\n${join(dir, 'data')}\n1\n5432\n\n127.0.0.1\n0 0\nready\n`);
    const next = await start({ dir, durable: false });
    expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('begins anew after a first start that was cut short', async () => {
    // What initdb leaves when it is killed: the version, and not much else.
    mkdirSync(join(dir, 'data.new'), { recursive: true });
    writeFileSync(join(dir, 'data.new/PG_VERSION'), '18\n');
    const postgres = await start({ dir, durable: false });
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a given port that is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startEmbeddedPostgres({ dir, port, durable: false })).rejects.toThrow(`Port ${port} is taken`);
    await new Promise((resolve) => blocker.close(resolve));
  });
});
