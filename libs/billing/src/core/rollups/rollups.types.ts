export const GRANULARITIES = ['hour', 'day'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

/** What a bucket's usage adds up to. Decimal strings: sums have no upper bound. */
export interface RollupSums {
  readonly requests: string;
  readonly promptTokens: string;
  readonly cachedTokens: string;
  readonly cacheWriteTokens: string;
  readonly completionTokens: string;
  readonly reasoningTokens: string;
  readonly costPicodollars: string;
  /** Requests with an attempt that nobody knows a price for. */
  readonly unpriced: string;
  readonly unknownAttempts: string;
}

/** A bucket of a customer whose rollups are not what its records add up to. */
export interface RollupDifference {
  readonly granularity: Granularity;
  /** The bucket's beginning. */
  readonly bucket: string;
  readonly customerId: string;
  readonly recorded: RollupSums;
  /** May equal `recorded` where only the split by key, model, ... is another. */
  readonly rolledUp: RollupSums;
  readonly foundAt: string;
}
