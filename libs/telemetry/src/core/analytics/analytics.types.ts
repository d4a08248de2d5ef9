import { type RecordStatus } from '@apex/usage';

/** By what requests can be put together. `model` is the requested one; by `tag` a request counts in each of its tags. */
export const ANALYTICS_GROUPINGS = ['none', 'model', 'servedModel', 'provider', 'surface', 'customer', 'key', 'cohort', 'status', 'errorCode', 'tag'] as const;
export type AnalyticsGrouping = (typeof ANALYTICS_GROUPINGS)[number];

/** Lengths of a point of a time series, in milliseconds. Points begin at whole multiples of it since 1970 in UTC. */
export const INTERVAL_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
export type Interval = keyof typeof INTERVAL_MS;

/** What requests may be narrowed to. */
export const ANALYTICS_FILTERS = ['model', 'key', 'status', 'cohort', 'tag'] as const;
export type AnalyticsFilter = (typeof ANALYTICS_FILTERS)[number];

/** A question, with nothing left open. */
export interface AnalyticsQuery {
  /** null: all customers. */
  readonly customerId: string | null;
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly groupBy: AnalyticsGrouping;
  /** null: no time series. */
  readonly interval: Interval | null;
  readonly where: Readonly<Partial<Record<AnalyticsFilter, string>>>;
  /** Groups at most; the largest. */
  readonly limit: number;
}

/**
 * Of `final` requests, in milliseconds. A percentile is the smallest value that at least that share of them does not
 * exceed (nearest rank: the ceil(p x n)-th smallest), so it is always a value that was measured.
 */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Sums over requests, reconciled amounts folded in. */
export interface AnalyticsSums {
  readonly requests: number;
  readonly byStatus: Readonly<Record<RecordStatus, number>>;
  /** The cached and cache-written ones included. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** The reasoning ones included. */
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  /** 10^-12 USD, a decimal string. */
  readonly costPicodollars: string;
  /** Requests with usage that no price is known for. */
  readonly unpriced: number;
  /** Calls whose bill is not known yet. */
  readonly unknownAttempts: number;
  /** From the request's arrival to the last byte of its answer; null where nothing was answered in full. */
  readonly duration: Latency | null;
  /** The same to the first byte. */
  readonly firstByte: Latency | null;
}

export interface AnalyticsPoint extends AnalyticsSums {
  /** Where the point begins, ISO 8601. */
  readonly at: string;
}

export interface AnalyticsSeries extends AnalyticsSums {
  /** In the order of time; those without requests are left out. Absent without an interval. */
  readonly points?: readonly AnalyticsPoint[];
}

export interface AnalyticsGroup extends AnalyticsSeries {
  /** null: requests without one. */
  readonly key: string | null;
}

export interface Analytics {
  /** Half-open: from <= request < to, by the time that is in its id. */
  readonly from: string;
  readonly to: string;
  readonly groupBy: AnalyticsGrouping;
  readonly interval: Interval | null;
  readonly total: AnalyticsSeries;
  /** Largest first, equally large ones by the bytes of their key. */
  readonly groups: readonly AnalyticsGroup[];
  /** There are more groups than `limit`. */
  readonly truncated: boolean;
}
