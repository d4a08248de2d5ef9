export interface RestartRules {
  /** The pause before the first restart, doubled up to `maxPauseMs` by each end in a row. Milliseconds. */
  readonly minPauseMs: number;
  readonly maxPauseMs: number;
  /** Whoever has served for so long begins a new row. */
  readonly settledMs: number;
  /** Ends in a row from which on a process counts as failing. */
  readonly limit: number;
}

export const RESTART_RULES: RestartRules = { minPauseMs: 200, maxPauseMs: 30_000, settledMs: 60_000, limit: 5 };

/** When a process that keeps ending is started again. It always is: what made it end may pass, a database that is away for instance. */
export class RestartPlan {
  private inARow = 0;

  constructor(private readonly rules: RestartRules) {}

  /** It ended after having served for so long; 0 if it did not even start. @returns the pause before it is started again, in ms */
  ended(servedMs: number): number {
    const { minPauseMs, maxPauseMs, settledMs } = this.rules;
    this.inARow = servedMs >= settledMs ? 1 : this.inARow + 1;
    return Math.min(maxPauseMs, minPauseMs * 2 ** (this.inARow - 1));
  }

  /** Whether it has ended so often in a row that somebody should look. */
  get failing(): boolean {
    return this.inARow >= this.rules.limit;
  }
}
