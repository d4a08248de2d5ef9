import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * What a telemetry store beside Postgres is fed from: the records themselves, in the order of the transactions that
 * wrote them, behind a cursor that is kept here.
 *
 * - `recorded_xid` is the transaction that inserted the row. Rows below the oldest transaction that still runs are all
 *   there and get no company: in the order `(recorded_xid, id)` nothing is ever added in front of such a row. Rows from
 *   before this migration have 0; they are sent by their key, once.
 * - `telemetry_feed` has one row: who sends, until when nobody else does, how far it is, and how it goes. `target` and
 *   `cluster` name what it has been sent to and where the transaction numbers are from; where either is another now, all
 *   is sent again. `walked_to` is null when all that there was has been sent; older requests than `kept_from` are not kept
 *   there.
 */
export class TelemetryFeed1796300000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      alter table usage_records add column recorded_xid bigint not null default 0;
      alter table usage_records alter column recorded_xid set default pg_current_xact_id()::text::bigint;
      create index usage_records_recorded on usage_records (recorded_xid, request_id);

      alter table usage_adjustments add column recorded_xid bigint not null default 0;
      alter table usage_adjustments alter column recorded_xid set default pg_current_xact_id()::text::bigint;
      create index usage_adjustments_recorded on usage_adjustments (recorded_xid, id);

      create table telemetry_feed (
        id smallint primary key default 1 check (id = 1),
        holder uuid,
        held_until timestamptz not null default '-infinity',
        version bigint not null default 0,
        target text,
        cluster text,
        records_xid bigint not null default 0,
        records_id uuid not null default '00000000-0000-0000-0000-000000000000',
        adjustments_xid bigint not null default 0,
        adjustments_id uuid not null default '00000000-0000-0000-0000-000000000000',
        walked_to uuid,
        kept_from uuid not null default '00000000-0000-0000-0000-000000000000',
        sent_at timestamptz,
        failed_at timestamptz,
        last_error text
      );
      insert into telemetry_feed (id) values (1);
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop table telemetry_feed;
      alter table usage_adjustments drop column recorded_xid;
      alter table usage_records drop column recorded_xid;
    `);
  }
}
