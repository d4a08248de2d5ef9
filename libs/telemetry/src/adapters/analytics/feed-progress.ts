import { idTime, type Uuid } from '@apex/common';
import { type DataSource } from 'typeorm';

/** How far the feed of events is, as every process may know it. */
export interface FeedProgress {
  /** What has been sent so far is there; null: nothing has been. */
  readonly target: string | null;
  /** Records from before the feed began are still being sent, or not even that. */
  readonly copying: boolean;
  /** Older requests, in milliseconds since 1970, are not kept there. */
  readonly keptFromMs: number;
  /** How long the oldest record or correction has been waiting; 0 when none does. What is being copied does not count. */
  readonly waitingMs: number;
  readonly sentAt: Date | null;
  /** The last time that nothing could be sent; it may have passed. */
  readonly failure: { readonly at: Date; readonly message: string } | null;
}

/** Numbers of transactions to come are left over from where a database was restored from. */
const waitingSince = (table: string, id: string, at: string, cursor: string): string => `
  (select ${at} from ${table} where (recorded_xid, ${id}) > (f.${cursor}_xid, f.${cursor}_id) and recorded_xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
   order by recorded_xid, ${id} limit 1)`;

const PROGRESS = `
  select target, target is null or walked_to is not null as copying, kept_from, sent_at, failed_at, last_error,
    coalesce(extract(epoch from clock_timestamp() - least(${waitingSince('usage_records', 'request_id', 'recorded_at', 'records')}, ${waitingSince('usage_adjustments', 'id', 'created_at', 'adjustments')})) * 1000, 0)::double precision as waiting_ms
  from telemetry_feed f`;

interface ProgressRow {
  readonly target: string | null;
  readonly copying: boolean;
  readonly kept_from: Uuid;
  readonly sent_at: Date | null;
  readonly failed_at: Date | null;
  readonly last_error: string | null;
  readonly waiting_ms: number;
}

/** @throws when Postgres does not answer */
export async function readFeedProgress(dataSource: DataSource): Promise<FeedProgress> {
  const [row] = await dataSource.query<ProgressRow[]>(PROGRESS);
  const { target, copying, kept_from, sent_at, failed_at, last_error, waiting_ms } = row!;
  return {
    target,
    copying,
    keptFromMs: idTime(kept_from),
    waitingMs: Math.max(0, waiting_ms),
    sentAt: sent_at,
    failure: failed_at === null || last_error === null ? null : { at: failed_at, message: last_error },
  };
}
