import { type CachedAnswer, type CacheSlot } from '../core/cache/cached-answer.js';
import { type CacheSelector } from '../core/cache/selector.js';
import { ResponseCache } from '../ports/response-cache.js';
import { type CacheMarks } from './cache-marks.js';
import { type MemoryAnswerCache } from './memory-answer-cache.js';
import { type RedisAnswerCache } from './redis-answer-cache.js';

/** This process' answers, and behind them everybody's. */
export class TieredResponseCache extends ResponseCache {
  constructor(
    private readonly memory: MemoryAnswerCache,
    private readonly marks: CacheMarks,
    private readonly shared: RedisAnswerCache | null,
  ) {
    super();
  }

  peek(slot: CacheSlot): CachedAnswer | null {
    const answer = this.memory.get(slot);
    if (answer === null) return null;
    if (!this.marks.isCurrent(answer)) {
      this.memory.drop(slot);
      return null;
    }
    this.shared?.again(answer);
    return answer;
  }

  fetch(slot: CacheSlot): Promise<CachedAnswer | null> | null {
    // Before the first look at the invalidations nothing that others have stored can be believed.
    if (this.shared === null || !this.marks.ready) return null;
    const fetched = this.shared.fetch(slot);
    if (fetched === null) return null;
    return fetched.then((answer) => {
      if (answer === null || !this.marks.isCurrent(answer)) return null;
      this.memory.put(answer);
      return answer;
    });
  }

  store(answer: CachedAnswer): void {
    this.memory.put(answer);
    this.shared?.put(answer);
  }

  epoch(customerId: string): number {
    return this.marks.epoch(customerId);
  }

  isCurrent(answer: CachedAnswer): boolean {
    return this.marks.isCurrent(answer);
  }

  async invalidate(customerId: string, selector: CacheSelector): Promise<{ readonly everywhere: boolean }> {
    return { everywhere: await this.marks.invalidate(customerId, selector) };
  }
}
