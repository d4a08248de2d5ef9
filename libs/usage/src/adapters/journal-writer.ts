import nodeFs from 'node:fs';
import { Logger } from '@nestjs/common';
import { ApexError, type Uuid } from '@apex/common';
import { firstOpenJson } from '../core/first-open.js';
import { attemptJson, receiptJson, recordJson } from '../core/journal-rows.js';
import { GroupEncoder, RowType } from '../core/journal.codec.js';
import { type Receipt } from '../core/savings/receipt.types.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from '../core/usage.types.js';
import { UsageRecorder } from '../ports/usage-recorder.js';
import { type JournalFs, segmentPath } from './journal-files.js';
import { type Segment, SegmentTable } from './segment-table.js';

export type JournalSync = 'second' | 'always';

export interface JournalWriterOptions {
  readonly directory: string;
  /** The number of the first segment written; greater than that of any segment in the directory. */
  readonly firstSegment: number;
  /** `second`: fdatasync once a second, after `done`. `always`: before `done`, one for all that has come meanwhile. */
  readonly sync: JournalSync;
  readonly segmentBytes?: number;
  readonly fs?: JournalFs;
}

type Done = (error?: Error) => void;

/** A place between two groups. */
export interface JournalPosition {
  readonly segment: number;
  readonly offset: number;
}

const SEGMENT_BYTES = 8 << 20;
/** More than this waits only if the disk has stopped taking it; refusing is then better than hiding it. */
const MAX_WAITING_BYTES = 64 << 20;
const SYNC_EVERY_MS = 1_000;

/**
 * Appends opens and closes to segment files. What one turn of the event loop brings is one group and one write(2).
 *
 * After a failed write the file is cut back to its last whole group, or left for a new segment where even that fails,
 * and the next group tries again: the journal recovers as soon as the disk does.
 */
export class JournalWriter extends UsageRecorder {
  readonly segments = new SegmentTable();
  /** Called after each group that was written. */
  onWritten: () => void = () => undefined;
  writeErrors = 0;
  syncErrors = 0;

  private readonly log = new Logger('Journal');
  private readonly fs: JournalFs;
  private readonly segmentBytes: number;
  private readonly group = new GroupEncoder();
  private waiting: Done[] = [];
  private opens: Uuid[] = [];
  private closes: Uuid[] = [];
  private scheduled = false;
  private syncing = false;
  private dirty = false;
  private ended = false;
  private failing = false;
  private nextSegment: number;
  private current: { readonly fd: number; readonly segment: Segment } | null = null;
  /** fdatasync and close of one file never overlap. */
  private background: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: JournalWriterOptions) {
    super();
    this.fs = options.fs ?? nodeFs;
    this.segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.nextSegment = options.firstSegment;
    if (options.sync === 'second') this.timer = setInterval(() => this.syncIfDirty(), SYNC_EVERY_MS).unref();
  }

  open(entry: OpenEntry, done: Done): void {
    if (this.append('open', entry.record, entry.attempts, null, done)) this.opens.push(entry.record.request_id);
  }

  close(record: UsageRecordRow, attempts: readonly AttemptRow[], done: Done, receipt: Receipt | null = null): void {
    if (this.append('close', record, attempts, receipt, done)) this.closes.push(record.request_id);
  }

  /** Writes an open of an older segment again, so that the older one may go. */
  carryForward(requestId: Uuid, record: Buffer, attempts: ReadonlyArray<{ id: Uuid; json: Buffer }>): void {
    if (this.ended) return;
    this.group.beginEntry();
    this.group.addEncodedRow(RowType.openRecord, requestId, record);
    for (const attempt of attempts) this.group.addEncodedRow(RowType.openAttempt, attempt.id, attempt.json);
    this.group.endEntry();
    this.opens.push(requestId);
    this.schedule();
  }

  /** Where the next group will start; everything before it is readable. */
  position(): JournalPosition {
    return this.current ? { segment: this.current.segment.number, offset: this.current.segment.size } : { segment: this.nextSegment, offset: 0 };
  }

  /** Resolves when everything handed over so far is written or refused. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(() => resolve());
      this.schedule();
    });
  }

  /** Writes what is waiting and closes the file. Entries that come later are refused. */
  async end(): Promise<void> {
    this.ended = true;
    if (this.timer) clearInterval(this.timer);
    await this.settled();
    this.rotate();
    await this.background;
    await this.segments.settled();
  }

  private append(kind: 'open' | 'close', record: UsageRecordRow, attempts: readonly AttemptRow[], receipt: Receipt | null, done: Done): boolean {
    if (this.ended || this.group.size > MAX_WAITING_BYTES) {
      this.refuse(done, new Error(this.ended ? 'the journal is closed' : 'too much waits to be written'));
      return false;
    }
    this.group.beginEntry();
    try {
      this.addRows(kind, record, attempts);
      if (receipt !== null) this.group.addRow(RowType.closeReceipt, receipt.requestId, receiptJson(receipt));
      this.group.endEntry();
    } catch (error) {
      this.refuse(done, error);
      return false;
    }
    this.waiting.push(done);
    this.schedule();
    return true;
  }

  private addRows(kind: 'open' | 'close', record: UsageRecordRow, attempts: readonly AttemptRow[]): void {
    if (kind === 'open' && attempts.length === 1) {
      this.group.addRow(RowType.openFirst, record.request_id, firstOpenJson(record, attempts[0]!));
      return;
    }
    this.group.addRow(kind === 'open' ? RowType.openRecord : RowType.closeRecord, record.request_id, recordJson(record));
    for (let i = 0; i < attempts.length; i++) {
      const attempt = attempts[i]!;
      this.group.addRow(kind === 'open' ? RowType.openAttempt : RowType.closeAttempt, attempt.attempt_id, attemptJson(attempt));
    }
  }

  private refuse(done: Done, cause: unknown): void {
    this.writeErrors += 1;
    setImmediate(() => this.call(done, unwritable(cause)));
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    // While a sync runs, groups collect; its end flushes them.
    if (this.syncing) return;
    this.scheduled = false;
    const { waiting, opens, closes } = this;
    if (waiting.length === 0 && this.group.size === 0) return;
    this.waiting = [];
    this.opens = [];
    this.closes = [];
    const error = this.write(this.group.seal());
    this.group.reset();
    if (error) {
      this.failed(error, waiting);
      return;
    }
    const segment = this.current?.segment;
    if (segment) {
      for (let i = 0; i < opens.length; i++) this.segments.opened(segment, opens[i]!);
      for (let i = 0; i < closes.length; i++) this.segments.closed(closes[i]!);
      if (opens.length + closes.length > 0) this.onWritten();
    }
    if (this.options.sync === 'always' && this.current && opens.length + closes.length > 0) {
      this.syncThenFinish(waiting);
      return;
    }
    this.dirty = true;
    this.rotateIfFull();
    for (let i = 0; i < waiting.length; i++) this.call(waiting[i]!);
  }

  /** Appends the bytes, or leaves the file as it was. */
  private write(bytes: Buffer): Error | null {
    if (bytes.length === 0) return null;
    let to = this.current;
    let written = 0;
    try {
      to ??= this.openSegment();
      while (written < bytes.length) {
        const count = this.fs.writeSync(to.fd, bytes, written, bytes.length - written, to.segment.size + written);
        if (count <= 0) throw new Error('the disk takes no more');
        written += count;
      }
      to.segment.size += bytes.length;
      if (this.failing) this.log.log('writing again');
      this.failing = false;
      return null;
    } catch (error) {
      if (to && written > 0) this.cutBack(to);
      return error as Error;
    }
  }

  private cutBack(to: { readonly fd: number; readonly segment: Segment }): void {
    try {
      this.fs.ftruncateSync(to.fd, to.segment.size);
    } catch {
      // The reader takes what stays behind for a write that was cut off, and that is what it is.
      this.rotate();
    }
  }

  private failed(error: Error, waiting: readonly Done[]): void {
    this.writeErrors += waiting.length;
    if (!this.failing) this.log.error(`cannot write to ${this.options.directory}: ${error.message}; requests are refused until it works`);
    this.failing = true;
    const refusal = unwritable(error);
    for (const done of waiting) this.call(done, refusal);
  }

  private openSegment(): { readonly fd: number; readonly segment: Segment } {
    const number = this.nextSegment++;
    const path = segmentPath(this.options.directory, number);
    const fd = this.fs.openSync(path, 'wx', 0o600);
    const opened = { fd, segment: this.segments.add(number, path) };
    this.current = opened;
    try {
      this.syncDirectory();
    } catch (error) {
      this.rotate();
      throw error;
    }
    return opened;
  }

  /** Makes the new file's name durable: at once where `done` promises it, else with the other syncs. */
  private syncDirectory(): void {
    const directory = this.fs.openSync(this.options.directory, 'r');
    if (this.options.sync === 'always') {
      try {
        this.fs.fsyncSync(directory);
      } finally {
        this.fs.closeSync(directory);
      }
      return;
    }
    this.inBackground((finish) => this.fs.fsync(directory, (error) => this.fs.close(directory, () => finish(error))));
  }

  private rotateIfFull(): void {
    if (this.current && this.current.segment.size >= this.segmentBytes) this.rotate();
  }

  private rotate(): void {
    if (!this.current) return;
    const { fd, segment } = this.current;
    this.current = null;
    this.inBackground((finish) => this.fs.fdatasync(fd, (error) => this.fs.close(fd, () => finish(error))));
    this.segments.seal(segment);
    this.onWritten();
  }

  private syncIfDirty(): void {
    if (!this.dirty || !this.current) return;
    this.dirty = false;
    const { fd } = this.current;
    this.inBackground((finish) => this.fs.fdatasync(fd, finish));
  }

  private syncThenFinish(waiting: readonly Done[]): void {
    this.syncing = true;
    this.fs.fdatasync(this.current!.fd, (error) => {
      this.syncing = false;
      if (error) {
        this.syncFailed(error);
        // After a failed fdatasync nobody knows what of this file is on the disk: nothing more is built on it.
        this.rotate();
        this.failed(error, waiting);
      } else {
        this.rotateIfFull();
        for (const done of waiting) this.call(done);
      }
      if (this.scheduled) this.flush();
    });
  }

  private inBackground(work: (finish: (error?: Error | null) => void) => void): void {
    this.background = this.background
      .then(() => new Promise<void>((resolve, reject) => work((error) => (error ? reject(error) : resolve()))))
      .catch((error: unknown) => this.syncFailed(error));
  }

  private syncFailed(error: unknown): void {
    this.syncErrors += 1;
    this.log.error(`fdatasync failed in ${this.options.directory}: ${String(error)}; a power cut may lose what was just written`);
  }

  /** One caller's exception must not keep the others from being told. */
  private call(done: Done, error?: Error): void {
    try {
      done(error);
    } catch (thrown) {
      this.log.error(`a journal callback threw: ${String(thrown)}`);
    }
  }
}

const unwritable = (cause: unknown): ApexError =>
  new ApexError('journal_unwritable', 503, 'Requests cannot be recorded at the moment, and so are not served.', { severity: 'operational', cause });
