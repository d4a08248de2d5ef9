import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { type ContentBox, NONCE_BYTES } from '@apex/auth';
import { createRedis } from '@apex/queue';
import { KEPT_FOR_MS, type KeptAnswer, decodeAnswer, encodeAnswer } from '../core/idempotency/kept-answer.js';
import { type KeyUse } from '../core/idempotency/key-use.js';
import { type Lease } from '../ports/idempotency-store.js';
import { type SharedClaim, type SharedIdempotencyStore } from './combined-idempotency-store.js';
import { IDEMPOTENCY_SCRIPT } from './redis-idempotency-script.js';

export interface RedisIdempotencyTimes {
  /** How long a key stays taken whose process died. */
  readonly leaseMs: number;
  /** How often the leases of requests under way are renewed; several times within a lease. */
  readonly renewMs: number;
  /** The longest a request waits for Redis. */
  readonly deadlineMs: number;
  /** How long Redis is let alone after it missed that. */
  readonly pauseMs: number;
}

const DEFAULT_TIMES: RedisIdempotencyTimes = { leaseMs: 30_000, renewMs: 8_000, deadlineMs: 50, pauseMs: 1_000 };

/** What may wait for Redis to take it; what is over that is not sent. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
const COMMAND_BYTES = 512;
const WARN_EVERY_MS = 60_000;

const RESERVED = Buffer.from('reserved');
const ANSWERED = Buffer.from('answered');
const MISMATCH = Buffer.from('mismatch');
const NOTHING = Buffer.alloc(0);

type Action = 'claim' | 'renew' | 'keep' | 'release';
type Verdict = readonly [verdict: Buffer, answer?: Buffer];
interface Scripts {
  apexIdempotencyBuffer(key: string, action: Action, owner: string, fingerprint: string, ttlMs: number, answer: Buffer | string): Promise<Verdict>;
}

/**
 * The keys of all processes, in Redis: one round trip to claim one. Answers are customers' content and lie there sealed,
 * bound to their key and request. Redis being away, slow or full never fails a request.
 */
export class RedisIdempotencyStore implements SharedIdempotencyStore {
  private readonly log = new Logger('Idempotency');
  private readonly redis: ReturnType<typeof createRedis> & Scripts;
  private readonly times: RedisIdempotencyTimes;
  /** Leases of requests under way in this process, by owner. */
  private readonly live = new Map<string, KeyUse>();
  private readonly renewal: NodeJS.Timeout;
  private pendingBytes = 0;
  private resumeAt = 0;
  private warnedAt = -Infinity;

  constructor(
    url: string,
    private readonly box: ContentBox,
    times: Partial<RedisIdempotencyTimes> = {},
    private readonly prefix = 'apex:idempotency:',
  ) {
    this.times = { ...DEFAULT_TIMES, ...times };
    const redis = createRedis({ url, name: 'idempotency' });
    redis.defineCommand('apexIdempotency', { numberOfKeys: 1, lua: IDEMPOTENCY_SCRIPT });
    this.redis = redis as typeof this.redis;
    this.renewal = setInterval(() => this.renew(), this.times.renewMs).unref();
  }

  get connected(): boolean {
    return this.redis.status === 'ready';
  }

  async claim(use: KeyUse): Promise<SharedClaim> {
    const owner = randomBytes(12).toString('base64url');
    const verdict = performance.now() < this.resumeAt ? null : await this.inTime(this.send('claim', use, owner, this.times.leaseMs));
    // A claim that is late may still arrive; it has the same owner as this lease.
    if (verdict === null) return { kind: 'unavailable', lease: this.lease(use, owner) };
    const [kind, answer = NOTHING] = verdict;
    if (kind.equals(ANSWERED)) return { kind: 'answered', answer: this.open(use, answer) };
    if (kind.equals(RESERVED)) return { kind: 'reserved', lease: this.lease(use, owner) };
    return { kind: kind.equals(MISMATCH) ? 'mismatch' : 'in_progress' };
  }

  /** Resolves when everything that was said before has been told to Redis, as far as it is there. */
  async close(): Promise<void> {
    clearInterval(this.renewal);
    if (this.connected) await this.inTime(this.redis.quit().catch(() => null), 1_000);
    this.redis.disconnect();
  }

  private lease(use: KeyUse, owner: string): Lease {
    this.live.set(owner, use);
    return {
      keep: (answer) => {
        if (this.live.delete(owner)) void this.keep(use, owner, answer);
      },
      release: () => {
        if (this.live.delete(owner)) void this.send('release', use, owner, 0);
      },
    };
  }

  private async keep(use: KeyUse, owner: string, answer: KeptAnswer | null): Promise<void> {
    if (!this.connected) return;
    const sealed = answer === null ? '' : this.box.seal(encodeAnswer(answer), place(use), randomBytes(NONCE_BYTES));
    if ((await this.send('keep', use, owner, KEPT_FOR_MS, sealed)) === null) this.warn('an answer could not be kept in Redis; its key is known to this process only');
  }

  private renew(): void {
    for (const [owner, use] of this.live) void this.send('renew', use, owner, this.times.leaseMs);
  }

  /** null: Redis is away, has too much to do or does not take it. */
  private async send(action: Action, use: KeyUse, owner: string, ttlMs: number, answer: Buffer | string = ''): Promise<Verdict | null> {
    const bytes = COMMAND_BYTES + answer.length;
    if (!this.connected || this.pendingBytes + bytes > MAX_PENDING_BYTES) return null;
    this.pendingBytes += bytes;
    try {
      return await this.redis.apexIdempotencyBuffer(this.prefix + use.slot, action, owner, use.fingerprint, ttlMs, answer);
    } catch {
      return null;
    } finally {
      this.pendingBytes -= bytes;
    }
  }

  private async inTime<T>(command: Promise<T>, deadlineMs = this.times.deadlineMs): Promise<T | null> {
    let settled = false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      // A busy event loop sees the timer before an answer that has long been there: that one gets its turn first.
      timer = setTimeout(
        () =>
          setImmediate(() => {
            if (!settled) this.resumeAt = performance.now() + this.times.pauseMs;
            resolve(null);
          }),
        deadlineMs,
      );
    });
    try {
      return await Promise.race([command.finally(() => (settled = true)), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** null: sealed under a key that is gone, or not by us. There was an answer, and it cannot be had again. */
  private open(use: KeyUse, sealed: Buffer): KeptAnswer | null {
    if (sealed.length === 0) return null;
    try {
      return decodeAnswer(this.box.open(sealed, place(use)));
    } catch (error) {
      this.warn(`a kept answer cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  private warn(message: string): void {
    const now = performance.now();
    if (now - this.warnedAt < WARN_EVERY_MS) return;
    this.warnedAt = now;
    this.log.warn(message);
  }
}

const place = ({ slot, fingerprint }: KeyUse): string => `${slot}.${fingerprint}`;
