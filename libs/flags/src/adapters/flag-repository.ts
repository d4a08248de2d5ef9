import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { LiveState } from '@apex/queue';
import { UnleashEvents } from 'unleash-client';
import { type FlagDefinition } from '../core/definitions.js';
import { type FlagState, flagStateSchema } from '../core/flag-state.js';
import { type ServerAnswer, type ServerToggle } from '../core/server-toggles.js';
import { fromServer, toFeatures, type UnleashFeature, type UnleashRepository } from './unleash-features.js';

export interface FlagRepositoryOptions {
  readonly definitions: Iterable<FlagDefinition>;
  /** The whole state as JSON (`flagStateSchema`). The same text means the same state. */
  readonly read: () => Promise<string>;
  /** Calls back when somebody changed something; gives the way to unsubscribe. */
  readonly subscribe: (onMessage: () => void) => () => void;
  /** Milliseconds between two reads when nobody calls. */
  readonly pollMs: number;
  /** Keeps what the Unleash server has said where `read` finds it; only where there is such a server. */
  readonly keep?: (toggles: readonly ServerToggle[]) => Promise<void>;
}

/** Who decides about a flag or the traffic: our own row, the Unleash server, or what the server said when it still listed it. */
export type Authority = 'apex' | 'unleash' | 'unleash_last_known';

/**
 * Unleash's repository over our own tables and, where there is a server, over its answers: swaps all features at once,
 * and tells the client `changed` only when they did. For each name there counts what the server lists now, else what it
 * said last (in memory until it is kept, then in Postgres), else our row. So no answer of the server, nor the lack of
 * one, takes anything away. Any failure to read leaves the last good state serving.
 */
export class FlagRepository extends EventEmitter implements UnleashRepository {
  private features = new Map<string, UnleashFeature>();
  private readonly state: LiveState;
  private rows: FlagState | null = null;
  /** The server's last good answer; null until there is one. */
  private answer: ServerAnswer | null = null;
  /** What it said and Postgres does not have yet. */
  private readonly unkept = new Map<string, ServerToggle>();
  private ready = false;

  constructor(private readonly options: FlagRepositoryOptions) {
    super();
    const apply = (text: string): void => {
      this.rows = flagStateSchema.parse(JSON.parse(text));
      this.compose();
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

  /**
   * Puts the server's answer in force at once, and keeps it.
   * @throws what keeping throws; the next answer tries again
   */
  async accept(answer: ServerAnswer): Promise<void> {
    this.answer = answer;
    for (const [name, toggle] of answer.toggles) {
      if (isDeepStrictEqual(this.rows?.lastKnown?.[name], toggle)) this.unkept.delete(name);
      else this.unkept.set(name, toggle);
    }
    this.compose();
    const kept = [...this.unkept.values()];
    if (kept.length === 0) return;
    await this.options.keep?.(kept);
    await this.refresh();
    for (const toggle of kept) if (this.unkept.get(toggle.name) === toggle && isDeepStrictEqual(this.rows?.lastKnown?.[toggle.name], toggle)) this.unkept.delete(toggle.name);
  }

  authority(name: string): Authority {
    if (!this.followed().has(name)) return 'apex';
    return this.answer === null || this.answer.listed.has(name) ? 'unleash' : 'unleash_last_known';
  }

  /** What the server said of each toggle, now or last. */
  private followed(): Map<string, ServerToggle> {
    return new Map([...Object.entries(this.rows?.lastKnown ?? {}), ...this.unkept, ...(this.answer?.toggles ?? [])]);
  }

  private compose(): void {
    if (this.rows === null) return;
    const features = toFeatures(this.options.definitions, this.rows);
    for (const [name, toggle] of this.followed()) if (features.has(name)) features.set(name, fromServer(toggle));
    if (this.ready && isDeepStrictEqual(features, this.features)) return;
    this.features = features;
    if (this.ready) this.emit(UnleashEvents.Changed, this.getToggles());
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
