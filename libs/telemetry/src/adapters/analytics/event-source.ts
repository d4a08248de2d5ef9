import { type Uuid } from '@apex/common';
import { type DataSource } from 'typeorm';

/** After this row, in the order of transactions and, within one, of ids. */
interface Position {
  readonly xid: string;
  readonly id: Uuid;
}

/** How far the feed is. */
export interface FeedState {
  /** Grows with every change: a change is made to the version that it was decided on, or not at all. */
  readonly version: string;
  /** What has been sent so far is there. null: nothing has been. */
  readonly target: string | null;
  readonly records: Position;
  readonly adjustments: Position;
  /** Records up to this one have been sent by their key; null: all that there were. */
  readonly walkedTo: Uuid | null;
  /** The first id that is kept there: what is older is not sent. */
  readonly keptFrom: Uuid;
  /** The database is not the one that these transaction numbers are from: it was restored somewhere else. */
  readonly moved: boolean;
}

/** New records, records that have been corrected, and the walk over all that there were when the feed began. */
export const PARTS = ['records', 'adjustments', 'walk'] as const;
export type Part = (typeof PARTS)[number];

export interface EventBatch {
  readonly part: Part;
  /** Rows of the feed; fewer than asked for: there are no more. */
  readonly rows: number;
  /** One JSON object a line, whole requests with all corrections so far; null where there are none. */
  readonly lines: string | null;
  readonly last: Position | null;
}

/** The feed is somebody else's now. */
export class FeedLostError extends Error {
  override readonly name = 'FeedLostError';
}

export const NO_ID: Uuid = '00000000-0000-0000-0000-000000000000';
const TOKENS = ['prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens'] as const;

/** Below it every transaction has ended, as the same statement sees it. */
const HORIZON = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';

/** The next rows of each part, whole records with their place in it. */
const PICKED: Readonly<Record<Part, string>> = {
  records: `select recorded_xid as xid, request_id as id, r.* from usage_records r
    where (recorded_xid, request_id) > ($2::bigint, $3::uuid) and recorded_xid < ${HORIZON} order by recorded_xid, request_id limit $1`,
  adjustments: `select a.xid, a.id, r.* from (
      select recorded_xid as xid, id, request_id from usage_adjustments
      where (recorded_xid, id) > ($2::bigint, $3::uuid) and recorded_xid < ${HORIZON} order by recorded_xid, id limit $1
    ) a left join usage_records r on r.request_id = a.request_id`,
  walk: `select $2::bigint as xid, request_id as id, r.* from usage_records r where request_id > $3::uuid order by request_id limit $1`,
};

/** 2100-01-01: ClickHouse's days end soon after. */
const LAST_DAY_MS = 4_102_444_800_000;
const AT_MS = `('x' || substr(p.request_id::text, 1, 8) || substr(p.request_id::text, 10, 4))::bit(48)::bigint`;

/**
 * A row of `apex_request_events`. `version` is the number of corrections in it: they are only ever added, so one version
 * of a request is always the same, and of several the highest is right.
 */
const EVENT = `
  p.request_id, ${AT_MS} as at_ms, to_char(to_timestamp((least(${AT_MS}, ${LAST_DAY_MS}) / 1000)::double precision) at time zone 'UTC', 'YYYY-MM-DD') as day,
  p.customer_id, p.key_id, p.session, array(select distinct t from unnest(p.tags) t order by t) as tags, p.surface, p.path, p.cohort, p.cohort_reason,
  p.provider, p.requested_model, p.served_model, p.stream::int as stream, p.status, p.http_status, p.error_code,
  p.attempts, p.unknown_attempts - a.settled as unknown_attempts,
  ${TOKENS.map((column) => `p.${column} + a.${column} as ${column}`).join(', ')},
  p.usage_source, p.cost_pd + a.cost_pd as cost_pd, p.pricing, (p.pricing = 'unpriced' or a.unpriced)::int as unpriced, p.price_version,
  p.first_byte_ms, p.duration_ms, a.settled as version`;

/** Postgres makes the text that ClickHouse reads: this process passes it on without parsing it. */
const nextOf = (part: Part): string => `
  with picked as materialized (${PICKED[part]})
  select (select count(*)::int from picked) as rows, last.xid::text, last.id,
    (select string_agg(row_to_json(e)::text, E'\\n') from (
      select ${EVENT} from picked p, lateral (
        select count(*) as settled, coalesce(bool_or(pricing = 'unpriced'), false) as unpriced,
          ${[...TOKENS, 'cost_pd'].map((column) => `coalesce(sum(${column}), 0) as ${column}`).join(', ')}
        from usage_adjustments where request_id = p.request_id
      ) a where p.request_id >= $4
    ) e) as lines
  from (select 1) one left join (select xid, id from picked order by xid desc, id desc limit 1) last on true`;

const NEXT: Readonly<Record<Part, string>> = { records: nextOf('records'), adjustments: nextOf('adjustments'), walk: nextOf('walk') };

const STATE = `version::text, target, records_xid::text, records_id, adjustments_xid::text, adjustments_id, walked_to, kept_from`;
const CLUSTER = '(select system_identifier::text from pg_control_system())';

interface StateRow {
  readonly version: string;
  readonly target: string | null;
  readonly records_xid: string;
  readonly records_id: Uuid;
  readonly adjustments_xid: string;
  readonly adjustments_id: Uuid;
  readonly walked_to: Uuid | null;
  readonly kept_from: Uuid;
  readonly moved?: boolean;
}

/**
 * The records as a feed of events: Postgres' part of it. Who holds it sends batches and says how far it is. Nothing is
 * lost or passed over however late a transaction commits; a batch that was sent and not said to be is sent again.
 */
export class EventSource {
  /** @param holder this process */
  constructor(
    private readonly dataSource: DataSource,
    private readonly holder: Uuid,
    private readonly holdMs: number,
  ) {}

  /** Takes the feed, or keeps it; null while another process has it. */
  async hold(): Promise<FeedState | null> {
    const rows = await this.query<StateRow>(
      `with held as (
         update telemetry_feed set holder = $1, held_until = clock_timestamp() + $2 * interval '1 ms'
         where holder is null or holder = $1 or held_until < clock_timestamp() returning *
       ) select ${STATE}, cluster is distinct from ${CLUSTER} as moved from held`,
      [this.holder, this.holdMs],
    );
    return rows[0] === undefined ? null : stateOf(rows[0]);
  }

  /** Lets others have it at once; they may reach what this one cannot. @param error why nothing was sent, in words that anybody may read */
  async release(error?: string): Promise<void> {
    const failed = error === undefined ? '' : ', failed_at = clock_timestamp(), last_error = $2';
    await this.query(`update telemetry_feed set holder = null${failed} where holder = $1`, error === undefined ? [this.holder] : [this.holder, error]);
  }

  /** From the beginning: new records from now on, and all that there are from `keptFrom` on by their key. @throws FeedLostError */
  restart(state: FeedState, target: string, keptFrom: Uuid): Promise<FeedState> {
    return this.change(state, `target = $4, cluster = ${CLUSTER}, records_xid = ${HORIZON}, adjustments_xid = ${HORIZON}, records_id = $5, adjustments_id = $5, walked_to = $6, kept_from = $6`, [target, NO_ID, keptFrom]);
  }

  /** What is older is neither sent nor looked for there any more. @throws FeedLostError */
  keep(state: FeedState, keptFrom: Uuid): Promise<FeedState> {
    return this.change(state, 'kept_from = $4', [keptFrom]);
  }

  /** The next rows of a part, in its order. */
  async next(part: Part, state: FeedState, limit: number): Promise<EventBatch> {
    const after: Position = part === 'walk' ? { xid: '0', id: state.walkedTo ?? NO_ID } : state[part];
    const [row] = await this.query<{ rows: number; xid: string | null; id: Uuid | null; lines: string | null }>(NEXT[part], [limit, after.xid, after.id, state.keptFrom]);
    const { rows, xid, id, lines } = row!;
    return { part, rows, lines, last: xid === null || id === null ? null : { xid, id } };
  }

  /** Says that a batch has arrived. @throws FeedLostError when the feed is another's by now, who then sends it again */
  async advance(state: FeedState, { part, rows, last }: EventBatch, limit: number): Promise<FeedState> {
    if (part === 'walk') return this.change(state, 'sent_at = clock_timestamp(), walked_to = $4', [rows < limit ? null : last!.id]);
    return last === null ? state : this.change(state, `sent_at = clock_timestamp(), ${part}_xid = $4, ${part}_id = $5`, [last.xid, last.id]);
  }

  private async change(state: FeedState, set: string, values: readonly unknown[]): Promise<FeedState> {
    const rows = await this.query<StateRow>(
      `with changed as (
         update telemetry_feed set version = version + 1, held_until = clock_timestamp() + $2 * interval '1 ms', ${set}
         where holder = $1 and version = $3 returning *
       ) select ${STATE} from changed`,
      [this.holder, this.holdMs, state.version, ...values],
    );
    if (rows[0] === undefined) throw new FeedLostError('another process has taken the feed');
    return stateOf(rows[0]);
  }

  private query<T>(sql: string, values: readonly unknown[]): Promise<T[]> {
    return this.dataSource.query<T[]>(sql, [...values]);
  }
}

const stateOf = (row: StateRow): FeedState => ({
  version: row.version,
  target: row.target,
  records: { xid: row.records_xid, id: row.records_id },
  adjustments: { xid: row.adjustments_xid, id: row.adjustments_id },
  walkedTo: row.walked_to,
  keptFrom: row.kept_from,
  moved: row.moved ?? false,
});
