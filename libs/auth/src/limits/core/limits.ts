/** What may be done in a minute, at once, and in a billing month; null: as much as anybody likes. */
export interface Limits {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  /** Requests under way at once. */
  readonly concurrency: number | null;
  /** Micro-dollars per billing month. */
  readonly monthlyBudgetMicroUsd: number | null;
}

export const NO_LIMITS: Limits = Object.freeze({ requestsPerMinute: null, tokensPerMinute: null, concurrency: null, monthlyBudgetMicroUsd: null });

export const isUnlimited = ({ requestsPerMinute, tokensPerMinute, concurrency, monthlyBudgetMicroUsd }: Limits): boolean =>
  requestsPerMinute === null && tokensPerMinute === null && concurrency === null && monthlyBudgetMicroUsd === null;

/** What limits the requests of one key: its customer's limits, its own, and the hard budget for the platform's provider keys. */
export interface KeyTerms {
  readonly customer: Limits;
  /** Micro-dollars per billing month that the platform's keys may spend for the customer; null: no end. No flag softens it. */
  readonly platformBudgetMicroUsd: number | null;
  readonly key: Limits;
  /** Whose meters the key counts on: its own, or those of the key that it was rotated from. */
  readonly meterId: string;
  readonly billingAnchorDay: number;
}
