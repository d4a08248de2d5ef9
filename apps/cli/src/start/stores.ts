import { join } from 'node:path';
import { createDataSource, runMigrations, startEmbeddedPostgres } from '@apex/database';
import { startEmbeddedRedis } from '@apex/queue';
import { migrations } from '../../../../migrations/index.js';
import { Failure } from '../failure.js';
import { type StartConfig } from './start.config.js';
import { note } from './terminal.js';

export interface Store<Url> {
  readonly url: Url;
  stop(): Promise<void>;
}

const nothingToStop = (): Promise<void> => Promise.resolve();

/** `DATABASE_URL`'s Postgres, or the embedded one. */
export async function openPostgres(config: StartConfig): Promise<Store<string>> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, stop: nothingToStop };
  return startEmbeddedPostgres({ dir: join(config.home, 'postgres'), log: note });
}

/** `REDIS_URL`'s Redis, or the embedded one; where none is to be had, none, except in production. */
export async function openRedis(config: StartConfig): Promise<Store<string | null> & { readonly note: string | null }> {
  if (config.redisUrl !== null) return { url: config.redisUrl, note: null, stop: nothingToStop };
  const redis = await startEmbeddedRedis({ dir: join(config.home, 'redis'), cacheDir: config.cacheDir, log: note });
  if (redis.url !== null) return { url: redis.url, note: null, stop: () => redis.stop() };
  if (config.production) throw new Failure(`NODE_ENV=production needs a Redis. ${redis.reason}`);
  note('');
  note('WARNING: Apex runs WITHOUT REDIS. This one process works; a second one would not hear of changes. Not for production.');
  note(redis.reason);
  note('');
  return { url: null, note: redis.reason, stop: nothingToStop };
}

/** A machine that is just starting, or busy, answers late; one that is not there refuses at once. */
const PATIENCE_MS = 30_000;

/** Brings the schema up to date; several processes may do so at once. */
export async function migrate(databaseUrl: string): Promise<void> {
  const dataSource = createDataSource({ url: databaseUrl, entities: [], migrations, poolSize: 2, applicationName: 'apex-migrations', statementTimeoutMs: 0, connectTimeoutMs: PATIENCE_MS });
  try {
    await dataSource.initialize();
  } catch (error) {
    // The message names host and port at most; the URL holds a password and is not shown.
    throw new Failure(`Postgres cannot be reached: ${(error as Error).message || (error as { code?: string }).code || 'no answer'}. Is DATABASE_URL right?`);
  }
  try {
    await runMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
