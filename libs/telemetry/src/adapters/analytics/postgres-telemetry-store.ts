import { firstIdAt } from '@apex/common';
import { type DataSource } from 'typeorm';
import { type Analytics, type AnalyticsFilter, type AnalyticsGrouping, type AnalyticsQuery, INTERVAL_MS } from '../../core/analytics/analytics.types.js';
import { assemble, KEY_PREFIX, NO_KEY, PERCENTILES, SUM_COLUMNS, type SumColumn, TOTAL, WHOLE_PERIOD } from '../../core/analytics/cells.js';
import { TelemetryStore } from '../../ports/telemetry-store.js';

const mark = (expression: string): string => `select coalesce('${KEY_PREFIX}' || ${expression}, '${NO_KEY}')`;

/** The marks of the groups that a request is in. */
const GROUPS: Readonly<Record<AnalyticsGrouping, string | null>> = {
  none: null,
  model: mark('r.requested_model'),
  servedModel: mark('r.served_model'),
  provider: mark('r.provider'),
  surface: mark('r.surface'),
  customer: mark('r.customer_id'),
  key: mark('r.key_id::text'),
  cohort: mark('r.cohort'),
  status: mark('r.status'),
  errorCode: mark('r.error_code'),
  tag: `select distinct coalesce('${KEY_PREFIX}' || tag, '${NO_KEY}') from unnest(case when cardinality(r.tags) = 0 then array[null]::text[] else r.tags end) tag`,
};

const FILTERS: Readonly<Record<AnalyticsFilter, (parameter: string) => string>> = {
  model: (parameter) => `r.requested_model = ${parameter}`,
  key: (parameter) => `r.key_id::text = ${parameter}`,
  status: (parameter) => `r.status = ${parameter}`,
  cohort: (parameter) => `r.cohort = ${parameter}`,
  tag: (parameter) => `${parameter} = any(r.tags)`,
};

const TOKENS = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens'] as const;
const ADJUSTED = [...TOKENS, 'cost_pd'] as const;
const STATUSES = ['final', 'failed', 'denied', 'aborted', 'interrupted'] as const;

const SUMS = [
  'count(*) as requests',
  ...STATUSES.map((status) => `count(*) filter (where r.status = '${status}') as ${status}`),
  ...ADJUSTED.map((column) => `sum(r.${column} + coalesce(a.${column}, 0)) as ${column}`),
  `count(*) filter (where r.pricing = 'unpriced' or a.unpriced) as unpriced`,
  'sum(r.unknown_attempts - coalesce(a.settled, 0)) as unknown_attempts',
].join(', ');

const latency = (column: string): string => `
  percentile_disc(array[${PERCENTILES.join(', ')}]) within group (order by ${column}) filter (where r.status = 'final')
  || max(${column}) filter (where r.status = 'final')`;

/** The time that is in a UUIDv7. */
const AT_MS = `('x' || substr(r.request_id::text, 1, 8) || substr(r.request_id::text, 10, 4))::bit(48)::bigint`;

/** $1 customer, $2 from, $3 to, $4 groups with the total and one more, then the filters' values. */
function statementOf({ groupBy, interval, where }: AnalyticsQuery): string {
  const groups = GROUPS[groupBy];
  const conditions = Object.keys(where).map((name, index) => `and ${FILTERS[name as AnalyticsFilter](`$${index + 5}`)}`);
  const slots = [`(${WHOLE_PERIOD}::bigint)`, ...(interval === null ? [] : [`(${AT_MS} / ${INTERVAL_MS[interval]} * ${INTERVAL_MS[interval]})`])];
  return `
    with adjustment as (
      select request_id, ${ADJUSTED.map((column) => `sum(${column}) as ${column}`).join(', ')}, count(*) as settled, bool_or(pricing = 'unpriced') as unpriced
      from usage_adjustments where request_id >= $2 and request_id < $3 and ($1::text is null or customer_id = $1) group by request_id
    ), cell as (
      select m.mark, s.slot, ${SUMS}, ${latency('r.duration_ms')} as duration, ${latency('r.first_byte_ms')} as first_byte
      from usage_records r
      left join adjustment a on a.request_id = r.request_id
      cross join lateral (select '${TOTAL}' ${groups === null ? '' : `union all (${groups})`}) m (mark)
      cross join lateral (values ${slots.join(', ')}) s (slot)
      where r.request_id >= $2 and r.request_id < $3 and ($1::text is null or r.customer_id = $1) ${conditions.join(' ')}
      group by m.mark, s.slot
    ), placed as (
      select mark, row_number() over (order by mark = '${TOTAL}' desc, requests desc, mark = '${NO_KEY}', mark collate "C") as place from cell where slot = ${WHOLE_PERIOD}
    )
    select mark, slot::text, ${SUM_COLUMNS.map((column) => `${column}::text`).join(', ')}, duration, first_byte
    from placed join cell using (mark) where place <= $4 order by place, slot`;
}

type CellRow = Readonly<Record<SumColumn, string>> & { readonly mark: string; readonly slot: string; readonly duration: number[] | null; readonly first_byte: number[] | null };

/** Answers from the books themselves. */
export class PostgresTelemetryStore extends TelemetryStore {
  readonly name = 'postgres';

  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async analyze(query: AnalyticsQuery): Promise<Analytics> {
    const parameters = [query.customerId, firstIdAt(query.from.getTime()), firstIdAt(query.to.getTime()), query.limit + 2, ...Object.values(query.where)];
    const rows = await this.dataSource.query<CellRow[]>(statementOf(query), parameters);
    return assemble(
      query,
      rows.map((row) => ({ group: row.mark, slot: Number(row.slot), sums: row, duration: measured(row.duration), firstByte: measured(row.first_byte) })),
    );
  }
}

/** Where nothing was measured there is no percentile, and no maximum either. */
const measured = (values: readonly (number | null)[] | null): number[] => (values ?? []).filter((value) => value !== null);
