import { randomFillSync } from 'node:crypto';
import { type ContentBox, NONCE_BYTES } from '@apex/auth';
import { type CachedAnswer, type CacheSlot, decodeCached, encodeCached } from '../core/cache/cached-answer.js';
import { SharingQueue } from '../core/cache/sharing-queue.js';
import { type RedisCacheIndex } from './redis-cache-index.js';
import { type RedisCacheLink } from './redis-cache-link.js';

/** While Redis has so much to take that it has not taken, nothing more is sent. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** How often answers are sent, and how many of them at most: 500 a second. */
const ROUND_MS = 20;
const ROUND_ANSWERS = 10;
const ROUND_BYTES = 1024 * 1024;
/** Nonces are drawn together: to ask for twelve bytes takes as long as to ask for many. */
const NONCES_AT_ONCE = 512;
const LOOK_AT_MEMORY_MS = 5_000;

/** While Redis uses more than this, answers are kept by the processes only. */
export const DEFAULT_SHARED_BYTES = 512 * 1024 * 1024;

/**
 * Answers of all processes, in Redis. They are customers' content and lie there sealed, bound to their customer and key: a
 * value that was changed, moved or made elsewhere is none.
 */
export class RedisAnswerCache {
  private readonly queue = new SharingQueue();
  private round: NodeJS.Timeout | null = null;
  private pendingBytes = 0;
  private readonly nonces = Buffer.alloc(NONCES_AT_ONCE * NONCE_BYTES);
  private noncesUsed = this.nonces.length;
  private full = false;
  private readonly watch: NodeJS.Timeout;
  /** Values that could not be opened. */
  private refusedCount = 0;

  constructor(
    private readonly link: RedisCacheLink,
    private readonly index: RedisCacheIndex,
    private readonly box: ContentBox,
    private readonly now: () => number,
    private readonly prefix = 'apex:cache:',
    private readonly maxBytes = DEFAULT_SHARED_BYTES,
  ) {
    this.watch = setInterval(() => void this.lookAtMemory(), LOOK_AT_MEMORY_MS).unref();
    link.redis.on('ready', () => void this.lookAtMemory());
  }

  get refused(): number {
    return this.refusedCount;
  }

  /** How many times an answer was not given to the others, because too many waited. */
  get passedOver(): number {
    return this.queue.passedOverCount;
  }

  /** Null instead of a promise: there is nobody to ask. Never rejects. */
  fetch(slot: CacheSlot): Promise<CachedAnswer | null> | null {
    if (!this.link.available || !this.index.mayHold(slot.hash)) return null;
    return this.link.inTime(this.link.redis.getBuffer(this.keyOf(slot))).then((sealed) => (sealed === null ? null : this.open(slot, sealed)));
  }

  /** Redis has it within a few rounds, unless there are far too many of them or it cannot take any. */
  put(answer: CachedAnswer): void {
    if (this.link.available && !this.full && this.queue.offer(answer)) this.plan();
  }

  /** This process has been asked for it once more. */
  again(answer: CachedAnswer): void {
    if (this.queue.again(answer)) this.plan();
  }

  /** Sends what still waits. */
  close(): void {
    clearInterval(this.watch);
    if (this.round !== null) clearTimeout(this.round);
    while (this.queue.size > 0) this.send(this.queue.take(ROUND_ANSWERS, ROUND_BYTES));
  }

  private plan(): void {
    this.round ??= setTimeout(() => {
      this.round = null;
      if (this.pendingBytes <= MAX_PENDING_BYTES) this.send(this.queue.take(ROUND_ANSWERS, ROUND_BYTES));
      if (this.queue.size > 0) this.plan();
    }, ROUND_MS).unref();
  }

  /** In one write: a write for each answer costs as much as to seal it. */
  private send(answers: readonly CachedAnswer[]): void {
    // Redis may have gone, or filled up, since they were put in.
    if (!this.link.available || this.full) return;
    const sets = this.link.redis.pipeline();
    const sent: CachedAnswer[] = [];
    let bytes = 0;
    for (const answer of answers) {
      const ttlMs = answer.expiresAt - this.now();
      if (ttlMs < 1) continue;
      const sealed = this.box.seal(encodeCached(answer), placeOf(answer), this.nonce());
      sets.set(this.keyOf(answer), sealed, 'PX', ttlMs);
      sent.push(answer);
      bytes += sealed.length;
    }
    if (sent.length === 0) return;
    this.pendingBytes += bytes;
    sets
      .exec()
      .then((results) => {
        for (const [i, answer] of sent.entries()) {
          const [error] = results?.[i] ?? [null];
          if (error === null) this.index.stored(answer.hash);
          else this.warnNotKept(error);
        }
      })
      .catch((error: unknown) => this.warnNotKept(error))
      .finally(() => (this.pendingBytes -= bytes));
  }

  private warnNotKept(error: unknown): void {
    this.link.warn(`an answer could not be kept in Redis: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Valid until the next call. */
  private nonce(): Buffer {
    if (this.noncesUsed === this.nonces.length) {
      randomFillSync(this.nonces);
      this.noncesUsed = 0;
    }
    return this.nonces.subarray(this.noncesUsed, (this.noncesUsed += NONCE_BYTES));
  }

  private open(slot: CacheSlot, sealed: Buffer): CachedAnswer | null {
    try {
      return decodeCached(this.box.open(sealed, placeOf(slot)), slot);
    } catch (error) {
      this.refusedCount++;
      this.link.warn(`a kept answer cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  private async lookAtMemory(): Promise<void> {
    if (!this.link.available) return;
    const info = await this.link.patiently(this.link.redis.info('memory'));
    const used = /^used_memory:(\d+)/m.exec(info ?? '')?.[1];
    if (used === undefined) return;
    const full = Number(used) > this.maxBytes;
    if (full && !this.full) this.link.warn(`Redis uses more than ${this.maxBytes} bytes: answers are kept by the processes only until it uses less`);
    this.full = full;
  }

  private keyOf({ customerId, hash }: CacheSlot): string {
    return `${this.prefix}{${customerId}}:${hash}`;
  }
}

const placeOf = ({ customerId, hash }: CacheSlot): string => `${customerId}\n${hash}`;
