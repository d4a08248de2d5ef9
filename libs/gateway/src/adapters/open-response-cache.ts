import { type ContentBox } from '@apex/auth';
import { type Bus } from '@apex/queue';
import { type ResponseCache } from '../ports/response-cache.js';
import { CacheMarks } from './cache-marks.js';
import { DEFAULT_MEMORY_BYTES, MemoryAnswerCache } from './memory-answer-cache.js';
import { DEFAULT_SHARED_BYTES, RedisAnswerCache } from './redis-answer-cache.js';
import { type CacheIndexTimes, RedisCacheIndex } from './redis-cache-index.js';
import { RedisCacheLink, type RedisCacheTimes } from './redis-cache-link.js';
import { RedisCacheMarks } from './redis-cache-marks.js';
import { TieredResponseCache } from './tiered-response-cache.js';

export interface ResponseCacheOptions {
  /** null: this process is the only one. */
  readonly redisUrl: string | null;
  readonly box: ContentBox;
  readonly bus: Bus;
  readonly now: () => number;
  readonly memoryBytes?: number;
  readonly sharedBytes?: number;
  readonly times?: Partial<RedisCacheTimes & CacheIndexTimes>;
  readonly prefix?: string;
}

export abstract class OpenedResponseCache {
  abstract readonly cache: ResponseCache;
  /** Whether Redis is used now; null where there is none. */
  abstract shared(): boolean | null;
  /** What this process holds, how many values of Redis could not be opened, and how many answers were not given to Redis. */
  abstract figures(): { readonly answers: number; readonly bytes: number; readonly refused: number; readonly passedOver: number };
  abstract close(): Promise<void>;
}

/** The answers of a process and, where there is a Redis, of all. */
export function openResponseCache({ redisUrl, box, bus, now, memoryBytes = DEFAULT_MEMORY_BYTES, sharedBytes = DEFAULT_SHARED_BYTES, times, prefix = 'apex:cache:' }: ResponseCacheOptions): OpenedResponseCache {
  const memory = new MemoryAnswerCache(memoryBytes);
  if (redisUrl === null) {
    const cache = new TieredResponseCache(memory, new CacheMarks(now), null);
    return { cache, shared: () => null, figures: () => ({ ...memory.size, refused: 0, passedOver: 0 }), close: () => Promise.resolve() };
  }
  const link = new RedisCacheLink(redisUrl, times);
  const marks = new RedisCacheMarks(link, bus, now, prefix);
  const index = new RedisCacheIndex(link, bus, prefix, times);
  const shared = new RedisAnswerCache(link, index, box, now, prefix, sharedBytes);
  return {
    cache: new TieredResponseCache(memory, marks, shared),
    shared: () => link.available && marks.ready,
    figures: () => ({ ...memory.size, refused: shared.refused, passedOver: shared.passedOver }),
    close: async () => {
      marks.close();
      index.close();
      shared.close();
      await link.close();
    },
  };
}
