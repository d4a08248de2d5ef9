import { type Clock, firstIdAt } from '@apex/common';
import { type DataSource } from 'typeorm';
import { type Grouping, type UsageGroup, type UsageSummary, type UsageTotals } from './core/usage-summary.js';
import { type RecordStatus } from './core/usage.types.js';

export interface SummarizeInput {
  /** null: all customers. */
  readonly customerId: string | null;
  /** Default: 30 days before `to`. */
  readonly from?: Date;
  /** Exclusive; default: now. */
  readonly to?: Date;
  readonly groupBy: Grouping;
}

const DEFAULT_PERIOD_MS = 30 * 86_400_000;
const MAX_GROUPS = 10_000;

/** For each record, the rows `(is_total, key)` that it counts in. The day is that of the id, as the period is. */
const MEMBERSHIPS: Readonly<Record<Grouping, string>> = {
  model: `values (true, null), (false, r.requested_model)`,
  day: `values (true, null), (false, to_char(to_timestamp((('x' || substr(r.request_id::text, 1, 8) || substr(r.request_id::text, 10, 4))::bit(48)::bigint / 1000)::double precision) at time zone 'UTC', 'YYYY-MM-DD'))`,
  key: `values (true, null), (false, r.key_id::text)`,
  cohort: `values (true, null), (false, r.cohort)`,
  tag: `select true, null union all select distinct false, tag from unnest(case when cardinality(r.tags) = 0 then array[null]::text[] else r.tags end) tag`,
};

const TOKEN_COLUMNS = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens'] as const;
const SUMMED = [...TOKEN_COLUMNS, 'cost_pd'] as const;

/** One pass over the period's records and adjustments, whatever the grouping. $1 customer, $2 from, $3 to, $4 limit. */
const summaryOf = (groupBy: Grouping): string => `
  with adjustment as (
    select request_id, ${SUMMED.map((column) => `sum(${column}) as ${column}`).join(', ')},
      count(*) as settled, bool_or(pricing = 'unpriced') as unpriced
    from usage_adjustments
    where request_id >= $2 and request_id < $3 and ($1::text is null or customer_id = $1)
    group by request_id
  ), cell as (
    select m.is_total, m.key, r.status, count(*) as requests,
      ${SUMMED.map((column) => `sum(r.${column} + coalesce(a.${column}, 0)) as ${column}`).join(', ')},
      count(*) filter (where r.pricing = 'unpriced' or a.unpriced) as unpriced,
      sum(r.unknown_attempts - coalesce(a.settled, 0)) as unknown_attempts
    from usage_records r
    left join adjustment a on a.request_id = r.request_id
    cross join lateral (${MEMBERSHIPS[groupBy]}) m (is_total, key)
    where r.request_id >= $2 and r.request_id < $3 and ($1::text is null or r.customer_id = $1)
    group by m.is_total, m.key, r.status
  )
  select is_total, key, sum(requests) as requests, ${SUMMED.map((column) => `sum(${column}) as ${column}`).join(', ')},
    sum(unpriced) as unpriced, sum(unknown_attempts) as unknown_attempts, json_object_agg(status, requests) as by_status
  from cell group by is_total, key
  order by is_total desc, sum(requests) desc, key limit $4`;

type SummaryRow = Readonly<Record<(typeof SUMMED)[number] | 'requests' | 'unpriced' | 'unknown_attempts', string>> & {
  readonly is_total: boolean;
  readonly key: string | null;
  readonly by_status: Partial<Record<RecordStatus, number>>;
};

/** What was used, from the records themselves. */
export class UsageQuery {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** The sums of a period, in total and by group. Records appear here a moment after their request ended. */
  async summarize(input: SummarizeInput): Promise<UsageSummary> {
    const to = input.to ?? new Date(this.clock.now());
    const from = input.from ?? new Date(to.getTime() - DEFAULT_PERIOD_MS);
    const parameters = [input.customerId, firstIdAt(from.getTime()), firstIdAt(to.getTime()), MAX_GROUPS + 2];
    const rows = await this.dataSource.query<SummaryRow[]>(summaryOf(input.groupBy), parameters);
    const total = rows.find((row) => row.is_total);
    const groups = rows.filter((row) => !row.is_total);
    return {
      from: from.toISOString(),
      to: to.toISOString(),
      total: total ? totalsOf(total) : NOTHING,
      groups: groups.slice(0, MAX_GROUPS).map((row): UsageGroup => ({ key: row.key, ...totalsOf(row) })),
      truncated: groups.length > MAX_GROUPS,
    };
  }
}

const NO_REQUESTS: Readonly<Record<RecordStatus, number>> = { final: 0, failed: 0, denied: 0, aborted: 0, interrupted: 0 };

const NOTHING: UsageTotals = {
  requests: 0,
  promptTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
  costPicodollars: '0',
  byStatus: NO_REQUESTS,
  unpriced: 0,
  unknownAttempts: 0,
};

const totalsOf = (row: SummaryRow): UsageTotals => ({
  requests: Number(row.requests),
  promptTokens: Number(row.prompt_tokens),
  cachedTokens: Number(row.cached_tokens),
  cacheWriteTokens: Number(row.cache_write_tokens),
  completionTokens: Number(row.completion_tokens),
  reasoningTokens: Number(row.reasoning_tokens),
  costPicodollars: row.cost_pd,
  byStatus: { ...NO_REQUESTS, ...row.by_status },
  unpriced: Number(row.unpriced),
  unknownAttempts: Number(row.unknown_attempts),
});
