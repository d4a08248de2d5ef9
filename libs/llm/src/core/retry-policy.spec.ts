import fc from 'fast-check';
import { type AttemptEnd, parseRetryAfter, parseShouldRetry, planRetry } from './retry-policy.js';

const status = (code: number, retryAfterMs: number | null = null, shouldRetry: boolean | null = null): AttemptEnd => ({ kind: 'status', status: code, retryAfterMs, shouldRetry });
const plan = (outcome: AttemptEnd, more: Partial<Parameters<typeof planRetry>[0]> = {}) =>
  planRetry({ attemptNo: 1, maxAttempts: 3, nowMs: 1_000, deadlineMs: 601_000, random: 0.5, outcome, ...more });

describe('planRetry', () => {
  it.each([408, 409, 429, 500, 502, 503, 504, 529])('tries again after %d', (code) => {
    expect(plan(status(code))).toEqual({ retry: true, delayMs: 250 });
  });

  it.each([400, 401, 403, 404, 413, 422])('does not after %d', (code) => {
    expect(plan(status(code))).toEqual({ retry: false, reason: 'not_retryable' });
  });

  it.each(['connect_error', 'timeout', 'reset'] as const)('tries again after a %s', (kind) => {
    expect(plan({ kind })).toMatchObject({ retry: true });
  });

  it("obeys the provider's own word", () => {
    expect(plan(status(429, null, false))).toEqual({ retry: false, reason: 'not_retryable' });
    expect(plan(status(400, null, true))).toMatchObject({ retry: true });
  });

  it('doubles the ceiling up to eight seconds', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 50].map((attemptNo) => plan({ kind: 'reset' }, { attemptNo, maxAttempts: 99, random: 1 }));
    expect(ceilings).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000].map((delayMs) => ({ retry: true, delayMs })));
  });

  it('stops at the last attempt and at the deadline', () => {
    expect(plan({ kind: 'reset' }, { attemptNo: 3 })).toEqual({ retry: false, reason: 'attempts_exhausted' });
    expect(plan({ kind: 'reset' }, { deadlineMs: 1_250 })).toEqual({ retry: false, reason: 'deadline' });
    expect(plan({ kind: 'reset' }, { deadlineMs: 1_251 })).toEqual({ retry: true, delayMs: 250 });
    expect(plan(status(429, 600_000))).toEqual({ retry: false, reason: 'deadline' });
  });

  it('never waits less than asked, never past the deadline, never more than the ceiling on top', () => {
    fc.assert(
      fc.property(
        fc.record({
          attemptNo: fc.integer({ min: 1, max: 12 }),
          maxAttempts: fc.integer({ min: 1, max: 12 }),
          retryAfterMs: fc.option(fc.nat(120_000), { nil: null }),
          code: fc.integer({ min: 400, max: 599 }),
          nowMs: fc.nat(10_000),
          patience: fc.nat(180_000),
          random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        }),
        ({ attemptNo, maxAttempts, retryAfterMs, code, nowMs, patience, random }) => {
          const deadlineMs = nowMs + patience;
          const result = planRetry({ attemptNo, maxAttempts, nowMs, deadlineMs, random, outcome: status(code, retryAfterMs) });
          if (!result.retry) return;
          expect(attemptNo).toBeLessThan(maxAttempts);
          expect(result.delayMs).toBeGreaterThanOrEqual(retryAfterMs ?? 0);
          expect(result.delayMs).toBeLessThanOrEqual((retryAfterMs ?? 0) + 8_000);
          expect(nowMs + result.delayMs).toBeLessThan(deadlineMs);
          expect(Number.isInteger(result.delayMs)).toBe(true);
        },
      ),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);

  it.each<[Record<string, string | string[]>, number | null]>([
    [{}, null],
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '120', 'retry-after': '2' }, 120],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
    [{ 'retry-after': ['3', '4'] }, 3_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'Sun, 99 Nov 2026 11:00:00 GMT' }, null],
    [{ 'retry-after': '-5' }, null],
    [{ 'retry-after': '1e99' }, null],
    [{ 'retry-after': 'later' }, null],
    [{ 'retry-after': '2026' }, 2_026_000],
  ])('%j', (headers, expected) => {
    expect(parseRetryAfter(headers, now)).toBe(expected);
  });

  it('reads x-should-retry', () => {
    expect([{ 'x-should-retry': 'true' }, { 'x-should-retry': 'false' }, { 'x-should-retry': 'maybe' }, {}].map(parseShouldRetry)).toEqual([true, false, null, null]);
  });
});
