/** How the attempt ended that might be tried again. Nothing of its answer has gone to the client. */
export type AttemptEnd =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterMs: number | null; readonly shouldRetry?: boolean | null }
  | { readonly kind: 'connect_error' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'reset' };

export interface RetryInput {
  /** The attempt that has just ended; the first is 1. */
  readonly attemptNo: number;
  readonly maxAttempts: number;
  readonly outcome: AttemptEnd;
  readonly nowMs: number;
  /** When the caller stops waiting. */
  readonly deadlineMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

export type RetryPlan =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly reason: 'not_retryable' | 'attempts_exhausted' | 'deadline' };

/** The official SDK's figures: half a second, doubled with each attempt, at most eight. */
const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;

/**
 * Whether and when to try again. Which outcomes count is the official `openai` SDK's rule: broken connections and
 * time-outs, 408, 409 (lock time-out), 429 and every 5xx, unless the provider itself says in `x-should-retry`.
 *
 * The wait is exponential backoff with full jitter, random(0, min(cap, base x 2^n)) (M. Brooker, "Exponential Backoff
 * And Jitter", AWS Architecture Blog, 2015). A `retry-after` is a minimum: the jitter comes on top of it, so that
 * callers who were sent away together do not come back together. A wait that would end at or after the deadline is
 * not begun.
 */
export function planRetry({ attemptNo, maxAttempts, outcome, nowMs, deadlineMs, random }: RetryInput): RetryPlan {
  if (!isRetryable(outcome)) return { retry: false, reason: 'not_retryable' };
  if (attemptNo >= maxAttempts) return { retry: false, reason: 'attempts_exhausted' };
  const ceiling = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (attemptNo - 1));
  const asked = outcome.kind === 'status' ? (outcome.retryAfterMs ?? 0) : 0;
  const delayMs = Math.ceil(asked + random * ceiling);
  return nowMs + delayMs >= deadlineMs ? { retry: false, reason: 'deadline' } : { retry: true, delayMs };
}

function isRetryable(outcome: AttemptEnd): boolean {
  if (outcome.kind !== 'status') return true;
  if (outcome.shouldRetry != null) return outcome.shouldRetry;
  return outcome.status === 408 || outcome.status === 409 || outcome.status === 429 || outcome.status >= 500;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * How long the provider asks to be left alone, in ms, or null. In the SDK's order: `retry-after-ms`, then
 * `retry-after` (RFC 9110, 10.2.3) in seconds or as a date, where a date in the past means 0. Header names are lower-case.
 */
export function parseRetryAfter(headers: Headers, nowMs: number): number | null {
  const ms = decimal(single(headers['retry-after-ms']));
  if (ms !== null) return ms;
  const value = single(headers['retry-after']);
  const seconds = decimal(value);
  if (seconds !== null) return seconds * 1_000;
  if (value === null || !HTTP_DATE.test(value)) return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/** The provider's own word on whether to try again (`x-should-retry`), or null. */
export function parseShouldRetry(headers: Headers): boolean | null {
  const value = single(headers['x-should-retry']);
  return value === 'true' ? true : value === 'false' ? false : null;
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

const single = (value: string | string[] | undefined): string | null => (typeof value === 'string' ? value.trim() : (value?.[0]?.trim() ?? null));
const decimal = (value: string | null): number | null => (value !== null && /^\d{1,12}(\.\d{1,12})?$/.test(value) ? Number(value) : null);
