export interface MetricSenderOptions {
  /** Sends what there is now; rejects when it was not taken. */
  readonly send: () => Promise<void>;
  readonly intervalMs: number;
  readonly onChange: (error: unknown) => void;
}

/** Sends metrics every so often, never two at a time. What one sending misses is in the next: counts only grow. */
export class MetricSender {
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> | null = null;
  private failing = false;
  private failures = 0;

  constructor(private readonly options: MetricSenderOptions) {
    this.timer = setInterval(() => void this.sendOnce(), options.intervalMs).unref();
  }

  /** How often nobody took them. */
  get failed(): number {
    return this.failures;
  }

  /** Sends once more, and waits for that at most `ms`. */
  async close(ms: number): Promise<void> {
    clearInterval(this.timer);
    let giveUp: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (giveUp = setTimeout(resolve, ms)));
    const flush = async (): Promise<void> => {
      await this.running;
      await this.sendOnce();
    };
    await Promise.race([flush(), late]);
    clearTimeout(giveUp);
  }

  private sendOnce(): Promise<void> {
    return (this.running ??= Promise.resolve()
      .then(() => this.options.send())
      .then(
        () => this.turn(false, null),
        (error: unknown) => {
          this.failures++;
          this.turn(true, error);
        },
      )
      .finally(() => (this.running = null)));
  }

  private turn(failing: boolean, error: unknown): void {
    if (failing === this.failing) return;
    this.failing = failing;
    this.options.onChange(error);
  }
}
