import { type AttemptRow, type UsageRecordRow } from './usage.types.js';

/**
 * How rows travel through the journal into Postgres: as JSON arrays of their values in a fixed order. Against objects
 * with names that halves the bytes and the time on the request's path, and costs Postgres nothing.
 *
 * The order is part of the journal's format: a column that is added or moved needs new row types beside these, because
 * journals of an older release may still have to be replayed.
 */
export interface JournalColumn<Row> {
  readonly name: keyof Row & string;
  readonly type: 'uuid' | 'text' | 'text[]' | 'boolean' | 'smallint' | 'integer' | 'bigint' | 'timestamptz';
}

const columns = <Row>(list: ReadonlyArray<readonly [keyof Row & string, JournalColumn<Row>['type']]>): ReadonlyArray<JournalColumn<Row>> => list.map(([name, type]) => ({ name, type }));

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
]);

/** A record's values in the order of `RECORD_COLUMNS`, as JSON; written out because it runs for every request. */
export const recordJson = (r: UsageRecordRow): string =>
  storableJson([
    r.request_id, r.customer_id, r.key_id, r.session, r.tags, r.surface, r.path, r.cohort, r.cohort_reason, r.provider,
    r.requested_model, r.served_model, r.stream, r.status, r.http_status, r.error_code, r.attempts, r.unknown_attempts,
    r.prompt_tokens, r.cached_tokens, r.cache_write_tokens, r.completion_tokens, r.reasoning_tokens,
    r.usage_source, r.cost_pd, r.pricing, r.price_version, r.started_at, r.first_byte_ms, r.duration_ms,
  ]);

/** An attempt's values in the order of `ATTEMPT_COLUMNS`, as JSON. */
export const attemptJson = (a: AttemptRow): string =>
  storableJson([
    a.attempt_id, a.request_id, a.attempt_no, a.customer_id, a.provider, a.model, a.status, a.http_status, a.error_code,
    a.provider_response_id, a.prompt_tokens, a.cached_tokens, a.cache_write_tokens, a.completion_tokens, a.reasoning_tokens,
    a.usage_source, a.cost_pd, a.pricing, a.price_version, a.started_at, a.duration_ms,
  ]);

/** The row again, by name: for people to read. */
export const named = (columnsOfRow: ReadonlyArray<{ readonly name: string }>, values: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(columnsOfRow.map(({ name }, index) => [name, values[index]]));

/**
 * JSON that Postgres takes: NUL and halves of surrogate pairs, which JSON can spell and `text` cannot hold, become
 * U+FFFD. Without them, which is nearly always, this is one `JSON.stringify`.
 */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return json.includes('\\u') ? JSON.stringify(value, storable) : json;
}

const storable = (_key: string, value: unknown): unknown => (typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\ufffd') : value);
