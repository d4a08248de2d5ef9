import { type RecordStatus } from './usage.types.js';

export const GROUPINGS = ['model', 'day', 'key', 'cohort', 'tag'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Sums over records with their adjustments folded in. */
export interface UsageTotals {
  readonly requests: number;
  /** The cached and cache-written ones included. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** The reasoning ones included. */
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  /** A decimal string: sums may exceed what a JSON number holds. */
  readonly costPicodollars: string;
  readonly byStatus: Readonly<Record<RecordStatus, number>>;
  /** Requests with usage that no price is known for; it is not in `costPicodollars`. */
  readonly unpriced: number;
  /** Attempts whose bill is not known yet; while it is not 0, tokens and cost are lower bounds. */
  readonly unknownAttempts: number;
}

export interface UsageGroup extends UsageTotals {
  /** null: requests without one, for example without a tag. */
  readonly key: string | null;
}

export interface UsageSummary {
  /** ISO 8601; half-open: from <= request < to. */
  readonly from: string;
  readonly to: string;
  readonly total: UsageTotals;
  /** Largest first. By tag, a request counts in each of its tags, so groups may add up to more than the total. */
  readonly groups: readonly UsageGroup[];
  /** There are more groups than are listed; `total` covers them all. */
  readonly truncated: boolean;
}
