import { performance } from 'node:perf_hooks';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type GatewayMetrics } from '../gateway-metrics.js';
import { ClickHouseFailure } from './clickhouse-events.js';
import { type FeedProgress } from './feed-progress.js';
import { type Forwarder } from './forwarder.js';

const EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** A process whose event loop is busier than this has requests to serve: short steps, and only so many a second. */
const BUSY = 0.5;
const ROWS = 5_000;
const ROWS_WHEN_BUSY = 500;
const BATCHES_WHEN_BUSY = 10;

/** Runs the forwarder once a second for as long as the application does; pauses grow while a store is away. */
export class Forwarding implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('Forwarding');
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private failuresInARow = 0;
  private allFailures = 0;
  private measured = performance.eventLoopUtilization();

  constructor(
    private readonly forwarder: Forwarder,
    private readonly progress: () => Promise<FeedProgress>,
  ) {}

  /** Events that this process has sent; what is sent again after an interruption counts again. */
  get sent(): number {
    return this.forwarder.sent;
  }

  /** Rounds that failed. */
  get failures(): number {
    return this.allFailures;
  }

  /** How long the oldest event has been waiting, in seconds; 0 in processes that do not send. @throws when Postgres does not answer */
  async waitingSeconds(): Promise<number> {
    // Where nobody can send, each tells: of several processes the longest is shown.
    return this.forwarder.holds || this.failuresInARow > 0 ? (await this.progress()).waitingMs / 1_000 : 0;
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
    await this.forwarder.release().catch(() => undefined);
  }

  private schedule(): void {
    const pause = Math.min(EVERY_MS * 2 ** Math.min(this.failuresInARow, 10), LONGEST_PAUSE_MS);
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        if (!this.stopped) this.schedule();
      });
    }, pause).unref();
  }

  private async run(): Promise<void> {
    const { utilization } = performance.eventLoopUtilization(this.measured);
    this.measured = performance.eventLoopUtilization();
    const [rows, most] = utilization >= BUSY ? [ROWS_WHEN_BUSY, BATCHES_WHEN_BUSY] : [ROWS, Infinity];
    let batches = 0;
    try {
      await this.forwarder.round(() => (this.stopped || batches++ >= most ? 0 : rows));
      if (this.failuresInARow > 0) this.log.log('telemetry is being sent again');
      this.failuresInARow = 0;
    } catch (error) {
      const message = error instanceof ClickHouseFailure ? error.message : 'Postgres does not answer';
      await this.forwarder.release(message).catch(() => undefined);
      if (this.stopped) return;
      this.allFailures += 1;
      if (this.failuresInARow++ === 0) this.log.warn(`telemetry cannot be sent and waits in Postgres: ${error instanceof ClickHouseFailure ? message : `Postgres: ${(error as Error).message}`}`);
    }
  }
}

/** How the feed is, for `/metrics` of processes that forward. */
export function registerFeedMetrics(metrics: GatewayMetrics, forwarding: Pick<Forwarding, 'waitingSeconds' | 'sent' | 'failures'>): void {
  metrics.registerGauge('apex_clickhouse_waiting_seconds', 'How long the oldest record that is not in ClickHouse yet has been waiting in Postgres', () => forwarding.waitingSeconds(), { together: 'max' });
  metrics.registerCounter('apex_clickhouse_events_total', 'Requests that were sent to ClickHouse; once more when they were corrected', () => forwarding.sent);
  metrics.registerCounter('apex_clickhouse_failures_total', 'Times that nothing could be sent to ClickHouse', () => forwarding.failures);
}
