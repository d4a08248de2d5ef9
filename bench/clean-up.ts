/** What has to be undone when a benchmark ends, however it ends: the last thing first. */
export class CleanUp {
  private readonly steps: (() => unknown)[] = [];
  private last = 0;
  private running: Promise<void> | null = null;

  /** From now on a signal that ends this process ends what it has started. */
  constructor(private readonly log: (line: string) => void) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void this.run().then(() => process.exit(130)));
  }

  add(step: () => unknown): void {
    this.steps.push(step);
  }

  /** To be done at the very end, but for what was added so before. */
  addLast(step: () => unknown): void {
    this.steps.splice(this.last++, 0, step);
  }

  /** Once, however often it is asked for. What cannot be undone is told, and the rest is undone all the same. */
  run(): Promise<void> {
    return (this.running ??= this.undo());
  }

  private async undo(): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step();
      } catch (error) {
        this.log(String(error));
      }
    }
  }
}
