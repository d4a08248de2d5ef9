import { newId } from '@apex/common';
import { type AttemptRow, NO_TOKENS, type OpenEntry, type UsageRecordRow } from '../src/core/usage.types.js';

const KEY_ID = '01956c00-0000-7000-8000-00000000cafe';

/** An attempt as the gateway records it; the defaults are a small answered call. */
export function attemptRow(overrides: Partial<AttemptRow> & { request_id: string }): AttemptRow {
  return {
    attempt_id: newId(),
    attempt_no: 1,
    customer_id: 'demo',
    provider: 'openai',
    model: 'gpt-4o-mini',
    status: 'final',
    http_status: 200,
    error_code: null,
    provider_response_id: 'chatcmpl-1',
    prompt_tokens: 100,
    cached_tokens: 20,
    cache_write_tokens: 0,
    completion_tokens: 30,
    reasoning_tokens: 10,
    usage_source: 'provider',
    cost_pd: 33_000_000,
    pricing: 'priced',
    price_version: '2026-11-01',
    started_at: '2026-11-22T10:00:00.000Z',
    duration_ms: 420,
    key_owner: 'platform',
    ...overrides,
  };
}

/** A request's record; tokens and cost are the sums over its attempts, as in the gateway. */
export function recordRow(attempts: readonly AttemptRow[], overrides: Partial<UsageRecordRow> & { request_id: string }): UsageRecordRow {
  const sum = (pick: (attempt: AttemptRow) => number): number => attempts.reduce((total, attempt) => total + pick(attempt), 0);
  const last = attempts.at(-1);
  return {
    customer_id: 'demo',
    key_id: KEY_ID,
    session: null,
    tags: [],
    surface: 'chat.completions',
    path: 'gateway',
    cohort: 'gateway',
    cohort_reason: null,
    provider: last?.provider ?? null,
    requested_model: last?.model ?? null,
    served_model: last?.model ?? null,
    stream: false,
    status: last?.status ?? 'denied',
    http_status: last?.http_status ?? 429,
    error_code: last?.error_code ?? null,
    attempts: attempts.length,
    unknown_attempts: attempts.filter((attempt) => attempt.usage_source === 'unknown').length,
    prompt_tokens: sum((a) => a.prompt_tokens),
    cached_tokens: sum((a) => a.cached_tokens),
    cache_write_tokens: sum((a) => a.cache_write_tokens),
    completion_tokens: sum((a) => a.completion_tokens),
    reasoning_tokens: sum((a) => a.reasoning_tokens),
    usage_source: last?.usage_source ?? 'none',
    cost_pd: sum((a) => a.cost_pd),
    pricing: last?.pricing ?? 'none',
    price_version: last?.price_version ?? null,
    started_at: '2026-11-22T10:00:00.000Z',
    first_byte_ms: 120,
    duration_ms: 430,
    ...overrides,
  };
}

/** A whole answered request with one attempt. */
export function closedRequest(overrides: Partial<UsageRecordRow> = {}): { record: UsageRecordRow; attempts: AttemptRow[] } {
  const requestId = overrides.request_id ?? newId();
  const attempts = [attemptRow({ request_id: requestId, customer_id: overrides.customer_id ?? 'demo' })];
  return { record: recordRow(attempts, { ...overrides, request_id: requestId }), attempts };
}

/** An attempt whose bill nobody knows. */
export function unknownAttempt(overrides: Partial<AttemptRow> & { request_id: string }): AttemptRow {
  const { promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens } = NO_TOKENS;
  return attemptRow({
    status: 'interrupted',
    http_status: null,
    provider_response_id: null,
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens,
    cache_write_tokens: cacheWriteTokens,
    completion_tokens: completionTokens,
    reasoning_tokens: reasoningTokens,
    usage_source: 'unknown',
    cost_pd: 0,
    pricing: 'none',
    price_version: null,
    duration_ms: null,
    ...overrides,
  });
}

/** What is journalled before the call of `request`'s last attempt. */
export function openEntry(request: { record: UsageRecordRow; attempts: readonly AttemptRow[] }): OpenEntry {
  const last = request.attempts.at(-1)!;
  const attempts = [...request.attempts.slice(0, -1), unknownAttempt({ request_id: last.request_id, attempt_id: last.attempt_id, attempt_no: last.attempt_no, customer_id: last.customer_id })];
  return {
    record: recordRow(attempts, { request_id: last.request_id, customer_id: last.customer_id, http_status: null, first_byte_ms: null, duration_ms: null }),
    attempts,
  };
}
