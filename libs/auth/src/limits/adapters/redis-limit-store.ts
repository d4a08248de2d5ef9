import { Logger } from '@nestjs/common';
import { newId } from '@apex/common';
import { createRedis } from '@apex/queue';
import { z } from 'zod';
import { LEASE_MS, type MeterGrant, type MeterReport } from '../core/meter-sync.js';
import { LimitStore } from '../ports/limit-store.js';
import { LocalLimitStore } from './local-limit-store.js';
import { LIMIT_SCRIPT } from './redis-limit-script.js';

/** Who is there: KEYS[1]; ARGV: process, ms after which one is gone. Gives how many. */
const PRESENCE_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`;

type LimitRedis = ReturnType<typeof createRedis> & {
  apexLimits(keys: number, ...args: (string | number)[]): Promise<unknown>;
  apexPresence(key: string, process: string, goneMs: number): Promise<number>;
};

const repliesSchema = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.number()]));

const PRESENCE_MS = 5_000;

export interface RedisLimitTimes {
  /** The longest a request waits for Redis, in ms. */
  readonly deadlineMs: number;
  /** How long nobody asks a Redis that has missed it. */
  readonly pauseMs: number;
  /** How long a process holds what it was granted without a word. */
  readonly leaseMs: number;
}

/**
 * The meters of all processes, in Redis. All of a customer's keys have one hash tag, so that the script finds them in one
 * place of a cluster; what is asked in one turn of the event loop goes out as one pipeline. While Redis is away or slow each
 * process has its share of what is left, by how many were last seen.
 */
export class RedisLimitStore extends LimitStore {
  private readonly log = new Logger('Limits');
  private readonly redis: LimitRedis;
  private readonly local: LocalLimitStore;
  private readonly process = newId();
  private readonly times: RedisLimitTimes;
  private readonly presence: NodeJS.Timeout;
  private processes = 1;
  private pausedUntil = -Infinity;
  private away = false;

  /** @param namespace whose limits they are, where several deployments share a Redis */
  constructor(url: string, private readonly namespace: string, now: () => number, times: Partial<RedisLimitTimes> = {}) {
    super();
    this.times = { deadlineMs: 50, pauseMs: 250, leaseMs: LEASE_MS, ...times };
    const redis = createRedis({ url, name: 'limits', options: { enableAutoPipelining: true } });
    redis.defineCommand('apexLimits', { lua: LIMIT_SCRIPT });
    redis.defineCommand('apexPresence', { numberOfKeys: 1, lua: PRESENCE_SCRIPT });
    this.redis = redis as LimitRedis;
    this.local = new LocalLimitStore(now, () => this.processes);
    this.redis.on('ready', () => void this.sayPresent());
    this.presence = setInterval(() => void this.sayPresent(), PRESENCE_MS);
    this.presence.unref();
  }

  override async sync(customerId: string, reports: readonly MeterReport[]): Promise<readonly MeterGrant[]> {
    const grants = await this.ask(customerId, reports);
    if (grants === null) return (await this.local.sync(customerId, reports)).map((grant) => ({ ...grant, heard: false }));
    this.local.mirror(customerId, reports, grants);
    return grants;
  }

  override async close(): Promise<void> {
    clearInterval(this.presence);
    if (this.redis.status === 'ready') await this.inTime(Promise.all([this.redis.zrem(this.present, this.process), this.redis.quit()]));
    this.redis.disconnect();
  }

  /** null: Redis is away, or does not answer in time. */
  private async ask(customerId: string, reports: readonly MeterReport[]): Promise<MeterGrant[] | null> {
    if (this.redis.status !== 'ready' || performance.now() < this.pausedUntil) return null;
    const keys = reports.flatMap(({ id }) => [`${this.key(customerId)}:${id}`, `${this.key(customerId)}:${id}:held`]);
    const args = reports.flatMap(({ kind, limit, from, to, hold, want, need, floor }) => [kind, limit, from, to, hold, want, need, floor ?? -1]);
    const reply = await this.inTime(this.redis.apexLimits(keys.length, ...keys, this.process, this.times.leaseMs, ...args));
    const parsed = reply === null ? null : repliesSchema.safeParse(reply);
    this.tell(parsed?.success !== true);
    if (parsed?.success !== true) return null;
    return parsed.data.map(([granted, used, held, retry, reset, known]) => ({ granted: Number(granted), used: Number(used), held: Number(held), retryAfterMs: Number(retry), resetMs: Number(reset), known: known === 1, heard: known === 1 }));
  }

  private key(customerId: string): string {
    return `apex:limits:${this.namespace}:{${customerId}}`;
  }

  private tell(away: boolean): void {
    if (away) this.pausedUntil = performance.now() + this.times.pauseMs;
    if (away && !this.away) this.log.warn(`Redis does not answer within ${this.times.deadlineMs} ms: each of ${this.processes} processes goes by its share of the limits until it does`);
    if (!away && this.away) this.log.log('Redis is back: limits hold over all processes');
    this.away = away;
  }

  private get present(): string {
    return `apex:limits:${this.namespace}:processes`;
  }

  private async sayPresent(): Promise<void> {
    if (this.redis.status !== 'ready') return;
    try {
      this.processes = Math.max(1, await this.redis.apexPresence(this.present, this.process, PRESENCE_MS * 3));
    } catch {
      // The number of before is the best there is.
    }
  }

  private inTime<T>(command: Promise<T>): Promise<T | null> {
    return new Promise((resolve) => {
      // A busy event loop sees the timer before an answer that has long been there: that one gets its turn first.
      const timer = setTimeout(() => setImmediate(() => resolve(null)), this.times.deadlineMs);
      timer.unref();
      const settle = (value: T | null): void => {
        clearTimeout(timer);
        resolve(value);
      };
      command.then(settle, () => settle(null));
    });
  }
}
