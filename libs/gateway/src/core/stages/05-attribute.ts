import { type Picodollars, assertExact } from '@apex/common';
import { type PriceBook } from '@apex/llm';
import { NO_TOKENS, type AttemptRow, type OpenEntry, type Pricing, type TokenUsage, type UsageRecordRow, type UsageSource } from '@apex/usage';
import { type AttemptOutcome, type Attributed, type Decided, type Denied, type Executed } from '../types.js';

/** Turns what happened into rows, with every attempt at its dated price. Pure: the same facts give the same rows. */
export function attribute(executed: Executed, prices: PriceBook): Attributed {
  const { request } = executed;
  const attempts = executed.attempts.map((attempt, index) => attemptRow(request, attempt, index + 1, prices));
  const record: UsageRecordRow = {
    ...recordHead(request, request),
    provider: request.provider.name,
    requested_model: request.call.model,
    served_model: request.upstreamModel,
    stream: request.call.stream,
    status: executed.status,
    http_status: executed.httpStatus,
    error_code: executed.errorCode,
    attempts: attempts.length,
    ...total(attempts),
    first_byte_ms: executed.firstByteAt === null ? null : executed.firstByteAt - request.receivedAt,
    duration_ms: executed.endedAt - request.receivedAt,
  };
  return { record, attempts };
}

/** The record of a request that Apex refused itself. */
export function attributeDenied(denied: Denied, endedAt: number): Attributed {
  const record: UsageRecordRow = {
    ...recordHead(denied, denied),
    provider: null,
    requested_model: denied.call?.model ?? null,
    served_model: null,
    stream: denied.call?.stream ?? false,
    status: 'denied',
    http_status: denied.refusal.httpStatus,
    error_code: denied.refusal.code,
    attempts: 0,
    ...total([]),
    first_byte_ms: null,
    duration_ms: endedAt - denied.receivedAt,
  };
  return { record, attempts: [] };
}

/** What the books would say if this process died during the attempt that is about to start. */
export function attributeOpen(request: Decided, before: readonly AttemptOutcome[], next: AttemptOutcome, prices: PriceBook): OpenEntry {
  const { record, attempts } = attribute(
    { request, attempts: [...before, next], status: 'interrupted', httpStatus: 0, errorCode: 'process_died', firstByteAt: null, endedAt: next.startedAt },
    prices,
  );
  return { record: { ...record, http_status: null, duration_ms: null }, attempts };
}

function recordHead(request: Pick<Decided, 'requestId' | 'key' | 'labels' | 'surface' | 'path' | 'receivedAt'>, cohort: Pick<Decided, 'cohort' | 'reason'>) {
  return {
    request_id: request.requestId,
    customer_id: request.key.customerId,
    key_id: request.key.keyId,
    session: request.labels.session,
    tags: request.labels.tags,
    surface: request.surface,
    path: request.path,
    cohort: cohort.cohort,
    cohort_reason: cohort.reason,
    started_at: new Date(request.receivedAt).toISOString(),
  };
}

function attemptRow(request: Decided, attempt: AttemptOutcome, attemptNo: number, prices: PriceBook): AttemptRow {
  const usage = attempt.usage ?? NO_TOKENS;
  const price = priceOf(request, attempt, prices);
  return {
    attempt_id: attempt.attemptId,
    request_id: request.requestId,
    attempt_no: attemptNo,
    customer_id: request.key.customerId,
    provider: request.provider.name,
    model: request.upstreamModel,
    status: attempt.status,
    http_status: attempt.httpStatus,
    error_code: attempt.errorCode,
    provider_response_id: attempt.providerRequestId,
    ...tokenColumns(usage),
    usage_source: attempt.usageSource,
    ...price,
    started_at: new Date(attempt.startedAt).toISOString(),
    duration_ms: attempt.endedAt - attempt.startedAt,
  };
}

function priceOf(request: Decided, attempt: AttemptOutcome, prices: PriceBook): { cost_pd: Picodollars; pricing: Pricing; price_version: string | null } {
  if (attempt.usage === null) return { cost_pd: 0, pricing: 'none', price_version: null };
  const price = prices.price(request.provider.priceAs, request.upstreamModel, attempt.usage, request.receivedAt);
  return price.pricing === 'priced'
    ? { cost_pd: price.costPicodollars, pricing: 'priced', price_version: price.priceVersion }
    : { cost_pd: 0, pricing: 'unpriced', price_version: price.priceVersion };
}

const tokenColumns = (usage: TokenUsage) => ({
  prompt_tokens: usage.promptTokens,
  cached_tokens: usage.cachedTokens,
  cache_write_tokens: usage.cacheWriteTokens,
  completion_tokens: usage.completionTokens,
  reasoning_tokens: usage.reasoningTokens,
});

/** A record's sums. It is `unpriced` as soon as one attempt is, and its source is the least certain one. */
function total(attempts: readonly AttemptRow[]) {
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
  for (const attempt of attempts) {
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
  };
}

const certainty: Readonly<Record<UsageSource, number>> = { none: 0, provider: 1, tokenizer: 2, unknown: 3 };
