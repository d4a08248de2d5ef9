import { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import { UnleashEvents } from 'unleash-client';
import { type FlagDefinition } from '../core/definitions.js';
import { flagStateSchema } from '../core/flag-state.js';
import { toFeatures, type UnleashFeature, type UnleashRepository } from './unleash-features.js';

export interface FlagRepositoryOptions {
  readonly definitions: Iterable<FlagDefinition>;
  /** The whole state as JSON (`flagStateSchema`). The same text means the same state. */
  readonly read: () => Promise<string>;
  /** Calls back when somebody changed something; gives the way to unsubscribe. */
  readonly subscribe: (onMessage: () => void) => () => void;
  /** Milliseconds between two reads when nobody calls. */
  readonly pollMs: number;
}

/**
 * Unleash's repository over our own tables: reads at start, on every message and every `pollMs`, swaps all features at
 * once, and tells the client `changed` only when they did. Any failure to read leaves the last good state serving.
 */
export class FlagRepository extends EventEmitter implements UnleashRepository {
  private readonly log = new Logger('Flags');
  private features = new Map<string, UnleashFeature>();
  private text: string | null = null;
  private reading: Promise<void> | null = null;
  private readAgain: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private unsubscribe: (() => void) | null = null;
  private running = false;
  private failing = false;

  constructor(private readonly options: FlagRepositoryOptions) {
    super();
  }

  /** @throws what the first read throws: without a first state there is nothing to serve. */
  async start(): Promise<void> {
    await this.load();
    this.running = true;
    this.unsubscribe = this.options.subscribe(() => void this.refresh());
    this.schedule();
    this.emit(UnleashEvents.Ready);
    this.emit(UnleashEvents.Changed, this.getToggles());
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

  getToggle(name: string): UnleashFeature | undefined {
    return this.features.get(name);
  }

  getToggles(): UnleashFeature[] {
    return [...this.features.values()];
  }

  getTogglesWithSegmentData(): ReturnType<UnleashRepository['getTogglesWithSegmentData']> {
    return [...this.features.values()].map((feature) => ({ ...feature, strategies: feature.strategies?.map((strategy) => ({ ...strategy, segments: [] })) }));
  }

  /** There are no segments. */
  getSegment(): undefined {
    return undefined;
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
        (changed) => {
          if (this.failing) this.log.log('Flags are read again');
          this.failing = false;
          if (changed) this.emit(UnleashEvents.Changed, this.getToggles());
        },
        (error: unknown) => {
          // Once per outage: at two reads a second, more would drown the rest of the log.
          if (!this.failing) this.log.warn(`Flags cannot be read, the last state stays in force: ${error instanceof Error ? error.message : String(error)}`);
          this.failing = true;
        },
      )
      .finally(() => {
        this.reading = null;
      });
    return this.reading;
  }

  private async load(): Promise<boolean> {
    const text = await this.options.read();
    if (text === this.text) return false;
    this.features = toFeatures(this.options.definitions, flagStateSchema.parse(JSON.parse(text)));
    this.text = text;
    return true;
  }
}
