import { asciiJson, label, text, whole } from './ascii-json.js';
import { callerJson, meteredJson, servedJson } from './common-texts.js';
import { type Mechanism, type QuotedRates, type Receipt, type Spending, type Step } from './savings/receipt.types.js';
import { type AttemptRow, type TokenUsage, type UsageRecordRow } from './usage.types.js';

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

/** A row of `receipts`. */
export interface ReceiptRow {
  readonly request_id: string;
  readonly customer_id: string;
  readonly inputs: Receipt['inputs'];
  readonly baseline_pd: number;
  readonly actual_pd: number;
  readonly saving_pd: number;
  readonly shares: Receipt['shares'];
  readonly overhead_pd: number;
  readonly status: Receipt['status'];
  readonly reason: Receipt['reason'];
}

export const RECEIPT_COLUMNS = columns<ReceiptRow>([
  ['request_id', 'uuid'],
  ['customer_id', 'text'],
  ['inputs', 'jsonb'],
  ['baseline_pd', 'bigint'],
  ['actual_pd', 'bigint'],
  ['saving_pd', 'bigint'],
  ['shares', 'jsonb'],
  ['overhead_pd', 'bigint'],
  ['status', 'text'],
  ['reason', 'text'],
]);

/** A receipt's values in the order of `RECEIPT_COLUMNS`, as ASCII JSON that Postgres can store. */
export const receiptJson = (r: Receipt): string =>
  `["${r.requestId}",${label(r.customerId)},${receiptInputsJson(r.inputs)},${whole(r.baselinePd)},${whole(r.actualPd)},${whole(r.savingPd)},${sharesJson(r.shares)},${whole(r.overheadPd)},"${r.status}",${label(r.reason)}]`;

/** The same value that JSON.stringify would spell, member by member for the reason of `recordJson`. */
const receiptInputsJson = (r: Receipt['inputs']): string =>
  `{${servedJson(r)},"cluster":${text(r.cluster)},` +
  `"covariates":{"promptCostPd":${whole(r.covariates.promptCostPd)},"requestedModel":${label(r.covariates.requestedModel)},"maxTokens":${whole(r.covariates.maxTokens)}},` +
  `"policyId":"${r.policyId}","policyVersion":${whole(r.policyVersion)},"baseline":{"usage":${usageJson(r.baseline.usage)},"rates":${ratesJson(r.baseline.rates)}},` +
  `"lengthRatioPpm":${whole(r.lengthRatioPpm)},"steps":[${r.steps.map(stepJson).join(',')}],"spent":[${r.spent.map(spendingJson).join(',')}],"voidReason":${label(r.voidReason)}}`;

const usageJson = ({ promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens }: TokenUsage): string =>
  `{"promptTokens":${whole(promptTokens)},"cachedTokens":${whole(cachedTokens)},"cacheWriteTokens":${whole(cacheWriteTokens)},"completionTokens":${whole(completionTokens)},"reasoningTokens":${whole(reasoningTokens)}}`;

const stepJson = ({ mechanism, usage, rates }: Step): string => `{"mechanism":"${mechanism}","usage":${usageJson(usage)},"rates":${rates === null ? 'null' : ratesJson(rates)}}`;

function sharesJson(shares: Receipt['shares']): string {
  let members = '';
  for (const mechanism in shares) members += `${members === '' ? '' : ','}"${mechanism}":${whole(shares[mechanism as Mechanism] ?? null)}`;
  return `{${members}}`;
}

const spendingJson = ({ kind, id, costPd }: Spending): string => `{"kind":"${kind}","id":${text(id)},"costPd":${whole(costPd)}}`;

/** A price book quotes the same object again and again. */
const ratesTexts = new WeakMap<QuotedRates, string>();

function ratesJson(rates: QuotedRates): string {
  let json = ratesTexts.get(rates);
  if (json === undefined) ratesTexts.set(rates, (json = asciiJson(rates)));
  return json;
}

/** The row again, by name: for people to read. */
export const named = (columnsOfRow: ReadonlyArray<{ readonly name: string }>, values: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(columnsOfRow.map(({ name }, index) => [name, values[index]]));
