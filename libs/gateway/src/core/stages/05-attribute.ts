import { assertExact } from '@apex/common';
import { type PriceBook } from '@apex/llm';
import { NO_TOKENS, type Step, type AttemptRow, type OpenEntry, type Pricing, type UsageRecordRow, type UsageSource } from '@apex/usage';
import { type CachedAnswer } from '../cache/cached-answer.js';
import { type Call } from '../call.js';
import { receiptFor, type Served, usageIfAskedAgain } from '../receipts.js';
import { type AttemptOutcome, type Attributed, type Decided, type Denied, type Executed } from '../types.js';

/*
 * Runs twice for every request. Rows are written out member by member: copying them together from parts costs several
 * times as much as everything else here.
 */

/** Turns what happened into rows, with every attempt at its dated price. Pure: the same facts give the same rows. */
export function attribute(executed: Executed, prices: PriceBook): Attributed {
  const { request } = executed;
  const attempts: AttemptRow[] = [];
  for (const attempt of executed.attempts) attempts.push(attemptRow(request, attempt, attempts.length + 1, prices));
  const record = recordRow(request, attempts, {
    target: executed.target,
    call: request.call,
    status: executed.status,
    httpStatus: executed.httpStatus,
    errorCode: executed.errorCode,
    firstByteMs: executed.firstByteAt === null ? null : executed.firstByteAt - request.receivedAt,
    durationMs: executed.endedAt - request.receivedAt,
  });
  return { record, attempts, receipt: request.plan === null ? null : receiptFor(request, request.plan, servedBy(executed, attempts, prices), prices), trace: request.trace };
}

function servedBy({ request, attempts, status, httpStatus, target }: Executed, rows: readonly AttemptRow[], prices: PriceBook): Served {
  const winner = attempts.findLast((attempt) => attempt.status === 'final' && attempt.target === target);
  const served = { attempts: rows, good: status === 'final' && httpStatus < 300, servedModel: target?.model ?? null };
  const usage = winner?.usage ?? null;
  const { promptCache } = request;
  if (usage === null || target === null || promptCache?.actedOn(target, usage) !== true) return { ...served, baselineUsage: usage, steps: [] };
  const rates = prices.rates(target.provider.priceAs, target.model, usage.promptTokens, request.receivedAt);
  if (rates === null) return { ...served, baselineUsage: usage, steps: [] };
  return { ...served, baselineUsage: promptCache.asSent(usage), steps: [{ mechanism: 'prompt_cache', usage, rates }] };
}

/** The record of a request that was answered from the exact cache: nothing was called, and nothing paid. */
export function attributeHit(request: Decided, cached: CachedAnswer, endedAt: number, prices: PriceBook): Attributed {
  const target = { provider: { name: cached.provider }, model: cached.model };
  const durationMs = endedAt - request.receivedAt;
  const record = recordRow(request, [], { target, call: request.call, status: 'final', httpStatus: cached.status, errorCode: null, firstByteMs: durationMs, durationMs });
  const step: Step = { mechanism: 'exact_cache', usage: cached.usage, rates: null };
  const served: Served = { attempts: [], good: true, servedModel: cached.model, baselineUsage: request.promptCache?.asSent(cached.usage) ?? usageIfAskedAgain(cached.usage, cached.provider), steps: [step] };
  return { record, attempts: [], receipt: request.plan === null ? null : receiptFor(request, request.plan, served, prices), trace: request.trace };
}

/** The record of a request that Apex refused itself. */
export function attributeDenied(denied: Denied, endedAt: number): Attributed {
  const record = recordRow(denied, [], {
    target: null,
    call: denied.call,
    status: 'denied',
    httpStatus: denied.refusal.httpStatus,
    errorCode: denied.refusal.code,
    firstByteMs: null,
    durationMs: endedAt - denied.receivedAt,
  });
  return { record, attempts: [], receipt: null, trace: denied.trace };
}

/** What the books would say if this process died during the attempt that is about to start. */
export function attributeOpen(request: Decided, before: readonly AttemptOutcome[], next: AttemptOutcome, prices: PriceBook): OpenEntry {
  const attempts: AttemptRow[] = [];
  for (const attempt of before) attempts.push(attemptRow(request, attempt, attempts.length + 1, prices));
  attempts.push(attemptRow(request, next, attempts.length + 1, prices));
  const record = recordRow(request, attempts, {
    target: next.target,
    call: request.call,
    status: 'interrupted',
    httpStatus: null,
    errorCode: 'process_died',
    firstByteMs: null,
    durationMs: null,
  });
  return { record, attempts };
}

type Known = Pick<Decided, 'requestId' | 'key' | 'labels' | 'surface' | 'path' | 'receivedAt' | 'cohort' | 'reason'>;

interface Ending {
  /** Whose answer it was; of a request that is under way: the last one that was asked. */
  readonly target: { readonly provider: { readonly name: string }; readonly model: string } | null;
  readonly call: Call | null;
  readonly status: UsageRecordRow['status'];
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly firstByteMs: number | null;
  readonly durationMs: number | null;
}

/** A record's sums. It is `unpriced` as soon as one attempt is, and its source is the least certain one. */
function recordRow(request: Known, attempts: readonly AttemptRow[], ending: Ending): UsageRecordRow {
  let prompt = 0;
  let cached = 0;
  let cacheWrite = 0;
  let completion = 0;
  let reasoning = 0;
  let cost = 0;
  let unknown = 0;
  let pricing: Pricing = 'none';
  let source: UsageSource = 'none';
  let version: string | null = null;
  for (let i = 0; i < attempts.length; i++) {
    const attempt = attempts[i]!;
    prompt += attempt.prompt_tokens;
    cached += attempt.cached_tokens;
    cacheWrite += attempt.cache_write_tokens;
    completion += attempt.completion_tokens;
    reasoning += attempt.reasoning_tokens;
    cost += attempt.cost_pd;
    if (attempt.usage_source === 'unknown') unknown++;
    if (certainty[attempt.usage_source] > certainty[source]) source = attempt.usage_source;
    if (attempt.pricing === 'unpriced' || pricing === 'none') pricing = attempt.pricing === 'none' ? pricing : attempt.pricing;
    version = attempt.price_version ?? version;
  }
  return {
    request_id: request.requestId,
    customer_id: request.key.customerId,
    key_id: request.key.keyId,
    session: request.labels.session,
    tags: request.labels.tags,
    surface: request.surface,
    path: request.path,
    cohort: request.cohort,
    cohort_reason: request.reason,
    provider: ending.target === null ? null : ending.target.provider.name,
    requested_model: ending.call === null ? null : ending.call.model,
    served_model: ending.target === null ? null : ending.target.model,
    stream: ending.call !== null && ending.call.stream,
    status: ending.status,
    http_status: ending.httpStatus,
    error_code: ending.errorCode,
    attempts: attempts.length,
    unknown_attempts: unknown,
    prompt_tokens: prompt,
    cached_tokens: cached,
    cache_write_tokens: cacheWrite,
    completion_tokens: completion,
    reasoning_tokens: reasoning,
    usage_source: source,
    cost_pd: assertExact(cost),
    pricing,
    price_version: version,
    started_at: isoTime(request.receivedAt),
    first_byte_ms: ending.firstByteMs === null ? null : elapsed(ending.firstByteMs),
    duration_ms: ending.durationMs === null ? null : elapsed(ending.durationMs),
  };
}

function attemptRow(request: Decided, attempt: AttemptOutcome, attemptNo: number, prices: PriceBook): AttemptRow {
  const usage = attempt.usage ?? NO_TOKENS;
  const price = attempt.usage === null ? null : prices.price(attempt.target.provider.priceAs, attempt.target.model, attempt.usage, request.receivedAt);
  return {
    attempt_id: attempt.attemptId,
    request_id: request.requestId,
    attempt_no: attemptNo,
    customer_id: request.key.customerId,
    provider: attempt.target.provider.name,
    model: attempt.target.model,
    status: attempt.status,
    http_status: attempt.httpStatus,
    error_code: attempt.errorCode,
    provider_response_id: attempt.providerRequestId,
    prompt_tokens: usage.promptTokens,
    cached_tokens: usage.cachedTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    completion_tokens: usage.completionTokens,
    reasoning_tokens: usage.reasoningTokens,
    usage_source: attempt.usageSource,
    cost_pd: price !== null && price.pricing === 'priced' ? price.costPicodollars : 0,
    pricing: price === null ? 'none' : price.pricing,
    price_version: price === null ? null : price.priceVersion,
    started_at: isoTime(attempt.startedAt),
    duration_ms: elapsed(attempt.endedAt - attempt.startedAt),
    key_owner: attempt.keyOwner,
  };
}

const certainty: Readonly<Record<UsageSource, number>> = { none: 0, provider: 1, tokenizer: 2, unknown: 3 };

const MAX_INTEGER = 2 ** 31 - 1;

/** A clock that is set while a request is under way must not cost its record: the column holds an integer, and time runs on. */
const elapsed = (ms: number): number => (ms < 0 ? 0 : ms > MAX_INTEGER ? MAX_INTEGER : ms);

let lastSecond = -1;
let upToSecond = '';

/** ISO 8601 of a millisecond. A request has several, mostly of one second, and formatting is dear. */
function isoTime(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second !== lastSecond) {
    upToSecond = new Date(second * 1_000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  return upToSecond + MILLISECONDS[ms - second * 1_000]!;
}

/** `000Z` to `999Z` */
const MILLISECONDS = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);
