import { Logger } from '@nestjs/common';

/** Something that is done again and again, by one process of those that may. */
export interface RecurringJob {
  readonly name: string;
  readonly everyMs: number;
  /**
   * May be run at any time, twice at once, and killed anywhere: what it does must bear that. It ends soon after `goesOn`
   * says no; when it rejects, it is run again at its next turn.
   */
  run(goesOn: () => boolean): Promise<unknown>;
}

/** Runs a queue's jobs by name. A job that fails is told of once, until it succeeds again. */
export class JobRunner {
  private readonly log = new Logger('Jobs');
  private readonly failing = new Set<string>();
  private readonly running = new Set<Promise<void>>();
  private stopped = false;

  constructor(
    readonly queue: string,
    readonly jobs: readonly RecurringJob[],
  ) {}

  /** @throws what the job throws, and for a name that is no job's */
  run(name: string): Promise<void> {
    const running = this.runNow(name);
    this.running.add(running);
    const ended = (): void => void this.running.delete(running);
    running.then(ended, ended);
    return running;
  }

  /** Asks what is running to end soon, and waits for it. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.running);
  }

  private async runNow(name: string): Promise<void> {
    const job = this.jobs.find((one) => one.name === name);
    if (job === undefined) throw new Error(`There is no job ${this.queue}/${name} here.`);
    try {
      await job.run(() => !this.stopped);
    } catch (error) {
      if (!this.failing.has(name) && !this.stopped) this.log.warn(`${this.queue}/${name} failed and will be tried again: ${error instanceof Error ? error.message : String(error)}`);
      this.failing.add(name);
      throw error;
    }
    if (this.failing.delete(name)) this.log.log(`${this.queue}/${name} works again`);
  }

}
