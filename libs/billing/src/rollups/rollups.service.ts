import { type DataSource, type EntityManager } from 'typeorm';
import { DAY_MS, dayOf, daysOf, HOUR_MS } from '../core/rollups/buckets.js';
import { cellsOf, CLUSTER, DIMENSIONS, HORIZON, hourOf, inSteps, list, MEASURES, STEP_RECORDS } from './rollup-sql.js';

/** Records of one step of marking: no statement takes long. */
const MARK_RECORDS = 200_000;
/** Hours of customers that are recomputed in one transaction. */
const STEP_BUCKETS = 2_000;

const ROLLUP_COLUMNS = ['granularity', 'bucket', 'customer_id', ...DIMENSIONS, ...MEASURES] as const;

/** $1 first id, $2 id behind the last */
const CUSTOMERS_OF_STEP = 'select distinct customer_id from usage_records where request_id >= $1 and request_id < $2';

/** An hour's customers, and those of whom it has sums. Marks are made in the order of hours and customers by everybody: nobody waits for each other. $1 hour, $2 customers */
const MARK_HOUR = `
  insert into usage_rollup_marks (hour, customer_id)
  select $1::timestamptz, customer_id from (
    select unnest($2::text[]) as customer_id union select customer_id from usage_rollups where granularity = 'hour' and bucket = $1
  ) of_hour
  order by customer_id
  on conflict do nothing`;

const MARK_RECORDED = `
  insert into usage_rollup_marks (hour, customer_id)
  select distinct ${hourOf('request_id')}, customer_id from usage_records where recorded_xid >= $1 and recorded_xid < $2
  union select distinct ${hourOf('request_id')}, customer_id from usage_adjustments where recorded_xid >= $1 and recorded_xid < $2
  order by 1, 2
  on conflict do nothing`;

/** Where a step that begins at $1 ends: behind so many records, or at the horizon, $2. */
const STEP_END = `
  select coalesce((select recorded_xid + 1 from usage_records where recorded_xid >= $1 and recorded_xid < $2 order by recorded_xid offset ${MARK_RECORDS} limit 1), $2::bigint)::text as xid`;

/** Marks of one day, the first that has any which nobody else is at. */
const TAKE_MARKS = `
  with one as (select date_trunc('day', hour, 'UTC') as day from usage_rollup_marks order by hour limit 1 for update skip locked),
  mine as (
    select m.hour, m.customer_id from usage_rollup_marks m join one on m.hour >= one.day and m.hour < one.day + interval '24 hours'
    order by m.hour, m.customer_id limit ${STEP_BUCKETS} for update of m skip locked
  )
  delete from usage_rollup_marks m using mine where m.hour = mine.hour and m.customer_id = mine.customer_id returning m.hour, m.customer_id`;

/** $1 first id, $2 id behind the last, $3 customers, $4 hour */
const INSERT_STEP = `
  insert into usage_rollups (${list(ROLLUP_COLUMNS)})
  select 'hour', $4::timestamptz, c.* from (${cellsOf('$1', '$2', 'r.customer_id = any($3)')}) c`;

/** One row a cell, from rows that may be several. $1 the bucket */
const insertSums = (granularity: 'hour' | 'day', from: string): string => `
  insert into usage_rollups (${list(ROLLUP_COLUMNS)})
  select '${granularity}', $1::timestamptz, customer_id, ${list(DIMENSIONS)}, ${list(MEASURES, (column) => `sum(${column})`)} from ${from}
  group by customer_id, ${list(DIMENSIONS)}`;

/** What the steps have left. $1 hour, $2 customers */
const MERGE_HOUR = `
  with steps as (delete from usage_rollups where granularity = 'hour' and bucket = $1 and customer_id = any($2) returning *)
  ${insertSums('hour', 'steps')}`;

/** $1 day, $2 the day after, $3 customers */
const INSERT_DAY = insertSums('day', `usage_rollups where granularity = 'hour' and bucket >= $1 and bucket < $2 and customer_id = any($3)`);

interface Mark {
  readonly hour: Date;
  readonly customer_id: string;
}

interface Progress {
  readonly moved: boolean;
  readonly marked: string;
  readonly horizon: string;
}

/**
 * Sums of usage by hour and day. Hours with records, or corrections of records, that were committed since the last time are
 * marked, and marked hours are recomputed whole from the records: late or out of order, nothing is missed, and doing it
 * twice changes nothing. Any number of processes may do it at once.
 */
export class Rollups {
  /** @param stepRecords records that one statement reads at most */
  constructor(
    private readonly dataSource: DataSource,
    private readonly stepRecords = STEP_RECORDS,
  ) {}

  /**
   * Brings the rollups up to every transaction that had ended when it was called; or stops when `goesOn` says no.
   * @returns how many buckets of an hour and a customer were recomputed by this process
   */
  async refresh(goesOn: () => boolean = () => true): Promise<number> {
    while (goesOn() && (await this.mark(goesOn)));
    let recomputed = 0;
    while (goesOn()) {
      const buckets = await this.dataSource.transaction((manager) => this.recomputeNext(manager));
      if (buckets === 0) break;
      recomputed += buckets;
    }
    return recomputed;
  }

  /** Marks all hours of the days that touch `[from, to)` to be recomputed by the next refresh. */
  async markPeriod(from: Date, to: Date, manager: EntityManager = this.dataSource.manager): Promise<void> {
    for (const day of daysOf(from, to)) await this.markDay(manager, day);
  }

  /** @returns whether there is more to be marked */
  private async mark(goesOn: () => boolean): Promise<boolean> {
    // A database that was copied or restored elsewhere has other transaction numbers: everything is looked at again.
    const moved = await this.dataSource.query<Progress[]>(`select cluster is distinct from ${CLUSTER} as moved, ${HORIZON}::text as horizon from usage_rollup_progress`);
    if (moved[0]!.moved) return this.markAll(moved[0]!.horizon, goesOn);
    return this.dataSource.transaction(async (manager) => {
      const [progress] = await manager.query<Progress[]>(`select marked_xid::text as marked, ${HORIZON}::text as horizon from usage_rollup_progress for update skip locked`);
      // Another process is at it.
      if (progress === undefined) return false;
      const [end] = await manager.query<Array<{ xid: string }>>(STEP_END, [progress.marked, progress.horizon]);
      await manager.query(MARK_RECORDED, [progress.marked, end!.xid]);
      await manager.query('update usage_rollup_progress set marked_xid = greatest(marked_xid, $1), marked_at = clock_timestamp()', [end!.xid]);
      return BigInt(end!.xid) < BigInt(progress.horizon);
    });
  }

  /** @param horizon from before the walk: what is committed during it is marked after it */
  private async markAll(horizon: string, goesOn: () => boolean): Promise<boolean> {
    const [span] = await this.dataSource.query<Array<{ from: Date | null; to: Date | null }>>(`
      select least((select ${hourOf('request_id')} from usage_records order by request_id limit 1), (select min(bucket) from usage_rollups)) as from,
        greatest((select ${hourOf('request_id')} from usage_records order by request_id desc limit 1), (select max(bucket) from usage_rollups)) as to`);
    if (span?.from && span.to) {
      for (const day of daysOf(span.from, new Date(span.to.getTime() + HOUR_MS))) {
        if (!goesOn()) return false;
        await this.markDay(this.dataSource.manager, day);
      }
    }
    await this.dataSource.query(`update usage_rollup_progress set cluster = ${CLUSTER}, marked_xid = $1 where cluster is distinct from ${CLUSTER}`, [horizon]);
    return true;
  }

  private async markDay(manager: EntityManager, day: Date): Promise<void> {
    for (let hour = day.getTime(); hour < day.getTime() + DAY_MS; hour += HOUR_MS) {
      const customers = new Set<string>();
      await inSteps(manager, hour, this.stepRecords, async (from, to) => {
        for (const { customer_id: customer } of await manager.query<Array<{ customer_id: string }>>(CUSTOMERS_OF_STEP, [from, to])) customers.add(customer);
      });
      await manager.query(MARK_HOUR, [new Date(hour), [...customers]]);
    }
  }

  private async recomputeNext(manager: EntityManager): Promise<number> {
    // The marks go first: what is committed and marked from here on finds no mark and makes a new one, which waits for this
    // transaction; what was marked before is seen by the statements below.
    const [marks] = await manager.query<[Mark[], number]>(TAKE_MARKS);
    if (marks.length === 0) return 0;
    const day = dayOf(marks[0]!.hour);
    const nextDay = new Date(day.getTime() + DAY_MS);
    // The day's rows are made from all of its hours, which others must not be changing.
    await manager.query(`select pg_advisory_xact_lock(hashtextextended('apex:rollup:' || $1, 0))`, [day.toISOString()]);
    for (const [at, customers] of customersByHour(marks)) {
      const hour = new Date(at);
      await manager.query(`delete from usage_rollups where granularity = 'hour' and bucket = $1 and customer_id = any($2)`, [hour, customers]);
      const steps = await inSteps(manager, at, this.stepRecords, (from, to) => manager.query(INSERT_STEP, [from, to, customers, hour]));
      if (steps > 1) await manager.query(MERGE_HOUR, [hour, customers]);
    }
    const customers = [...new Set(marks.map((mark) => mark.customer_id))];
    await manager.query(`delete from usage_rollups where granularity = 'day' and bucket = $1 and customer_id = any($2)`, [day, customers]);
    await manager.query(INSERT_DAY, [day, nextDay, customers]);
    return marks.length;
  }
}

function customersByHour(marks: readonly Mark[]): Map<number, string[]> {
  const hours = new Map<number, string[]>();
  for (const { hour, customer_id } of marks) hours.set(hour.getTime(), [...(hours.get(hour.getTime()) ?? []), customer_id]);
  return hours;
}
