import { firstIdAt, newId, type Uuid } from '@apex/common';
import { type UsageRecordRow } from '@apex/usage';
import { type DataSource, type QueryRunner } from 'typeorm';
import { recordRow } from '../src/core/rows.fakes.js';

type Runs = Pick<DataSource, 'query'> | Pick<QueryRunner, 'query'>;

let sequence = 0;

/** An id of that instant, unlike any other. */
export const idAt = (epochMs: number): Uuid => firstIdAt(epochMs).slice(0, 24) + String(++sequence).padStart(12, '0');

/** A request that has just ended. */
export const finishedRequest = (part: Partial<UsageRecordRow> = {}): UsageRecordRow => recordRow({ request_id: newId(), ...part });

const COLUMNS = Object.keys(recordRow());

/** Writes records as the journal's batches do: in one statement. */
export async function insertRecords(into: Runs, rows: readonly UsageRecordRow[]): Promise<void> {
  const names = COLUMNS.join(', ');
  await into.query(`insert into usage_records (${names}) select ${names} from json_populate_recordset(null::usage_records, $1)`, [JSON.stringify(rows)]);
}

/** Records from before the feed: the migration gave them no transaction. */
export async function insertEarlierRecords(into: Runs, rows: readonly UsageRecordRow[]): Promise<void> {
  const names = COLUMNS.join(', ');
  await into.query(`insert into usage_records (${names}, recorded_xid) select ${names}, 0 from json_populate_recordset(null::usage_records, $1)`, [JSON.stringify(rows)]);
}

export interface Correction {
  readonly tokens: number;
  readonly cost: number;
  readonly unpriced: boolean;
}

/** What a reconciliation writes for one attempt whose bill was not known. */
export async function insertCorrection(into: Runs, record: UsageRecordRow, { tokens, cost, unpriced }: Correction): Promise<void> {
  await into.query(
    `insert into usage_adjustments (id, request_id, attempt_id, customer_id, reconciliation_id, prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, cost_pd, pricing)
     values ($1, $2, $3, $4, $5, $6, $6, 0, $6, 0, $7, $8)`,
    [newId(), record.request_id, newId(), record.customer_id, newId(), tokens, unpriced ? 0 : cost, unpriced ? 'unpriced' : 'priced'],
  );
}
