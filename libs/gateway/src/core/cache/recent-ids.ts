/** Remembers ids for a while, a bounded number of them; the oldest are forgotten first. */
export class RecentIds {
  /** In the order of their expiry. */
  private readonly until = new Map<string, number>();

  constructor(
    private readonly keepMs: number,
    private readonly limit: number,
  ) {}

  add(id: string, nowMs: number): void {
    this.until.delete(id);
    this.until.set(id, nowMs + this.keepMs);
    for (const [oldest, until] of this.until) {
      if (until > nowMs && this.until.size <= this.limit) return;
      this.until.delete(oldest);
    }
  }

  has(id: string, nowMs: number): boolean {
    const until = this.until.get(id);
    return until !== undefined && until > nowMs;
  }
}
