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
    const known = this.live(subject, nowMs);
    const current = known ?? { count: 0, until: nowMs + this.windowMs };
    if (current.count >= this.limit) return current.until - nowMs;
    current.count++;
    this.tries.delete(subject);
    this.tries.set(subject, current);
    if (this.tries.size > this.mostSubjects) this.tries.delete(this.tries.keys().next().value as string);
    return 0;
  }

  /** What `take` would return, without counting. */
  waitMs(subject: string, nowMs: number): number {
    const known = this.live(subject, nowMs);
    return known !== undefined && known.count >= this.limit ? known.until - nowMs : 0;
  }

  /** Whether the subject has tried at all in its present window. */
  knows(subject: string, nowMs: number): boolean {
    return this.live(subject, nowMs) !== undefined;
  }

  /** Forgets a subject that has proved itself. */
  clear(subject: string): void {
    this.tries.delete(subject);
  }

  get size(): number {
    return this.tries.size;
  }

  private live(subject: string, nowMs: number): Tries | undefined {
    const known = this.tries.get(subject);
    return known !== undefined && known.until > nowMs ? known : undefined;
  }
}
