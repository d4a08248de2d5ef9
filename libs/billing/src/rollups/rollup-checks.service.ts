import { Logger } from '@nestjs/common';
import { firstIdAt } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { DAY_MS, daysOf, HOUR_MS } from '../core/rollups/buckets.js';
import { type Granularity, type RollupDifference, type RollupSums } from '../core/rollups/rollups.types.js';
import { cellsOf, DIMENSIONS, hourOf, inSteps, list, MEASURES, NOT_BEGUN, STEP_RECORDS } from './rollup-sql.js';

export interface RollupStatus {
  /** When it was last seen what there is to recompute; null: never. */
  readonly markedAt: string | null;
  /** Buckets of an hour and a customer that wait to be recomputed. */
  readonly waiting: number;
  /** When rollups were last compared with their records; null: never. */
  readonly checkedAt: string | null;
  /** How many buckets differ from their records. */
  readonly differing: number;
  /** The first hundred of them. */
  readonly differences: readonly RollupDifference[];
}

const MAX_LISTED = 100;
const CELL = ['customer_id', ...DIMENSIONS] as const;

/** What a day's records add up to, by hour, for as long as its check lasts. */
const CREATE_CELLS = `
  create temporary table checked_cells on commit drop as
  select null::timestamptz as hour, c.* from (${cellsOf('null::uuid', 'null::uuid')}) c with no data`;

/** $1 first id, $2 id behind the last, $3 hour */
const INSERT_CELLS = `insert into checked_cells select $3::timestamptz, c.* from (${cellsOf('$1', '$2')}) c`;

/**
 * Buckets of a day whose rollups are not what their records add up to. Hours that have changed since they were last
 * recomputed are left out; they are compared next time.
 * $1 and $2 the day and the one after, $3 and $4 the same as ids.
 */
const DIFFERENCES = `
  with pending as (
    select hour, customer_id from usage_rollup_marks where hour >= $1 and hour < $2
    union
    select ${hourOf('r.request_id')}, r.customer_id from usage_records r, usage_rollup_progress p
    where r.recorded_xid >= p.marked_xid and r.recorded_xid < ${NOT_BEGUN} and r.request_id >= $3 and r.request_id < $4
    union
    select ${hourOf('a.request_id')}, a.customer_id from usage_adjustments a, usage_rollup_progress p
    where a.recorded_xid >= p.marked_xid and a.recorded_xid < ${NOT_BEGUN} and a.request_id >= $3 and a.request_id < $4
  ), sides as (
    select true as recorded, 'hour' as granularity, hour as bucket, ${list([...CELL, ...MEASURES])} from checked_cells
    union all
    select true, 'day', $1::timestamptz, ${list([...CELL, ...MEASURES])} from checked_cells
    union all
    select false, granularity, bucket, ${list([...CELL, ...MEASURES])} from usage_rollups
    where granularity in ('hour', 'day') and bucket >= $1 and bucket < $2
  ), compared as (
    select granularity, bucket, ${list(CELL)},
      ${list(MEASURES, (column) => `coalesce(sum(${column}) filter (where recorded), 0) as recorded_${column}, coalesce(sum(${column}) filter (where not recorded), 0) as rolled_${column}`)}
    from sides group by granularity, bucket, ${list(CELL)}
  )
  select granularity, bucket, customer_id,
    json_build_object(${list(MEASURES, (column) => `'${column}', sum(recorded_${column})::text`)}) as recorded,
    json_build_object(${list(MEASURES, (column) => `'${column}', sum(rolled_${column})::text`)}) as rolled_up
  from compared c
  where not exists (select from pending p where p.customer_id = c.customer_id and (c.granularity = 'day' or p.hour = c.bucket))
  group by granularity, bucket, customer_id
  having bool_or((${list(MEASURES, (column) => `recorded_${column}`)}) <> (${list(MEASURES, (column) => `rolled_${column}`)}))
  order by granularity, bucket, customer_id`;

type Sums = Readonly<Record<(typeof MEASURES)[number], string>>;
interface DifferenceRow {
  readonly granularity: Granularity;
  readonly bucket: Date;
  readonly customer_id: string;
  readonly recorded: Sums;
  readonly rolled_up: Sums;
  readonly found_at: Date;
}

/** Holds rollups against the records that they are made of. No difference is allowed; each is logged as an error and kept until it is gone. */
export class RollupChecks {
  private readonly log = new Logger('Rollups');

  /** @param stepRecords records that one statement reads at most */
  constructor(
    private readonly dataSource: DataSource,
    private readonly stepRecords = STEP_RECORDS,
  ) {}

  /**
   * Compares the whole UTC days that touch `[from, to)`, or as many as there is time for until `goesOn` says no.
   * @returns how many buckets differ in them
   */
  async check(from: Date, to: Date, goesOn: () => boolean = () => true): Promise<number> {
    let differing = 0;
    for (const day of daysOf(from, to)) {
      if (!goesOn()) return differing;
      differing += await this.checkDay(day);
    }
    await this.dataSource.query('update usage_rollup_progress set checked_at = clock_timestamp()');
    return differing;
  }

  async status(): Promise<RollupStatus> {
    const [progress] = await this.dataSource.query<Array<{ marked_at: Date | null; checked_at: Date | null; waiting: number; differing: number }>>(
      `select marked_at, checked_at, (select count(*)::int from usage_rollup_marks) as waiting, (select count(*)::int from usage_rollup_differences) as differing from usage_rollup_progress`,
    );
    const rows = await this.dataSource.query<DifferenceRow[]>(`select * from usage_rollup_differences order by bucket, granularity, customer_id limit ${MAX_LISTED}`);
    const { marked_at, checked_at, waiting, differing } = progress!;
    return { markedAt: marked_at?.toISOString() ?? null, waiting, checkedAt: checked_at?.toISOString() ?? null, differing, differences: rows.map(differenceOf) };
  }

  private async checkDay(day: Date): Promise<number> {
    const next = new Date(day.getTime() + DAY_MS);
    const found = await this.dataSource.transaction('REPEATABLE READ', (manager) => this.differences(manager, day, next));
    await this.dataSource.transaction(async (manager) => {
      // One at a time, so that what is kept is what one of them found.
      await manager.query(`select pg_advisory_xact_lock(hashtextextended('apex:rollup-check', 0))`);
      await manager.query('delete from usage_rollup_differences where bucket >= $1 and bucket < $2', [day, next]);
      await manager.query(
        `insert into usage_rollup_differences (granularity, bucket, customer_id, recorded, rolled_up)
         select granularity, bucket, customer_id, recorded, rolled_up from json_populate_recordset(null::usage_rollup_differences, $1::json)`,
        [JSON.stringify(found)],
      );
    });
    for (const { granularity, bucket, customer_id, recorded, rolled_up } of found.slice(0, MAX_LISTED)) {
      this.log.error(
        `the rollup of ${granularity} ${bucket.toISOString()} of customer ${customer_id} is not what its records add up to: ${rolled_up.requests} requests for ${rolled_up.cost_pd} pd instead of ${recorded.requests} for ${recorded.cost_pd} pd`,
      );
    }
    return found.length;
  }

  /** In many statements, for none may take long, and one snapshot. */
  private async differences(manager: EntityManager, day: Date, next: Date): Promise<DifferenceRow[]> {
    await manager.query(CREATE_CELLS);
    for (let at = day.getTime(); at < next.getTime(); at += HOUR_MS) {
      const hour = new Date(at);
      await inSteps(manager, at, this.stepRecords, (from, to) => manager.query(INSERT_CELLS, [from, to, hour]));
    }
    return manager.query<DifferenceRow[]>(DIFFERENCES, [day, next, firstIdAt(day.getTime()), firstIdAt(next.getTime())]);
  }
}

const differenceOf = ({ granularity, bucket, customer_id, recorded, rolled_up, found_at }: DifferenceRow): RollupDifference => ({
  granularity,
  bucket: bucket.toISOString(),
  customerId: customer_id,
  recorded: sumsOf(recorded),
  rolledUp: sumsOf(rolled_up),
  foundAt: found_at.toISOString(),
});

const sumsOf = (sums: Sums): RollupSums => ({
  requests: sums.requests,
  promptTokens: sums.prompt_tokens,
  cachedTokens: sums.cached_tokens,
  cacheWriteTokens: sums.cache_write_tokens,
  completionTokens: sums.completion_tokens,
  reasoningTokens: sums.reasoning_tokens,
  costPicodollars: sums.cost_pd,
  unpriced: sums.unpriced,
  unknownAttempts: sums.unknown_attempts,
});
