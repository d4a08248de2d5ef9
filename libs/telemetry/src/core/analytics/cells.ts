import { type Analytics, type AnalyticsPoint, type AnalyticsQuery, type AnalyticsSeries, type AnalyticsSums, type Latency } from './analytics.types.js';

/** What is counted and summed. Both stores compute all of it, under these names. */
export const SUM_COLUMNS = [
  'requests',
  'final',
  'failed',
  'denied',
  'aborted',
  'interrupted',
  'prompt_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'completion_tokens',
  'reasoning_tokens',
  'cost_pd',
  'unpriced',
  'unknown_attempts',
] as const;
export type SumColumn = (typeof SUM_COLUMNS)[number];

/** The percentiles of `Latency`, then comes the maximum. */
export const PERCENTILES = [0.5, 0.9, 0.95, 0.99] as const;

/** The mark of the cell that holds everything, of a group's key that is absent, and what stands before one that is there. */
export const TOTAL = '*';
export const NO_KEY = '-';
export const KEY_PREFIX = '=';
/** The slot of the cell that holds the whole period. */
export const WHOLE_PERIOD = -1;

/** The requests of one group in one slot of time, as a store tells it. */
export interface Cell {
  readonly group: string;
  /** `WHOLE_PERIOD`, or where the slot begins in milliseconds since 1970. */
  readonly slot: number;
  /** Decimal numerals. */
  readonly sums: Readonly<Record<SumColumn, string>>;
  /** p50, p90, p95, p99 and the maximum; empty where nothing was measured. */
  readonly duration: readonly number[];
  readonly firstByte: readonly number[];
}

/** Group marks and slots, largest group first, are the stores' business: an answer keeps the order of its cells. */
export function assemble(query: AnalyticsQuery, cells: readonly Cell[]): Analytics {
  const { from, to, groupBy, interval, limit } = query;
  const series = new Map<string, { whole: AnalyticsSums; points: AnalyticsPoint[] }>();
  for (const cell of cells) {
    let one = series.get(cell.group);
    if (one === undefined) series.set(cell.group, (one = { whole: NOTHING, points: [] }));
    if (cell.slot === WHOLE_PERIOD) one.whole = sumsOf(cell);
    else one.points.push({ at: new Date(cell.slot).toISOString(), ...sumsOf(cell) });
  }
  const told = ({ whole, points }: { whole: AnalyticsSums; points: AnalyticsPoint[] }): AnalyticsSeries =>
    interval === null ? whole : { ...whole, points: points.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)) };
  const groups = [...series].filter(([group]) => group !== TOTAL);
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    groupBy,
    interval,
    total: told(series.get(TOTAL) ?? { whole: NOTHING, points: [] }),
    groups: groups.slice(0, limit).map(([group, one]) => ({ key: group === NO_KEY ? null : group.slice(KEY_PREFIX.length), ...told(one) })),
    truncated: groups.length > limit,
  };
}

const NOTHING: AnalyticsSums = {
  requests: 0,
  byStatus: { final: 0, failed: 0, denied: 0, aborted: 0, interrupted: 0 },
  promptTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
  costPicodollars: '0',
  unpriced: 0,
  unknownAttempts: 0,
  duration: null,
  firstByte: null,
};

function sumsOf({ sums, duration, firstByte }: Cell): AnalyticsSums {
  const number = (column: SumColumn): number => Number(sums[column]);
  return {
    requests: number('requests'),
    byStatus: { final: number('final'), failed: number('failed'), denied: number('denied'), aborted: number('aborted'), interrupted: number('interrupted') },
    promptTokens: number('prompt_tokens'),
    cachedTokens: number('cached_tokens'),
    cacheWriteTokens: number('cache_write_tokens'),
    completionTokens: number('completion_tokens'),
    reasoningTokens: number('reasoning_tokens'),
    costPicodollars: sums.cost_pd,
    unpriced: number('unpriced'),
    unknownAttempts: number('unknown_attempts'),
    duration: latencyOf(duration),
    firstByte: latencyOf(firstByte),
  };
}

function latencyOf([p50, p90, p95, p99, max]: readonly number[]): Latency | null {
  if (p50 === undefined || p90 === undefined || p95 === undefined || p99 === undefined || max === undefined) return null;
  return { p50, p90, p95, p99, max };
}
