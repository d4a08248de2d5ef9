import { label, text, whole } from './ascii-json.js';
import { callerJson, meteredJson } from './common-texts.js';
import { type AttemptRow, type UsageRecordRow } from './usage.types.js';

/**
 * How rows travel through the journal into Postgres: as JSON arrays of their values in a fixed order. Against objects
 * with names that halves the bytes and the time on the request's path, and costs Postgres nothing.
 *
 * The order is part of the journal's format, because journals of an older release may still have to be replayed: a column
 * may be added at the end, where older rows have nothing, which Postgres reads as null; anything else needs new row types
 * beside these.
 */
export interface JournalColumn<Row> {
  readonly name: keyof Row & string;
  readonly type: 'uuid' | 'text' | 'text[]' | 'boolean' | 'smallint' | 'integer' | 'bigint' | 'timestamptz' | 'jsonb';
}

export const columns = <Row>(list: ReadonlyArray<readonly [keyof Row & string, JournalColumn<Row>['type']]>): ReadonlyArray<JournalColumn<Row>> => list.map(([name, type]) => ({ name, type }));

export const RECORD_COLUMNS = columns<UsageRecordRow>([
  ['request_id', 'uuid'],
  ['customer_id', 'text'],
  ['key_id', 'uuid'],
  ['session', 'text'],
  ['tags', 'text[]'],
  ['surface', 'text'],
  ['path', 'text'],
  ['cohort', 'text'],
  ['cohort_reason', 'text'],
  ['provider', 'text'],
  ['requested_model', 'text'],
  ['served_model', 'text'],
  ['stream', 'boolean'],
  ['status', 'text'],
  ['http_status', 'smallint'],
  ['error_code', 'text'],
  ['attempts', 'smallint'],
  ['unknown_attempts', 'smallint'],
  ['prompt_tokens', 'bigint'],
  ['cached_tokens', 'bigint'],
  ['cache_write_tokens', 'bigint'],
  ['completion_tokens', 'bigint'],
  ['reasoning_tokens', 'bigint'],
  ['usage_source', 'text'],
  ['cost_pd', 'bigint'],
  ['pricing', 'text'],
  ['price_version', 'text'],
  ['started_at', 'timestamptz'],
  ['first_byte_ms', 'integer'],
  ['duration_ms', 'integer'],
]);

export const ATTEMPT_COLUMNS = columns<AttemptRow>([
  ['attempt_id', 'uuid'],
  ['request_id', 'uuid'],
  ['attempt_no', 'smallint'],
  ['customer_id', 'text'],
  ['provider', 'text'],
  ['model', 'text'],
  ['status', 'text'],
  ['http_status', 'smallint'],
  ['error_code', 'text'],
  ['provider_response_id', 'text'],
  ['prompt_tokens', 'bigint'],
  ['cached_tokens', 'bigint'],
  ['cache_write_tokens', 'bigint'],
  ['completion_tokens', 'bigint'],
  ['reasoning_tokens', 'bigint'],
  ['usage_source', 'text'],
  ['cost_pd', 'bigint'],
  ['pricing', 'text'],
  ['price_version', 'text'],
  ['started_at', 'timestamptz'],
  ['duration_ms', 'integer'],
  ['key_owner', 'text'],
]);

/**
 * A record's values in the order of `RECORD_COLUMNS`, as ASCII JSON that Postgres can store. Written out because it runs
 * for every request: ids, times and counts need no escaping, and names that come again are escaped once.
 */
export const recordJson = (r: UsageRecordRow): string =>
  `["${r.request_id}",${callerJson(r)},${label(r.status)},${whole(r.http_status)},${label(r.error_code)},${whole(r.attempts)},${whole(r.unknown_attempts)},` +
  `${meteredJson(r)},"${r.started_at}",${whole(r.first_byte_ms)},${whole(r.duration_ms)}]`;

/** An attempt's values in the order of `ATTEMPT_COLUMNS`, as ASCII JSON that Postgres can store. */
export const attemptJson = (a: AttemptRow): string =>
  `["${a.attempt_id}","${a.request_id}",${whole(a.attempt_no)},${label(a.customer_id)},${label(a.provider)},${label(a.model)},${label(a.status)},${whole(a.http_status)},${label(a.error_code)},` +
  `${text(a.provider_response_id)},${meteredJson(a)},"${a.started_at}",${whole(a.duration_ms)},${label(a.key_owner)}]`;

/** The row again, by name: for people to read. */
export const named = (columnsOfRow: ReadonlyArray<{ readonly name: string }>, values: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(columnsOfRow.map(({ name }, index) => [name, values[index]]));
