import { Logger } from '@nestjs/common';
import { type OpenRows, firstOpenRows } from '../core/first-open.js';
import { rowId, RowType, type RowVisitor } from '../core/journal.codec.js';
import { BacklogAge } from './backlog-age.js';
import { type JournalWriter } from './journal-writer.js';
import { RecordBatch } from './record-batch.js';
import { type RecordStore } from './record-store.js';
import { type JournalPosition } from './segment-files.js';
import { SegmentReader } from './segment-reader.js';
import { type Segment } from './segment-table.js';

/** Groups that arrive within this time go to Postgres together. */
const COALESCE_MS = 50;
const BATCH_RECORDS = 1_000;
const BATCH_BYTES = 2 << 20;
/** With more committed segments than this kept by requests in flight, their opens are written anew. */
const KEPT_SEGMENTS = 4;

/**
 * Moves what the writer journals into Postgres. The journal's files are the queue: this reads them from behind a
 * cursor, so a backlog of any size takes no memory, and a segment goes when all of it is committed.
 */
export class Batcher {
  private readonly log = new Logger('Batcher');
  private readonly batch = new RecordBatch();
  private readonly reader = new SegmentReader();
  private readonly age = new BacklogAge();
  private readonly stopping = new AbortController();
  private cursor: JournalPosition;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private waiters: Array<{ readonly upTo: JournalPosition; readonly resolve: () => void; readonly reject: (reason: unknown) => void }> = [];

  constructor(
    private readonly journal: JournalWriter,
    private readonly store: RecordStore,
  ) {
    this.cursor = journal.position();
  }

  start(): void {
    this.journal.onWritten = () => {
      this.age.written(this.journal.position());
      this.wake(COALESCE_MS);
    };
    this.wake(0);
  }

  /** Resolves when everything closed before this call is in Postgres (or refused by it). */
  async flush(): Promise<void> {
    await this.journal.settled();
    const upTo = this.journal.position();
    if (!isBefore(this.cursor, upTo)) return;
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ upTo, resolve, reject });
      this.wake(0);
    });
  }

  /** Stops in mid-work, if need be; what is not committed stays in the journal. */
  async stop(): Promise<void> {
    this.journal.onWritten = () => undefined;
    this.stopping.abort(new Error('the batcher was stopped'));
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    await this.running;
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.stopping.signal.reason);
  }

  /** Journalled bytes that are not in Postgres yet. */
  backlogBytes(): number {
    let bytes = 0;
    for (const segment of this.journal.segments.list()) {
      if (segment.number > this.cursor.segment) bytes += segment.size;
      else if (segment.number === this.cursor.segment) bytes += segment.size - this.cursor.offset;
    }
    return bytes;
  }

  /** How long the oldest of them have been waiting, in milliseconds. */
  backlogAgeMs(): number {
    return this.age.ms();
  }

  /** Places in the journal's files that were damaged. */
  get damaged(): number {
    return this.reader.statistics.damaged + this.reader.statistics.torn;
  }

  private wake(afterMs: number): void {
    if (this.stopping.signal.aborted || this.running) return;
    if (this.timer && afterMs > 0) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.running = this.run().finally(() => {
        this.running = null;
        // What was written meanwhile is left for the next round, so that rounds stay few and large.
        if (isBefore(this.cursor, this.journal.position())) this.wake(this.waiters.length > 0 ? 0 : COALESCE_MS);
      });
    }, afterMs);
  }

  private async run(): Promise<void> {
    try {
      const target = this.journal.position();
      while (isBefore(this.cursor, target)) await this.step();
      await this.carryForwardOldOpens();
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.log.error(`the journal cannot be read, trying again: ${String(error)}`);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }

  /** Reads one batch, commits it, and only then moves the cursor. */
  private async step(): Promise<void> {
    const segment = this.journal.segments.get(this.cursor.segment);
    if (!segment) {
      // A number that the disk refused to open: the next one that exists is meant.
      const next = this.journal.segments.list().find((one) => one.number > this.cursor.segment);
      this.moveTo(next ? { segment: next.number, offset: 0 } : this.journal.position());
      return;
    }
    const sealed = segment.sealed;
    this.batch.clear();
    const offset = await this.reader.read(segment.path, this.cursor.offset, segment.size, new ClosesInto(this.batch));
    if (this.batch.records > 0) await this.store.store(this.batch, this.stopping.signal);
    if (sealed && offset >= segment.size) {
      this.moveTo({ segment: segment.number + 1, offset: 0 });
      this.journal.segments.committed(segment);
    } else {
      this.moveTo({ segment: segment.number, offset });
    }
  }

  private moveTo(position: JournalPosition): void {
    this.cursor = position;
    this.age.reached(position);
    this.waiters = this.waiters.filter(({ upTo, resolve }) => {
      if (isBefore(position, upTo)) return true;
      resolve();
      return false;
    });
  }

  /** A long request must not keep eight megabytes of other people's finished ones on the disk. */
  private async carryForwardOldOpens(): Promise<void> {
    const kept = this.journal.segments.list().filter((segment) => segment.committed);
    if (kept.length <= KEPT_SEGMENTS) return;
    for (const segment of kept.slice(0, -KEPT_SEGMENTS)) {
      const opens = new LiveOpens(this.journal, segment);
      await this.reader.read(segment.path, 0, segment.size, opens);
      opens.finish();
    }
  }
}

const isBefore = (a: JournalPosition, b: JournalPosition): boolean => a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);

/** Copies closes into a batch until it is full. */
export class ClosesInto implements RowVisitor {
  constructor(private readonly batch: RecordBatch) {}

  row(type: RowType, bytes: Buffer, start: number, end: number): void {
    if (type === RowType.closeRecord) this.batch.addRecord(bytes, start, end);
    else if (type === RowType.closeAttempt) this.batch.addAttempt(bytes, start, end);
    else if (type === RowType.closeReceipt) this.batch.addReceipt(bytes, start, end);
  }

  wantsMore(): boolean {
    return this.batch.records < BATCH_RECORDS && this.batch.bytes < BATCH_BYTES;
  }
}

/** Hands the opens that still keep a segment to the writer again. */
class LiveOpens implements RowVisitor {
  private open: (OpenRows & { readonly id: string }) | null = null;

  constructor(
    private readonly journal: JournalWriter,
    private readonly segment: Segment,
  ) {}

  row(type: RowType, bytes: Buffer, start: number, end: number): void {
    if (type === RowType.openAttempt) {
      this.open?.attempts.push({ id: rowId(bytes, start), json: Buffer.from(bytes.subarray(start, end)) });
      return;
    }
    this.finish();
    if (type !== RowType.openFirst && type !== RowType.openRecord) return;
    const id = rowId(bytes, start);
    if (type === RowType.openFirst) this.open = { id, ...firstOpenRows(id, bytes.toString('latin1', start, end)) };
    else this.open = { id, record: Buffer.from(bytes.subarray(start, end)), attempts: [] };
  }

  finish(): void {
    const { open } = this;
    this.open = null;
    if (open && this.journal.segments.isLiveIn(this.segment, open.id)) this.journal.carryForward(open.id, open.record, open.attempts);
  }

  wantsMore(): boolean {
    return true;
  }
}
