import { rm, stat } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { type Uuid } from '@apex/common';
import { type OpenRows, firstOpenRows } from '../core/first-open.js';
import { rowId, RowType, type RowVisitor } from '../core/journal.codec.js';
import { ClosesInto } from './batcher.js';
import { type SegmentFile } from './journal-files.js';
import { RecordBatch } from './record-batch.js';
import { type RecordStore } from './record-store.js';
import { SegmentReader } from './segment-reader.js';

export interface ReplayReport {
  readonly segments: number;
  /** Closed requests found; those already in Postgres included. */
  readonly closed: number;
  /** Requests found open, which are now `interrupted` in the books. */
  readonly interrupted: number;
  /** Places where files were damaged in the middle. */
  readonly damaged: number;
  /** Bytes of writes that were cut off at the end of a segment. */
  readonly torn: number;
}

/**
 * Puts what a dead process journalled into Postgres and deletes its segments: closes as they are, opens without a close
 * as the `interrupted` records that they carry. Running it again, after any part of it, gives the same rows.
 * The caller holds the journal's lock.
 */
export async function replaySegments(files: readonly SegmentFile[], store: RecordStore, signal: AbortSignal): Promise<ReplayReport> {
  const log = new Logger('Replay');
  const reader = new SegmentReader();
  const batch = new RecordBatch();
  const visitor = new ReplayVisitor(batch);
  let closed = 0;
  for (const { path } of files) {
    const { size } = await stat(path);
    for (let offset = 0; offset < size; ) {
      batch.clear();
      offset = await reader.read(path, offset, size, visitor);
      visitor.endOfFrame();
      closed += batch.records;
      await store.store(batch, signal);
    }
  }
  let interrupted = 0;
  batch.clear();
  for (const open of visitor.opens.values()) {
    batch.addRecord(open.record);
    for (const attempt of open.attempts) batch.addAttempt(attempt.json);
    if (visitor.wantsMore()) continue;
    interrupted += await store.store(batch, signal);
    batch.clear();
  }
  interrupted += await store.store(batch, signal);
  for (const { path } of files) await rm(path, { force: true });
  const report = { segments: files.length, closed, interrupted, ...reader.statistics };
  if (report.damaged > 0) log.error(`${report.damaged} damaged places in ${files[0]?.path} and later: records in them are lost`);
  log.log(`replayed ${report.segments} segments: ${closed} closed, ${interrupted} interrupted, ${report.torn} bytes torn`);
  return report;
}

/** Batches closes and remembers, of each request without one, the open with the most attempts. */
class ReplayVisitor implements RowVisitor {
  readonly opens = new Map<Uuid, OpenRows>();
  private readonly closes: ClosesInto;
  private pending: (OpenRows & { readonly id: Uuid }) | null = null;

  constructor(batch: RecordBatch) {
    this.closes = new ClosesInto(batch);
  }

  row(type: RowType, bytes: Buffer, start: number, end: number): void {
    const id = rowId(bytes, start);
    switch (type) {
      case RowType.openRecord:
        this.endOfFrame();
        this.pending = { id, record: Buffer.from(bytes.subarray(start, end)), attempts: [] };
        return;
      case RowType.openFirst:
        this.endOfFrame();
        this.pending = { id, ...firstOpenRows(id, bytes.toString('latin1', start, end)) };
        return;
      case RowType.openAttempt:
        this.pending?.attempts.push({ id, json: Buffer.from(bytes.subarray(start, end)) });
        return;
      case RowType.closeRecord:
        this.endOfFrame();
        this.opens.delete(id);
        this.closes.row(type, bytes, start, end);
        return;
      case RowType.closeAttempt:
      case RowType.closeReceipt:
        this.closes.row(type, bytes, start, end);
    }
  }

  wantsMore(): boolean {
    this.endOfFrame();
    return this.closes.wantsMore();
  }

  endOfFrame(): void {
    const { pending } = this;
    this.pending = null;
    if (!pending) return;
    const known = this.opens.get(pending.id);
    if (!known || known.attempts.length <= pending.attempts.length) this.opens.set(pending.id, pending);
  }
}
