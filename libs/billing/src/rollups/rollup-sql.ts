/** What a rollup is split by, beside its bucket and customer. */
export const DIMENSIONS = ['key_id', 'cohort', 'provider', 'requested_model', 'served_model', 'status'] as const;

const TOKENS_AND_COST = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens', 'cost_pd'] as const;
export const MEASURES = ['requests', ...TOKENS_AND_COST, 'unpriced', 'unknown_attempts'] as const;

export const list = (columns: readonly string[], as: (column: string) => string = (column) => column): string => columns.map(as).join(', ');

/** The hour, as a timestamptz, of the millisecond that a UUIDv7 carries: the period of a record is that of its id. */
export const hourOf = (id: string): string => `to_timestamp(((('x' || substr(${id}::text, 1, 8) || substr(${id}::text, 10, 4))::bit(48)::bigint / 3600000) * 3600)::double precision)`;

/**
 * The cells of all hours of `[$from, $to)`, given as ids, from the records themselves and what settled them later.
 * Columns: hour, customer_id, the dimensions, the measures.
 */
export const hourCells = (from: string, to: string, condition = 'true'): string => `
  select ${hourOf('r.request_id')} as hour, r.customer_id, ${list(DIMENSIONS, (column) => `r.${column}`)},
    count(*) as requests, ${list(TOKENS_AND_COST, (column) => `sum(r.${column} + coalesce(a.${column}, 0)) as ${column}`)},
    count(*) filter (where r.pricing = 'unpriced' or a.unpriced) as unpriced,
    sum(r.unknown_attempts - coalesce(a.settled, 0)) as unknown_attempts
  from usage_records r
  left join (
    select request_id, ${list(TOKENS_AND_COST, (column) => `sum(${column}) as ${column}`)}, count(*) as settled, bool_or(pricing = 'unpriced') as unpriced
    from usage_adjustments where request_id >= ${from} and request_id < ${to} group by request_id
  ) a on a.request_id = r.request_id
  where r.request_id >= ${from} and r.request_id < ${to} and ${condition}
  group by 1, r.customer_id, ${list(DIMENSIONS, (column) => `r.${column}`)}`;

/** Below it every transaction has ended, as the same statement sees it. */
export const HORIZON = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
/** From it on no transaction has begun; higher numbers are left over from where a database was restored from. */
export const NOT_BEGUN = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';
export const CLUSTER = '(select system_identifier::text from pg_control_system())';
