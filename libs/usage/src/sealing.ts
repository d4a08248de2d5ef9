import { performance } from 'node:perf_hooks';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type Sealer } from './sealer.service.js';

const EVERY_MS = 1_000;
/** A process whose event loop is busier than this has requests to serve: it seals one batch a second, and the rest when it has time. */
const BUSY = 0.5;
/** About a batch of records. With more than this on the way to Postgres, they come first. */
const BEHIND_BYTES = 2 << 20;

/**
 * Runs the sealer once a second for as long as the application does. Every process may: chains are extended under locks.
 * It yields to traffic and to recording: a receipt counts from the moment it is recorded, and its seal is needed for the statement only.
 */
export class Sealing implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('Sealing');
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;
  private failing = false;
  private measured = performance.eventLoopUtilization();

  /** @param waitingBytes what the journal holds that is not recorded yet */
  constructor(
    private readonly sealer: Sealer,
    private readonly waitingBytes: () => number,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.round;
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.round = this.run().finally(() => {
        if (!this.stopped) this.schedule();
      });
    }, EVERY_MS).unref();
  }

  private async run(): Promise<void> {
    try {
      const from = performance.eventLoopUtilization(this.measured);
      this.measured = performance.eventLoopUtilization();
      await this.sealer.seal(null, () => from.utilization < BUSY && this.waitingBytes() < BEHIND_BYTES && !this.stopped);
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.stopped) this.log.warn(`receipts cannot be sealed and wait: ${error instanceof Error ? error.message : String(error)}`);
      this.failing = true;
    }
  }
}
