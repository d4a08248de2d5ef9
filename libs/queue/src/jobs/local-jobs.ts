import { type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type JobRunner } from './recurring-job.js';

/** Without Redis there is one process, and it runs its jobs itself, each behind its pause. */
export class LocalJobs implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private stopped = false;

  constructor(private readonly runner: JobRunner) {}

  onApplicationBootstrap(): void {
    for (const { name, everyMs } of this.runner.jobs) this.schedule(name, everyMs, 0);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    await this.runner.stop();
  }

  private schedule(name: string, everyMs: number, inMs = everyMs): void {
    const run = (): void => {
      const next = (): void => {
        if (!this.stopped) this.schedule(name, everyMs);
      };
      // The runner has told of a failure.
      this.runner.run(name).then(next, next);
    };
    this.timers.set(name, setTimeout(run, inMs).unref());
  }
}
