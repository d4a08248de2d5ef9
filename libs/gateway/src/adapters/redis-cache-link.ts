import { Logger } from '@nestjs/common';
import { createRedis } from '@apex/queue';
import { MAX_MARKS } from '../core/cache/selector.js';

export interface RedisCacheTimes {
  /** The longest a request waits for Redis, in ms. */
  readonly deadlineMs: number;
  /** How often a Redis that has missed it is tried again, off any request's path. */
  readonly probeMs: number;
  /** The longest somebody waits who changes something. */
  readonly changeMs: number;
  /** How often processes look for what they may have missed. */
  readonly pollMs: number;
}

export const DEFAULT_CACHE_TIMES: RedisCacheTimes = { deadlineMs: 20, probeMs: 500, changeMs: 1_000, pollMs: 500 };

const WARN_EVERY_MS = 60_000;

/**
 * Marks a selector: KEYS[1] the customer's marks; ARGV: mark, keep in microseconds, how many, at least.
 * The time is Redis' own, strictly growing. A mark for everything replaces all others; the oldest beyond `how many` become one.
 */
const MARK_SCRIPT = `
local key, mark, keep, many = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local time = clock[1] * 1000000 + clock[2]
local top = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
if top[2] and tonumber(top[2]) >= time then time = tonumber(top[2]) + 1 end
if time <= tonumber(ARGV[4]) then time = tonumber(ARGV[4]) + 1 end
local text = string.format('%.0f', time)
if mark == '*' then redis.call('DEL', key) end
redis.call('ZADD', key, text, mark)
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', time - keep))
local over = redis.call('ZCARD', key) - many
if over > 0 then
  local old = redis.call('ZPOPMIN', key, over + 1)
  local all = redis.call('ZSCORE', key, '*')
  if not all or tonumber(all) < tonumber(old[#old]) then redis.call('ZADD', key, old[#old], '*') end
end
redis.call('PEXPIRE', key, math.floor(keep / 1000))
return text
`;

interface Scripts {
  apexCacheMark(key: string, mark: string, keepMicros: number, many: number, atLeast: number): Promise<string>;
}

export type CacheRedis = ReturnType<typeof createRedis> & Scripts;

/**
 * The caches' connection. A request waits for it no longer than the deadline, and once that is missed no request at all
 * waits until Redis has answered a probe in time.
 */
export class RedisCacheLink {
  readonly redis: CacheRedis;
  readonly times: RedisCacheTimes;
  private readonly log = new Logger('ExactCache');
  private suspended = false;
  private closed = false;
  private probe: NodeJS.Timeout | undefined;
  private warnedAt = -Infinity;

  constructor(url: string, times: Partial<RedisCacheTimes> = {}) {
    this.times = { ...DEFAULT_CACHE_TIMES, ...times };
    const redis = createRedis({ url, name: 'cache' });
    redis.defineCommand('apexCacheMark', { numberOfKeys: 1, lua: MARK_SCRIPT });
    this.redis = redis as CacheRedis;
  }

  /** There is no use in asking while this is false. */
  get available(): boolean {
    return !this.suspended && this.redis.status === 'ready';
  }

  /** The command's answer; null: it failed, or did not come in time. */
  inTime<T>(command: Promise<T>): Promise<T | null> {
    return this.within(command, this.times.deadlineMs, () => this.suspend());
  }

  /** The same for somebody who has more time, and whose wait says nothing about requests. */
  patiently<T>(command: Promise<T>): Promise<T | null> {
    return this.within(command, this.times.changeMs, () => undefined);
  }

  mark(key: string, mark: string, keepMicros: number, atLeast: number): Promise<string> {
    return this.redis.apexCacheMark(key, mark, keepMicros, MAX_MARKS, atLeast);
  }

  /** At most once a minute. */
  warn(message: string): void {
    const now = performance.now();
    if (now - this.warnedAt < WARN_EVERY_MS) return;
    this.warnedAt = now;
    this.log.warn(message);
  }

  /** Resolves when what was said before has been told to Redis, as far as it is there. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.probe);
    if (this.available) await this.patiently(this.redis.quit());
    this.redis.disconnect();
  }

  private within<T>(command: Promise<T>, ms: number, onLate: () => void): Promise<T | null> {
    return new Promise((resolve) => {
      let settled = false;
      const settle = (value: T | null): void => {
        settled = true;
        clearTimeout(timer);
        resolve(value);
      };
      // A busy event loop sees the timer before an answer that has long been there: that one gets its turn first.
      const timer = setTimeout(() => {
        setImmediate(() => {
          if (!settled) onLate();
          resolve(null);
        });
      }, ms);
      command.then(settle, () => settle(null));
    });
  }

  private suspend(): void {
    if (this.suspended || this.closed) return;
    this.suspended = true;
    this.warn(`Redis did not answer within ${this.times.deadlineMs} ms: each process has its own cache until it does`);
    this.tryAgain();
  }

  private tryAgain(): void {
    if (this.closed) return;
    this.probe = setTimeout(() => {
      // A connection that is gone comes back by itself, and is asked then.
      if (this.redis.status !== 'ready') return this.tryAgain();
      void this.within(this.redis.ping(), this.times.deadlineMs, () => undefined).then((pong) => {
        if (pong === null) return this.tryAgain();
        this.suspended = false;
      });
    }, this.times.probeMs).unref();
  }
}
