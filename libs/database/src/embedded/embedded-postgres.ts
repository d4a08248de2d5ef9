import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { clearEarlierLife, keepServer, secretFile, spawnTethered, untilAnswers, type TetheredServer } from '@apex/host';
import pg from 'pg';
import { placeCluster, type ClusterPlace } from './cluster-place.js';

const run = promisify(execFile);

export interface EmbeddedPostgresOptions {
  /** Holds the data, the password (0600) and the log. Made if absent; a second start finds the data of the first. */
  readonly dir: string;
  /** Default: a free one. A given port that is taken is an error. */
  readonly port?: number;
  /** false: no fsync, for tests. Default true. */
  readonly durable?: boolean;
  /** Told what a person might want to know; one line each, no secrets. */
  readonly log?: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** postgres://… of the superuser and the database `apex`; holds the password. */
  readonly url: string;
  readonly port: number;
  /** Stops cleanly (fast shutdown: clients are disconnected). */
  stop(): Promise<void>;
}

const USER = 'apex';
const DATABASE = 'apex';
const PASSWORD_FILE = 'password';
const START_TIMEOUT_MS = 60_000;

/**
 * The real Postgres that comes by npm, on 127.0.0.1, with a password. It stops cleanly when this process dies, however
 * that comes about, and is started again when it ends by itself. One process at a time per `dir`: the caller locks.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { durable = true, log = () => undefined } = options;
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const place = await placeCluster(dir);
  if (place.movedBecause) {
    log(`Postgres keeps its data in ${place.base}: ${place.movedBecause}`);
    setAsideOrphan(dir, place, log);
  }
  const password = secretFile(join(dir, PASSWORD_FILE));
  if (!existsSync(place.data)) await createCluster(place, password, durable);

  const logFile = join(dir, 'postgres.log');
  const urlOf = (port: number, database: string): string => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
  const start = async (port: number): Promise<TetheredServer> => {
    await clearEarlierLife({ name: 'Postgres', pidFile: join(place.data, 'postmaster.pid'), mark: ` -D ${place.data} `, stopSignal: 'SIGINT', log });
    const server = spawnTethered({
      command: place.postgres,
      args: serverArgs(place.data, port, durable),
      logFile,
      stopSignal: 'INT',
      env: serverEnv(),
      cwd: '/',
      ...(place.user ? { user: place.user } : {}),
    });
    const ask = (): Promise<void> => withClient(urlOf(port, 'postgres'), () => Promise.resolve());
    await untilAnswers(server, { name: 'Postgres', logFile, timeoutMs: START_TIMEOUT_MS, ask, isFinal: isWrongPassword });
    return server;
  };

  const kept = await keepServer({ name: 'Postgres', port: options.port, log, start });
  try {
    await ensureDatabase(urlOf(kept.port, 'postgres'));
  } catch (error) {
    await kept.stop();
    throw error;
  }
  return { url: urlOf(kept.port, DATABASE), port: kept.port, stop: () => kept.stop() };
}

function serverArgs(data: string, port: number, durable: boolean): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '128MB',
    max_connections: '200',
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

const serverEnv = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' });

/** The cluster is made under another name and gets its own when it is whole: a start cut short leaves nothing half-made. */
async function createCluster(place: ClusterPlace, password: string, durable: boolean): Promise<void> {
  const draft = `${place.data}.new`;
  const passwordFile = `${place.data}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (place.user) {
    chmodSync(place.base, 0o755);
    chownSync(draft, place.user.uid, place.user.gid);
    chownSync(passwordFile, place.user.uid, place.user.gid);
  }
  try {
    const args = ['-D', draft, '-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C.UTF-8', '--locale-provider=builtin', ...(durable ? [] : ['--no-sync'])];
    await run(place.initdb, args, { env: serverEnv(), cwd: '/', ...(place.user ? { uid: place.user.uid, gid: place.user.gid } : {}) });
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() || (cause as Error).message}`, { cause });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, place.data);
}

/** `dir` was removed, but not its data, which is elsewhere: a new start begins anew and throws nothing away. */
function setAsideOrphan(dir: string, place: ClusterPlace, log: (message: string) => void): void {
  if (existsSync(join(dir, PASSWORD_FILE)) || !existsSync(place.data)) return;
  const aside = `${place.data}.${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  renameSync(place.data, aside);
  log(`the data of an earlier, removed ${dir} is now in ${aside}; starting with none`);
}

const isWrongPassword = (error: unknown): boolean => (error as { code?: string }).code === '28P01';

function ensureDatabase(url: string): Promise<void> {
  return withClient(url, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // An error after the attempt has been settled must not end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
