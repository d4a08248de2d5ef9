import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { clearEarlierLife, keepServer, secretFile, spawnTethered, untilAnswers, type TetheredServer } from '@apex/host';
import { Redis } from 'ioredis';
import { findRedis, NoRedisError, serverEnv } from './redis-binary.js';

export interface EmbeddedRedisOptions {
  /** Holds the data, the password (0600) and the log. Made if absent; a second start finds the data of the first. */
  readonly dir: string;
  /** Where a Redis that had to be fetched is kept for the next start. */
  readonly cacheDir: string;
  /** Default: a free one. A given port that is taken is an error. */
  readonly port?: number;
  /** Told what a person might want to know; one line each, no secrets. */
  readonly log?: (message: string) => void;
}

export interface EmbeddedRedis {
  /** redis://:password@127.0.0.1:port */
  readonly url: string;
  readonly port: number;
  readonly version: string;
  stop(): Promise<void>;
}

/** There is no Redis to be had on this machine. `reason` says why and what would mend it. */
export interface RedisUnavailable {
  readonly url: null;
  readonly reason: string;
}

const START_TIMEOUT_MS = 20_000;

/**
 * A real Redis on 127.0.0.1 with a password and an append-only file. It stops cleanly when this process dies, however
 * that comes about, and is started again when it ends by itself. One process at a time per `dir`: the caller locks.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis | RedisUnavailable> {
  const { cacheDir, log = () => undefined } = options;
  const dir = resolve(options.dir);
  let binary;
  try {
    binary = await findRedis(cacheDir, log);
  } catch (error) {
    if (error instanceof NoRedisError) return { url: null, reason: error.message };
    throw error;
  }
  mkdirSync(join(dir, 'data'), { recursive: true, mode: 0o700 });
  const password = secretFile(join(dir, 'password'));
  const logFile = join(dir, 'redis.log');
  const config = join(dir, 'redis.conf');
  const pidFile = join(dir, 'redis.pid');
  const urlOf = (port: number): string => `redis://:${password}@127.0.0.1:${port}`;
  const start = async (port: number): Promise<TetheredServer> => {
    // Two servers appending to one file would spoil it.
    await clearEarlierLife({ name: 'Redis', pidFile, mark: config, stopSignal: 'SIGTERM', log });
    writeFileSync(config, redisConfig({ port, password, dataDir: join(dir, 'data'), pidFile }), { mode: 0o600 });
    const server = spawnTethered({ command: binary.path, args: [config], logFile, stopSignal: 'TERM', env: serverEnv(binary), cwd: dir });
    await untilAnswers(server, { name: 'Redis', logFile, timeoutMs: START_TIMEOUT_MS, ask: () => ping(urlOf(port)) });
    return server;
  };
  const kept = await keepServer({ name: 'Redis', port: options.port, log, start });
  return { url: urlOf(kept.port), port: kept.port, version: binary.version, stop: () => kept.stop() };
}

/** A configuration file rather than arguments, which everybody on the machine could read. */
export function redisConfig({ port, password, dataDir, pidFile }: { port: number; password: string; dataDir: string; pidFile: string }): string {
  return [
    'bind 127.0.0.1',
    'protected-mode yes',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${quoted(dataDir)}`,
    `pidfile ${quoted(pidFile)}`,
    // The command line stays as it was, by which a later start knows this server.
    'set-proc-title no',
    'daemonize no',
    'save ""',
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    'logfile ""',
    '',
  ].join('\n');
}

const quoted = (path: string): string => `"${path.replaceAll(/["\\]/g, '\\$&')}"`;

async function ping(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000, maxRetriesPerRequest: 0 });
  // The failure is told by the commands; without a listener ioredis would print it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    // Redis answers LOADING until its append-only file has been read.
    await client.ping();
  } finally {
    client.disconnect();
  }
}
