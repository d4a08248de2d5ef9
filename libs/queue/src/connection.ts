import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';

export interface RedisConnectionOptions {
  /** redis://[:password@]host:port[/db] or rediss:// */
  readonly url: string;
  /** Shown in CLIENT LIST and in the log. */
  readonly name: string;
  /**
   * `fail` (default): a command given while Redis is away is refused at once; for requests, which have a plan B.
   * `wait`: it waits for Redis to come back; for queues and subscriptions.
   */
  readonly whenAway?: 'fail' | 'wait';
  readonly options?: RedisOptions;
}

/** Milliseconds before the n-th reconnection attempt: quick at first, never more than two seconds. */
export const reconnectDelay = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt - 1, 10), 2_000);

/**
 * A connection that outlives Redis: it reconnects for ever with bounded pauses, tells of each outage once, and no
 * outage of it ends the process. It connects by itself, in the background. Close it with `quit` or `disconnect`.
 */
export function createRedis({ url, name, whenAway = 'fail', options = {} }: RedisConnectionOptions): Redis {
  const log = new Logger('Redis');
  const redis = new Redis(url, {
    connectionName: `apex-${name}`,
    connectTimeout: 2_000,
    keepAlive: 10_000,
    retryStrategy: reconnectDelay,
    enableOfflineQueue: whenAway === 'wait',
    maxRetriesPerRequest: whenAway === 'wait' ? null : 0,
    ...options,
  });
  let away = false;
  redis.on('error', (error: Error) => {
    if (away) return;
    away = true;
    // The message may hold an address, never the password: ioredis keeps the URL to itself.
    log.warn(`${name}: Redis is away (${error.message || error.name}); reconnecting`);
  });
  redis.on('ready', () => {
    if (away) log.log(`${name}: Redis is back`);
    away = false;
  });
  return redis;
}
