import { EventEmitter } from 'node:events';
import { LiveState } from '@apex/queue';
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
 * Unleash's repository over our own tables: swaps all features at once, and tells the client `changed` only when they did.
 * Any failure to read leaves the last good state serving.
 */
export class FlagRepository extends EventEmitter implements UnleashRepository {
  private features = new Map<string, UnleashFeature>();
  private readonly state: LiveState;
  private ready = false;

  constructor(options: FlagRepositoryOptions) {
    super();
    const apply = (text: string): void => {
      this.features = toFeatures(options.definitions, flagStateSchema.parse(JSON.parse(text)));
      if (this.ready) this.emit(UnleashEvents.Changed, this.getToggles());
    };
    this.state = new LiveState({ name: 'Flags', read: options.read, apply, subscribe: options.subscribe, pollMs: options.pollMs });
  }

  /** @throws what the first read throws: without a first state there is nothing to serve. */
  async start(): Promise<void> {
    await this.state.start();
    this.ready = true;
    this.emit(UnleashEvents.Ready);
    this.emit(UnleashEvents.Changed, this.getToggles());
  }

  /** No timer and no subscription is left behind; the last state goes on being served. */
  stop(): void {
    this.state.stop();
  }

  /** Resolves when no read is under way any more. */
  drained(): Promise<void> {
    return this.state.drained();
  }

  /** See `LiveState.refresh`. */
  refresh(): Promise<void> {
    return this.state.refresh();
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
}
