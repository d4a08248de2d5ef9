import { randomBytes } from 'node:crypto';
import { type ContentBox, NONCE_BYTES } from '@apex/auth';
import { type CachedAnswer, type CacheSlot, decodeCached, encodeCached } from '../core/cache/cached-answer.js';
import { type RedisCacheIndex } from './redis-cache-index.js';
import { type RedisCacheLink } from './redis-cache-link.js';

/** What may wait for Redis to take it; what is over that is not sent. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
const LOOK_AT_MEMORY_MS = 5_000;

/** While Redis uses more than this, answers are kept by the processes only. */
export const DEFAULT_SHARED_BYTES = 512 * 1024 * 1024;

/**
 * Answers of all processes, in Redis. They are customers' content and lie there sealed, bound to their customer and key: a
 * value that was changed, moved or made elsewhere is none.
 */
export class RedisAnswerCache {
  private pendingBytes = 0;
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

  /** Null instead of a promise: there is nobody to ask. Never rejects. */
  fetch(slot: CacheSlot): Promise<CachedAnswer | null> | null {
    if (!this.link.available || !this.index.mayHold(slot.hash)) return null;
    return this.link.inTime(this.link.redis.getBuffer(this.keyOf(slot))).then((sealed) => (sealed === null ? null : this.open(slot, sealed)));
  }

  put(answer: CachedAnswer): void {
    const ttlMs = answer.expiresAt - this.now();
    if (!this.link.available || this.full || ttlMs < 1) return;
    const sealed = this.box.seal(encodeCached(answer), placeOf(answer), randomBytes(NONCE_BYTES));
    if (this.pendingBytes + sealed.length > MAX_PENDING_BYTES) return;
    this.pendingBytes += sealed.length;
    void this.link.redis
      .set(this.keyOf(answer), sealed, 'PX', ttlMs)
      .then(() => this.index.stored(answer.hash))
      .catch((error: unknown) => this.link.warn(`an answer could not be kept in Redis: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => (this.pendingBytes -= sealed.length));
  }

  close(): void {
    clearInterval(this.watch);
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
