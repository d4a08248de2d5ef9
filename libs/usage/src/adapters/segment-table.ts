import { unlink } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { type Uuid } from '@apex/common';

export interface Segment {
  readonly number: number;
  readonly path: string;
  /** Bytes that hold whole groups. Nothing behind them is ever read. */
  size: number;
  /** No more is written to it. */
  sealed: boolean;
  /** Everything in it that was closed is in Postgres. */
  committed: boolean;
  /** Requests whose newest open is here and that are not closed yet. */
  liveOpens: number;
}

/**
 * The segments of one journal that its writer has not deleted yet, and which requests keep them.
 *
 * A segment may go when all its closes are committed and no request in flight has its newest open in it. The order
 * does not matter: replaying an open whose close is gone changes nothing, for the close is in Postgres.
 */
export class SegmentTable {
  private readonly log = new Logger('Journal');
  private readonly segments = new Map<number, Segment>();
  private readonly live = new Map<Uuid, Segment>();
  private deletions: Promise<void> = Promise.resolve();

  add(number: number, path: string): Segment {
    const segment: Segment = { number, path, size: 0, sealed: false, committed: false, liveOpens: 0 };
    this.segments.set(number, segment);
    return segment;
  }

  /** Oldest first. */
  list(): Segment[] {
    return [...this.segments.values()];
  }

  get(number: number): Segment | undefined {
    return this.segments.get(number);
  }

  opened(segment: Segment, requestId: Uuid): void {
    const before = this.live.get(requestId);
    if (before === segment) return;
    segment.liveOpens += 1;
    this.live.set(requestId, segment);
    if (before) this.released(before);
  }

  closed(requestId: Uuid): void {
    const segment = this.live.get(requestId);
    if (!segment) return;
    this.live.delete(requestId);
    this.released(segment);
  }

  isLiveIn(segment: Segment, requestId: Uuid): boolean {
    return this.live.get(requestId) === segment;
  }

  seal(segment: Segment): void {
    segment.sealed = true;
    this.deleteIfDone(segment);
  }

  committed(segment: Segment): void {
    segment.committed = true;
    this.deleteIfDone(segment);
  }

  /** Resolves when every deletion that has become due was carried out. */
  async settled(): Promise<void> {
    await this.deletions;
  }

  private released(segment: Segment): void {
    segment.liveOpens -= 1;
    this.deleteIfDone(segment);
  }

  private deleteIfDone(segment: Segment): void {
    if (!segment.sealed || !segment.committed || segment.liveOpens > 0 || !this.segments.delete(segment.number)) return;
    // A segment that stays behind is replayed at the next start, which changes nothing.
    this.deletions = this.deletions.then(() => unlink(segment.path)).catch((error: unknown) => this.log.warn(`${segment.path} could not be deleted: ${String(error)}`));
  }
}
