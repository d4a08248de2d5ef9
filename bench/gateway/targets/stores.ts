import { join } from 'node:path';
import { startEmbeddedPostgres } from '@apex/database';
import { startEmbeddedRedis } from '@apex/queue';
import { cacheDir } from '../paths.js';

export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

/**
 * Fresh stores with the settings that `npm start` gives them, durable ones included. They are children of this
 * process and so run on the load's core, as they would on another machine.
 */
export async function startStores(dir: string, log: (line: string) => void): Promise<Stores> {
  const postgres = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), log });
  try {
    const redis = await startEmbeddedRedis({ dir: join(dir, 'redis'), cacheDir, log });
    if (redis.url === null) throw new Error(redis.reason);
    return { databaseUrl: postgres.url, redisUrl: redis.url, stop: async () => void (await Promise.all([postgres.stop(), redis.stop()])) };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
