interface Tries {
  count: number;
  /** Unix ms from which counting starts anew. */
  until: number;
}

/** Counts tries per subject in a window. In process and bounded: the subject heard of longest ago is forgotten first. */
export class AttemptThrottle {
  private readonly tries = new Map<string, Tries>();

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly mostSubjects: number,
  ) {}

  /** Counts one try. Returns 0 if it may go on, else how many ms to wait. Counted first, so parallel tries do not slip by. */
  take(subject: string, nowMs: number): number {
    const known = this.tries.get(subject);
    const current = known && known.until > nowMs ? known : { count: 0, until: nowMs + this.windowMs };
    if (current.count >= this.limit) return current.until - nowMs;
    current.count++;
    this.tries.delete(subject);
    this.tries.set(subject, current);
    if (this.tries.size > this.mostSubjects) this.tries.delete(this.tries.keys().next().value as string);
    return 0;
  }

  /** Forgets a subject that has proved itself. */
  clear(subject: string): void {
    this.tries.delete(subject);
  }

  get size(): number {
    return this.tries.size;
  }
}
