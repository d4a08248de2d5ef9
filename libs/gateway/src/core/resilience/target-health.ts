/** How a request on a target ended, as far as the target's health goes. All attempts of one request are one unit. */
export type TargetVerdict =
  | { readonly kind: 'healthy' }
  /** It failed where it should not have. */
  | { readonly kind: 'failed' }
  /** It is there, and wants fewer requests; for so long, if it says so. */
  | { readonly kind: 'saturated'; readonly retryAfterMs: number | null }
  /** Nothing can be said: the client left, or the fault was ours. */
  | { readonly kind: 'unknown' };

export type BreakerState = 'closed' | 'open' | 'half_open';

/** Below so many requests in the window a failure rate means nothing. */
const MIN_REQUESTS = 20;
const OPEN_AT_FAILURE_RATE = 0.5;
/** Failures in a row that open the breaker whatever the rate: a target that has just died. */
const OPEN_AT_CONSECUTIVE = 20;
/** Old requests count half after each of these. */
const HALF_LIFE_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const DEFAULT_COOLING_MS = 1_000;
const LONGEST_COOLING_MS = 60_000;

/**
 * The circuit breaker of one target in one process (M. Nygard, "Release It!", 5.4), over exponentially decaying counts.
 * Closed: takes requests. Open: takes none until its pause is over. Half open: takes one; its end decides, and each
 * further failure doubles the pause.
 */
export class TargetHealth {
  private requests = 0;
  private failures = 0;
  private consecutive = 0;
  private countedAt = 0;
  private openUntil = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private isOpen = false;
  private probing = false;
  private coolingUntil = 0;
  private running = 0;

  /** What the breaker is. An open one whose pause is over waits for a request to try. */
  state(nowMs: number): BreakerState {
    if (!this.isOpen) return 'closed';
    return nowMs >= this.openUntil ? 'half_open' : 'open';
  }

  /** Requests may be sent now. */
  available(nowMs: number, maxConcurrent: number): boolean {
    if (this.running >= maxConcurrent) return false;
    if (!this.isOpen) return true;
    return nowMs >= this.openUntil && !this.probing;
  }

  /** It has asked for a while without requests; better that others get them, if there are others. */
  cooling(nowMs: number): boolean {
    return nowMs < this.coolingUntil;
  }

  /** Milliseconds until it is worth asking again; 0: now, or as soon as one of its requests has ended. */
  availableIn(nowMs: number): number {
    return Math.max(0, this.coolingUntil - nowMs, this.isOpen ? this.openUntil - nowMs : 0);
  }

  /** Between 0 and 1: the share of recent requests that did not fail. */
  score(nowMs: number): number {
    this.decay(nowMs);
    return this.requests < 1 ? 1 : 1 - this.failures / this.requests;
  }

  begin(): void {
    this.running++;
    if (this.isOpen) this.probing = true;
  }

  end(verdict: TargetVerdict, nowMs: number): void {
    this.running--;
    const wasProbe = this.probing;
    this.probing = false;
    switch (verdict.kind) {
      case 'unknown':
        return;
      case 'saturated':
        this.coolingUntil = nowMs + Math.min(LONGEST_COOLING_MS, verdict.retryAfterMs ?? DEFAULT_COOLING_MS);
        return;
      case 'healthy':
        this.count(nowMs, 0);
        this.consecutive = 0;
        if (wasProbe) this.close();
        return;
      case 'failed':
        this.count(nowMs, 1);
        this.consecutive++;
        if (wasProbe) this.open(nowMs, Math.min(LONGEST_PAUSE_MS, this.pauseMs * 2));
        else if (!this.isOpen && this.isFailing()) this.open(nowMs, FIRST_PAUSE_MS);
    }
  }

  private isFailing(): boolean {
    return this.consecutive >= OPEN_AT_CONSECUTIVE || (this.requests >= MIN_REQUESTS && this.failures / this.requests >= OPEN_AT_FAILURE_RATE);
  }

  private open(nowMs: number, pauseMs: number): void {
    this.isOpen = true;
    this.pauseMs = pauseMs;
    this.openUntil = nowMs + pauseMs;
  }

  private close(): void {
    this.isOpen = false;
    this.pauseMs = FIRST_PAUSE_MS;
    this.requests = this.failures = this.consecutive = 0;
  }

  private count(nowMs: number, failures: 0 | 1): void {
    this.decay(nowMs);
    this.requests++;
    this.failures += failures;
  }

  private decay(nowMs: number): void {
    const factor = 0.5 ** (Math.max(0, nowMs - this.countedAt) / HALF_LIFE_MS);
    this.requests *= factor;
    this.failures *= factor;
    this.countedAt = nowMs;
  }
}
