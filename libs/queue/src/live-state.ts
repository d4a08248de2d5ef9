import { Logger } from '@nestjs/common';

export interface LiveStateOptions {
  /** What it is, for the log: "Flags". */
  readonly name: string;
  /** The whole state as text. The same text means the same state. */
  readonly read: () => Promise<string>;
  /** Puts a state that differs from the last one in force. What it throws leaves the last one in force. */
  readonly apply: (text: string) => void;
  /** Calls back when somebody changed something; gives the way to unsubscribe. */
  readonly subscribe: (onMessage: () => void) => () => void;
  /** Milliseconds between two reads when nobody calls. */
  readonly pollMs: number;
}

/**
 * Keeps a small state of the store in memory: reads at start, on every message and every `pollMs`. Any failure to read
 * leaves the last good state serving.
 */
export class LiveState {
  private readonly log: Logger;
  private text: string | null = null;
  private reading: Promise<void> | null = null;
  private readAgain: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private unsubscribe: (() => void) | null = null;
  private running = false;
  private failing = false;

  constructor(private readonly options: LiveStateOptions) {
    this.log = new Logger(options.name);
  }

  /** @throws what the first read throws: without a first state there is nothing to serve. */
  async start(): Promise<void> {
    await this.load();
    this.running = true;
    this.unsubscribe = this.options.subscribe(() => void this.refresh());
    this.schedule();
  }

  /** No timer and no subscription is left behind; the last state goes on being served. */
  stop(): void {
    this.running = false;
    this.unsubscribe?.();
    this.unsubscribe = null;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Resolves when no read is under way any more. */
  async drained(): Promise<void> {
    while (this.reading) await this.reading;
  }

  /**
   * Resolves when a read that began after this call is through: what was committed before is in force then, unless the
   * store is away. Never rejects. Any number of calls during one read share the next one.
   */
  refresh(): Promise<void> {
    if (!this.running) return Promise.resolve();
    if (!this.reading) return this.readNow();
    this.readAgain ??= this.reading.then(() => {
      this.readAgain = null;
      return this.refresh();
    });
    return this.readAgain;
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      void this.refresh().then(() => {
        if (this.running) this.schedule();
      });
    }, this.options.pollMs);
  }

  private readNow(): Promise<void> {
    this.reading = this.load()
      .then(
        () => {
          if (this.failing) this.log.log(`${this.options.name} are read again`);
          this.failing = false;
        },
        (error: unknown) => {
          // Once per outage: at two reads a second, more would drown the rest of the log.
          if (!this.failing) this.log.warn(`${this.options.name} cannot be read, the last state stays in force: ${error instanceof Error ? error.message : String(error)}`);
          this.failing = true;
        },
      )
      .finally(() => {
        this.reading = null;
      });
    return this.reading;
  }

  private async load(): Promise<void> {
    const text = await this.options.read();
    if (text === this.text) return;
    this.options.apply(text);
    this.text = text;
  }
}
