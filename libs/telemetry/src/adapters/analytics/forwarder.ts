import { firstIdAt, type Uuid } from '@apex/common';
import { keptFrom } from '../../core/analytics/retention.js';
import { type ClickHouseEvents } from './clickhouse-events.js';
import { type EventBatch, type EventSource, FeedLostError, type FeedState, NO_ID, PARTS } from './event-source.js';

/** May it go on, and how many rows may a batch have: asked before each. */
export type Pace = () => number;

/** Where events go. */
export type EventSink = Pick<ClickHouseEvents, 'target' | 'insert' | 'dropBefore'>;

/**
 * Sends what is in the books to ClickHouse, in batches behind a cursor that Postgres keeps. First the batch, then the
 * cursor: who dies in between has the batch sent again, and ClickHouse counts it once. Nothing is held in memory: what
 * waits, waits in Postgres. Any number of processes may try; one at a time sends.
 */
export class Forwarder {
  private count = 0;
  private holding = false;
  private droppedBefore: Uuid = NO_ID;

  /** @param retentionDays null: nothing is ever dropped */
  constructor(
    private readonly source: EventSource,
    private readonly events: EventSink,
    private readonly retentionDays: number | null = null,
    private readonly now: () => number = Date.now,
  ) {}

  /** Events that this process has sent; after an interruption some are sent twice, and count once in ClickHouse. */
  get sent(): number {
    return this.count;
  }

  /** Whether this process was the one that sends, when it last tried to. */
  get holds(): boolean {
    return this.holding;
  }

  /**
   * Sends all there is, or until `pace` answers 0.
   * @throws when either store fails; the next round takes up where this one stopped
   */
  async round(pace: Pace): Promise<void> {
    const held = await this.source.hold();
    this.holding = held !== null;
    if (held === null) return;
    try {
      let state = await this.prepare(held);
      for (let size = pace(), more = true; more && size > 0; size = pace()) ({ state, more } = await this.sendOnce(state, size));
    } catch (error) {
      if (!(error instanceof FeedLostError)) throw error;
      this.holding = false;
    }
  }

  /** Lets another process send. @param error why this one could not */
  release(error?: string): Promise<void> {
    this.holding = false;
    return this.source.release(error);
  }

  private async prepare(held: FeedState): Promise<FeedState> {
    const target = await this.events.target();
    const fromMs = keptFrom(this.now(), this.retentionDays);
    const fromId = fromMs === null ? NO_ID : firstIdAt(fromMs);
    let state = held;
    if (state.target !== target || state.moved) state = await this.source.restart(state, target, fromId);
    else if (fromId > state.keptFrom) state = await this.source.keep(state, fromId);
    // Afterwards: nobody looks for them there any more.
    if (fromMs !== null && fromId > this.droppedBefore) {
      await this.events.dropBefore(fromMs);
      this.droppedBefore = fromId;
    }
    return state;
  }

  /** A batch of each part: what is new does not wait for what is old. */
  private async sendOnce(from: FeedState, size: number): Promise<{ state: FeedState; more: boolean }> {
    let state = from;
    let more = false;
    for (const part of PARTS) {
      if (part === 'walk' && state.walkedTo === null) continue;
      const batch: EventBatch = await this.source.next(part, state, size);
      if (batch.lines !== null) await this.events.insert(batch.lines);
      state = await this.source.advance(state, batch, size);
      this.count += batch.rows;
      more ||= batch.rows === size;
    }
    return { state, more };
  }
}
