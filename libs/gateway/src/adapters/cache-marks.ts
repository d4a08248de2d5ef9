import { type CacheSelector, type Marks, type Selectable, NO_MARKS, markOf } from '../core/cache/selector.js';

/** What is known of customers' invalidations in this process; without a Redis that is all there is. */
export class CacheMarks {
  protected readonly known = new Map<string, Marks>();

  constructor(private readonly now: () => number) {}

  /** Whether enough is known to believe what others have stored. */
  get ready(): boolean {
    return true;
  }

  epoch(customerId: string): number {
    return this.known.get(customerId)?.epoch ?? 0;
  }

  isCurrent(answer: Selectable & { readonly customerId: string }): boolean {
    const marks = this.known.get(answer.customerId);
    return marks === undefined || marks.isCurrent(answer);
  }

  /** Resolves to whether all processes have been told. */
  invalidate(customerId: string, selector: CacheSelector): Promise<boolean> {
    this.learn(customerId, markOf(selector), Math.max(this.now() * 1_000, this.epoch(customerId) + 1));
    return Promise.resolve(true);
  }

  protected learn(customerId: string, mark: string, time: number): void {
    this.known.set(customerId, (this.known.get(customerId) ?? NO_MARKS).with(mark, time));
  }
}
