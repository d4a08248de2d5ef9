import { Logger } from '@nestjs/common';
import { ApexError, type Uuid } from '@apex/common';
import { firstOpenJson } from '../core/first-open.js';
import { attemptJson, recordJson } from '../core/journal-rows.js';
import { GroupEncoder, RowType } from '../core/journal.codec.js';
import { receiptJson } from '../core/journal-receipt.js';
import { type Receipt } from '../core/savings/receipt.types.js';
import { type AttemptRow, type OpenEntry, type UsageRecordRow } from '../core/usage.types.js';
import { UsageRecorder } from '../ports/usage-recorder.js';
import { type JournalPosition, SegmentFiles, type SegmentFilesOptions } from './segment-files.js';
import { type SegmentTable } from './segment-table.js';

/** `sync`: with `second`, `done` does not wait for the disk; with `always` it does, and one fdatasync is for all that has come meanwhile. */
export type JournalWriterOptions = Omit<SegmentFilesOptions, 'onSealed'>;

type Done = (error?: Error) => void;

/** More than this waits only if the disk has stopped taking it; refusing is then better than hiding it. */
const MAX_WAITING_BYTES = 64 << 20;

/**
 * Appends opens and closes to segment files. What one turn of the event loop brings is one group and one write(2).
 *
 * A group that cannot be written is refused as a whole, and the next one tries again: the journal recovers as soon as the
 * disk does.
 */
export class JournalWriter extends UsageRecorder {
  /** Called after each group that was written. */
  onWritten: () => void = () => undefined;
  writeErrors = 0;

  private readonly log = new Logger('Journal');
  private readonly files: SegmentFiles;
  private readonly group = new GroupEncoder();
  private waiting: Done[] = [];
  private opens: Uuid[] = [];
  private closes: Uuid[] = [];
  private scheduled = false;
  private syncing = false;
  private ended = false;
  private failing = false;

  constructor(private readonly options: JournalWriterOptions) {
    super();
    this.files = new SegmentFiles({ ...options, onSealed: () => this.onWritten() });
  }

  get segments(): SegmentTable {
    return this.files.table;
  }

  get syncErrors(): number {
    return this.files.syncErrors;
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
    return this.files.position();
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
    await this.settled();
    await this.files.end();
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
    const { waiting, opens, closes, group, files } = this;
    if (waiting.length === 0 && group.size === 0) return;
    this.waiting = [];
    this.opens = [];
    this.closes = [];
    const hasRows = group.size > 0;
    const error = hasRows ? files.append(group.seal()) : null;
    group.reset();
    if (error) return this.failed(error, waiting);
    if (hasRows) this.written(opens, closes);
    if (hasRows && this.options.sync === 'always') return this.syncThenFinish(waiting);
    files.rotateIfFull();
    for (let i = 0; i < waiting.length; i++) this.call(waiting[i]!);
  }

  private written(opens: readonly Uuid[], closes: readonly Uuid[]): void {
    if (this.failing) this.log.log('writing again');
    this.failing = false;
    const { table, newest } = this.files;
    for (let i = 0; i < opens.length; i++) table.opened(newest!, opens[i]!);
    for (let i = 0; i < closes.length; i++) table.closed(closes[i]!);
    this.onWritten();
  }

  private failed(error: Error, waiting: readonly Done[]): void {
    this.writeErrors += waiting.length;
    if (!this.failing) this.log.error(`cannot write to ${this.options.directory}: ${error.message}; requests are refused until it works`);
    this.failing = true;
    const refusal = unwritable(error);
    for (const done of waiting) this.call(done, refusal);
  }

  private syncThenFinish(waiting: readonly Done[]): void {
    this.syncing = true;
    this.files.sync((error) => {
      this.syncing = false;
      if (error) this.failed(error, waiting);
      else {
        this.files.rotateIfFull();
        for (const done of waiting) this.call(done);
      }
      if (this.scheduled) this.flush();
    });
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
