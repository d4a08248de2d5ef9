import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { type MonthPartition, planMonths } from '../core/partition-plan.js';

const PARTITIONED = ['usage_records', 'attempts', 'receipts'] as const;
const CHECK_VIOLATION = '23514';

/**
 * Makes the monthly partitions of this month and the next ones, where they are missing. Any number of processes may do
 * it at once. A month that has rows in the default partition already stays there: it is as correct, only slower to drop.
 */
export async function ensurePartitions(dataSource: DataSource, nowMs: number, monthsAhead = 2): Promise<void> {
  const log = new Logger('Partitions');
  for (const table of PARTITIONED) {
    for (const month of planMonths(nowMs, monthsAhead)) {
      try {
        await ensurePartition(dataSource, table, month);
      } catch (error) {
        if ((error as { code?: unknown }).code !== CHECK_VIOLATION) throw error;
        log.warn(`${table} of ${month.suffix} stays in the default partition, which has rows of that month already`);
      }
    }
  }
}

async function ensurePartition(dataSource: DataSource, table: string, month: MonthPartition): Promise<void> {
  const name = `${table}_${month.suffix}`;
  // By a snapshot: to_regclass may answer from a cache that does not know of a table committed a moment ago.
  const exists = async (run: Pick<DataSource, 'query'>): Promise<boolean> => {
    const found = await run.query<unknown[]>('select from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = $1::regclass and relname = $2', [table, name]);
    return found.length > 0;
  };
  // Creating one locks the table against inserts for a moment; not even that when there is nothing to do.
  if (await exists(dataSource)) return;
  await dataSource.transaction(async (transaction) => {
    await transaction.query(`set local lock_timeout = '10s'`);
    await transaction.query(`select pg_advisory_xact_lock(hashtext('apex:partitions'))`);
    if (await exists(transaction)) return;
    await transaction.query(`create table ${name} partition of ${table} for values from ('${month.from}') to ('${month.to}')`);
    // UPDATE and DELETE are refused by the table's own triggers, which partitions inherit; those of TRUNCATE they do not.
    await transaction.query(`create trigger no_truncate before truncate on ${name} for each statement execute function refuse_truncate()`);
  });
}
