import { type CachedAnswer, type CacheSlot } from '../core/cache/cached-answer.js';
import { type CacheSelector } from '../core/cache/selector.js';

/** Answers that may be given again. It never fails and never waits long: what is away is as if it were empty. */
export abstract class ResponseCache {
  /** What this process holds, at once. An answer that was invalidated is none; whether it is too old is for the caller to say. */
  abstract peek(slot: CacheSlot): CachedAnswer | null;
  /** What other processes have stored; null instead of a promise: there is nobody to ask. Never rejects. */
  abstract fetch(slot: CacheSlot): Promise<CachedAnswer | null> | null;
  /** Returns at once; other processes get it soon after. */
  abstract store(answer: CachedAnswer): void;
  /** What is known of a customer's invalidations now: taken when a request begins, kept in its answer. */
  abstract epoch(customerId: string): number;
  /** Whether no invalidation since its epoch meets the answer. */
  abstract isCurrent(answer: CachedAnswer): boolean;
  /**
   * No answer that was under way or stored by now and that the selector meets is given again: by this process from now on,
   * by others within a second. `everywhere` is false where they cannot be told now; they are as soon as they can be.
   */
  abstract invalidate(customerId: string, selector: CacheSelector): Promise<{ readonly everywhere: boolean }>;
}
