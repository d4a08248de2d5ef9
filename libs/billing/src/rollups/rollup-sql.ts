import { firstIdAt } from '@apex/common';
import { type EntityManager } from 'typeorm';
import { HOUR_MS } from '../core/rollups/buckets.js';

/** What a rollup is split by, beside its bucket and customer. */
export const DIMENSIONS = ['key_id', 'cohort', 'provider', 'requested_model', 'served_model', 'status'] as const;

const TOKENS_AND_COST = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens', 'cost_pd'] as const;
export const MEASURES = ['requests', ...TOKENS_AND_COST, 'unpriced', 'unknown_attempts'] as const;

export const list = (columns: readonly string[], as: (column: string) => string = (column) => column): string => columns.map(as).join(', ');

/** The hour, as a timestamptz, of the millisecond that a UUIDv7 carries: the period of a record is that of its id. */
export const hourOf = (id: string): string => `to_timestamp(((('x' || substr(${id}::text, 1, 8) || substr(${id}::text, 10, 4))::bit(48)::bigint / 3600000) * 3600)::double precision)`;

/** Records of one step of recomputing or checking: no statement takes long. */
export const STEP_RECORDS = 100_000;

/**
 * Calls `work` with ranges of ids, `[from, to)`, that make up an hour and hold no more than `records` records each.
 * @returns how many there were; one at least
 */
export async function inSteps(manager: EntityManager, hourMs: number, records: number, work: (from: string, to: string) => Promise<unknown>): Promise<number> {
  const end = firstIdAt(hourMs + HOUR_MS);
  let steps = 0;
  for (let from: string = firstIdAt(hourMs); from !== end; steps++) {
    const [next] = await manager.query<Array<{ id: string }>>(`select request_id as id from usage_records where request_id >= $1 and request_id < $2 order by request_id offset ${records} limit 1`, [from, end]);
    const to = next?.id ?? end;
    await work(from, to);
    from = to;
  }
  return steps;
}

/**
 * The cells of the records with ids in `[$from, $to)`, from the records themselves and what settled them later.
 * Columns: customer_id, the dimensions, the measures.
 *
 * What was settled is a row beside its record's, looked up by its id: Postgres cannot tell how many ids lie between two, and
 * would join the two tables with each other, everything with everything.
 */
export const cellsOf = (from: string, to: string, condition = 'true'): string => `
  select customer_id, ${list(DIMENSIONS)},
    count(*) filter (where recorded) as requests, ${list(TOKENS_AND_COST, (column) => `sum(${column}) as ${column}`)}, count(*) filter (where unpriced) as unpriced, sum(unknown_attempts) as unknown_attempts
  from (
    select r.request_id, r.customer_id, ${list(DIMENSIONS, (column) => `r.${column}`)}, true as recorded, ${list(TOKENS_AND_COST, (column) => `r.${column}`)}, r.pricing = 'unpriced' as unpriced, r.unknown_attempts
    from usage_records r where r.request_id >= ${from} and r.request_id < ${to} and ${condition}
    union all
    select r.request_id, r.customer_id, ${list(DIMENSIONS, (column) => `r.${column}`)}, false, ${list(TOKENS_AND_COST, (column) => `a.${column}`)}, a.unpriced and r.pricing <> 'unpriced', -a.settled
    from (
      select request_id, ${list(TOKENS_AND_COST, (column) => `sum(${column}) as ${column}`)}, count(*) as settled, bool_or(pricing = 'unpriced') as unpriced
      from usage_adjustments where request_id >= ${from} and request_id < ${to} group by request_id
    ) a cross join lateral (select * from usage_records r where r.request_id = a.request_id and ${condition} offset 0) r
  ) rows
  group by customer_id, ${list(DIMENSIONS)}`;

/** Below it every transaction has ended, as the same statement sees it. */
export const HORIZON = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
/** From it on no transaction has begun; higher numbers are left over from where a database was restored from. */
export const NOT_BEGUN = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';
export const CLUSTER = '(select system_identifier::text from pg_control_system())';
