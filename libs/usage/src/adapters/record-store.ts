import { appendFile, type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ATTEMPT_COLUMNS, type JournalColumn, named, RECORD_COLUMNS } from '../core/journal-rows.js';
import { RECEIPT_COLUMNS, STORED_RECEIPT_COLUMNS } from '../core/journal-receipt.js';
import { type RecordBatch, type Rows } from './record-batch.js';

/** Runs one statement; a Buffer parameter goes to Postgres as it is, for json's binary form is its text. */
export type RunQuery = (sql: string, parameters: unknown[]) => Promise<unknown>;

type Columns = ReadonlyArray<Pick<JournalColumn<never>, 'type'> & { readonly name: string }>;

const names = (columns: Columns): string => columns.map(({ name }) => name).join(', ');

/** Columns of a row that is the JSON array `e`: all of them, or some, by their place among all. */
const values = (all: Columns, some: Columns = all): string => some.map((column) => valueAt(column.type, all.indexOf(column))).join(', ');

function valueAt(type: JournalColumn<never>['type'], index: number): string {
  if (type === 'text[]') return `array(select jsonb_array_elements_text(e -> ${index}))`;
  return type === 'jsonb' ? `e -> ${index}` : `(e ->> ${index})::${type}`;
}

const ofReceipt = (column: string): string => values(RECEIPT_COLUMNS, RECEIPT_COLUMNS.filter(({ name }) => name === column));

/** One statement, so one transaction: records, their attempts and their receipts appear together or not at all. */
const INSERT = `
  with new_records as (
    insert into usage_records (${names(RECORD_COLUMNS)})
    select ${values(RECORD_COLUMNS)} from jsonb_array_elements($1::json::jsonb) e
    on conflict (request_id) do nothing returning 1
  ), new_attempts as (
    insert into attempts (${names(ATTEMPT_COLUMNS)})
    select ${values(ATTEMPT_COLUMNS)} from jsonb_array_elements($2::json::jsonb) e
    on conflict (attempt_id) do nothing returning 1
  ), told as materialized (
    select e from jsonb_array_elements($3::json::jsonb) e
  ), new_receipts as (
    insert into receipts (${names(STORED_RECEIPT_COLUMNS)})
    select ${values(RECEIPT_COLUMNS, STORED_RECEIPT_COLUMNS)} from told
    on conflict (request_id) do nothing returning request_id, customer_id
  ), to_seal as (
    insert into unsealed (kind, id, customer_id, content_hash)
    select 'receipt', n.request_id, n.customer_id, ${ofReceipt('content_hash')} from new_receipts n join told on ${ofReceipt('request_id')} = n.request_id
  )
  select (select count(*) from new_records)::int as records, (select count(*) from new_attempts)::int as attempts`;

/** Records a statement takes at most. */
const MAX_RECORDS = 1_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;
const LOG_AGAIN_MS = 60_000;

export interface StoreStatistics {
  /** Records inserted, not counting those that were there already. */
  inserted: number;
  /** Records that Postgres refuses; they are in the file of refused records. */
  rejected: number;
  /** Why Postgres could not be reached, while it cannot. */
  lastError: string | null;
}

/** Puts batches into Postgres, however long that takes. */
export class RecordStore {
  readonly statistics: StoreStatistics = { inserted: 0, rejected: 0, lastError: null };
  private readonly log = new Logger('RecordStore');

  /** @param rejectedPath a JSONL file for the rows that Postgres refuses */
  constructor(
    private readonly query: RunQuery,
    private readonly rejectedPath: string,
  ) {}

  /**
   * Resolves when every record is committed, or refused and filed. Records that are there already stay as they are.
   * @returns how many were new
   * @throws the signal's reason when it is aborted first; what was not stored is then still in the journal
   */
  async store(batch: RecordBatch, signal: AbortSignal): Promise<number> {
    let inserted = 0;
    for (let from = 0; from < batch.records; from += MAX_RECORDS) inserted += await this.storeSlice(batch, from, Math.min(from + MAX_RECORDS, batch.records), signal);
    return inserted;
  }

  private async storeSlice(batch: RecordBatch, from: number, to: number, signal: AbortSignal): Promise<number> {
    const rows = batch.slice(from, to);
    const outcome = await this.persist(() => this.insert(rows), signal);
    if (typeof outcome === 'number') return outcome;
    if (to - from > 1) {
      const middle = (from + to) >>> 1;
      return (await this.storeSlice(batch, from, middle, signal)) + (await this.storeSlice(batch, middle, to, signal));
    }
    await this.persist(() => this.reject(rows, outcome), signal);
    return 0;
  }

  /** Tries until it works or Postgres refuses the data itself. */
  private async persist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | DataError> {
    let loggedAt = 0;
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted();
      try {
        const result = await work();
        if (loggedAt > 0) this.log.log('records are being stored again');
        this.statistics.lastError = null;
        return result;
      } catch (error) {
        if (isDataError(error)) return error;
        this.statistics.lastError = (error as Error).message;
        if (Date.now() - loggedAt >= LOG_AGAIN_MS) {
          loggedAt = Date.now();
          this.log.warn(`records cannot be stored and wait in the journal: ${(error as Error).message}`);
        }
      }
      const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 10));
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal });
    }
  }

  private async insert({ records, attempts, receipts }: Rows): Promise<number> {
    const [counts] = (await this.query(INSERT, [records, attempts, receipts])) as [{ records: number }];
    this.statistics.inserted += counts.records;
    return counts.records;
  }

  private async reject({ records, attempts, receipts }: Rows, error: DataError): Promise<void> {
    const rows = (columns: Columns, json: Buffer) => (JSON.parse(json.toString()) as unknown[][]).map((row) => named(columns, row));
    const refused = { at: new Date().toISOString(), error: `${error.code}: ${error.message}`, records: rows(RECORD_COLUMNS, records), attempts: rows(ATTEMPT_COLUMNS, attempts), receipts: rows(RECEIPT_COLUMNS, receipts) };
    await appendFile(this.rejectedPath, `${JSON.stringify(refused)}\n`, { mode: 0o600 });
    await sync(this.rejectedPath);
    this.statistics.rejected += 1;
    this.log.error(`Postgres refuses a record (${error.code}: ${error.message}); it is kept in ${this.rejectedPath} and NOT in the books`);
  }
}

interface DataError extends Error {
  readonly code: string;
}

/** SQLSTATE classes that speak of the row itself: data exception, integrity violation, a limit exceeded. */
function isDataError(error: unknown): error is DataError {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(22|23|54)[0-9A-Z]{3}$/.test(code);
}

async function sync(path: string): Promise<void> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r+');
    await file.datasync();
  } finally {
    await file?.close();
  }
}
