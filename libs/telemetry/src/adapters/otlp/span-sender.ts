import { type FinishedRequest, spansOf } from '../../core/span-plan.js';

/** Sends these; rejects when they were not taken. It may try for as long as its own time-out. */
export type SendSpans = (requests: readonly FinishedRequest[]) => Promise<void>;

export interface SpanSenderOptions {
  readonly send: SendSpans;
  readonly maxQueuedSpans: number;
  readonly batchSpans: number;
  readonly delayMs: number;
  /** Told of each change between being able and being unable to send. */
  readonly onChange: (error: unknown) => void;
}

export interface SpanStatistics {
  readonly sent: number;
  /** There was no room for them. */
  readonly dropped: number;
  /** Nobody took them. */
  readonly lost: number;
  readonly waiting: number;
}

/**
 * Finished requests on their way to a collector. To hand one over costs a push; spans are made of it when they are
 * sent. What waits is bounded, one batch is under way at a time, and whatever the collector does, nobody waits for it.
 */
export class SpanSender {
  private queue: FinishedRequest[] = [];
  private waiting = 0;
  private sent = 0;
  private dropped = 0;
  private lost = 0;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private failing = false;
  private closed = false;
  /** Closed before everything was sent: what is still under way has been counted. */
  private givenUp = false;

  constructor(private readonly options: SpanSenderOptions) {}

  push(request: FinishedRequest): void {
    const spans = spansOf(request);
    if (this.closed || this.waiting + spans > this.options.maxQueuedSpans) {
      this.dropped += spans;
      return;
    }
    this.queue.push(request);
    this.waiting += spans;
    if (this.running !== null) return;
    if (this.waiting >= this.options.batchSpans) this.wake(0);
    else if (this.timer === null) this.wake(this.options.delayMs);
  }

  statistics(): SpanStatistics {
    return { sent: this.sent, dropped: this.dropped, lost: this.lost, waiting: this.waiting };
  }

  /** Sends what waits, for at most `ms`; what is left then is dropped. Nothing is taken any more. */
  async close(ms: number): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    let giveUp: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (giveUp = setTimeout(resolve, ms, 'late')));
    const flush = async (): Promise<void> => {
      await this.running;
      while (this.queue.length > 0) await this.sendBatch();
    };
    if ((await Promise.race([flush(), late])) === 'late') {
      this.givenUp = true;
      this.dropped += this.waiting;
      this.queue = [];
      this.waiting = 0;
    }
    clearTimeout(giveUp);
  }

  private wake(afterMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.running = this.run();
    }, afterMs).unref();
  }

  /** Everything that is there now; what comes meanwhile waits for the next round, unless it is a batch by itself. */
  private async run(): Promise<void> {
    do await this.sendBatch();
    while (!this.closed && this.waiting >= this.options.batchSpans);
    this.running = null;
    if (!this.closed && this.queue.length > 0) this.wake(this.options.delayMs);
  }

  private async sendBatch(): Promise<void> {
    const { batchSpans } = this.options;
    let spans = 0;
    let count = 0;
    while (count < this.queue.length && (count === 0 || spans + spansOf(this.queue[count]!) <= batchSpans)) spans += spansOf(this.queue[count++]!);
    const batch = this.queue.splice(0, count);
    const error = await this.tryToSend(batch);
    if (this.givenUp) return;
    // A batch that is under way is still in memory: until here it has its place in the queue.
    this.waiting -= spans;
    if (error === null) this.sent += spans;
    else this.lost += spans;
    this.turn(error !== null, error);
  }

  private async tryToSend(batch: readonly FinishedRequest[]): Promise<NonNullable<unknown> | null> {
    try {
      await this.options.send(batch);
      return null;
    } catch (error) {
      return error ?? new Error('not taken');
    }
  }

  private turn(failing: boolean, error: unknown): void {
    if (failing === this.failing) return;
    this.failing = failing;
    this.options.onChange(error);
  }
}
