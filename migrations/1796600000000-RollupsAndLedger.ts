import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Sums of usage by hour and day, and the ledger.
 *
 * - `usage_rollups` is a projection of `usage_records` and `usage_adjustments`: it can be emptied and made again. An hour's
 *   rows are recomputed whole, so that doing so twice changes nothing; `usage_rollup_marks` are the hours that wait for it.
 *   `usage_rollup_progress` says up to which transaction (`recorded_xid`) everything has been marked, and `cluster` where
 *   the transaction numbers are from.
 * - `usage_rollup_differences` are what the last comparison of an hour or day with its records found.
 * - A ledger entry is named once by (customer, kind, source). Its lines come with it in one transaction, one an account, and
 *   sum to zero at its end; positive amounts are debits. Both are append-only.
 */
export class RollupsAndLedger1796600000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table usage_rollups (
        granularity text not null check (granularity in ('hour', 'day')),
        bucket timestamptz not null,
        customer_id text not null,
        key_id uuid not null,
        cohort text not null,
        provider text,
        requested_model text,
        served_model text,
        status text not null,
        requests bigint not null check (requests > 0),
        prompt_tokens numeric(38,0) not null,
        cached_tokens numeric(38,0) not null,
        cache_write_tokens numeric(38,0) not null,
        completion_tokens numeric(38,0) not null,
        reasoning_tokens numeric(38,0) not null,
        cost_pd numeric(38,0) not null,
        unpriced bigint not null,
        unknown_attempts numeric(38,0) not null,
        check (date_trunc(granularity, bucket, 'UTC') = bucket)
      );
      create index usage_rollups_bucket on usage_rollups (granularity, bucket, customer_id);
      create index usage_rollups_customer on usage_rollups (customer_id, granularity, bucket);

      create table usage_rollup_marks (
        hour timestamptz not null,
        customer_id text not null,
        primary key (hour, customer_id)
      );

      create table usage_rollup_progress (
        id smallint primary key default 1 check (id = 1),
        cluster text,
        marked_xid bigint not null default 0,
        marked_at timestamptz,
        checked_at timestamptz
      );
      insert into usage_rollup_progress (id) values (1);

      create table usage_rollup_differences (
        granularity text not null check (granularity in ('hour', 'day')),
        bucket timestamptz not null,
        customer_id text not null,
        recorded jsonb not null,
        rolled_up jsonb not null,
        found_at timestamptz not null default now(),
        primary key (granularity, bucket, customer_id)
      );

      create table ledger_entries (
        id uuid primary key,
        customer_id text not null references customers (id),
        kind text not null check (kind ~ '^[a-z][a-z_]{0,39}$'),
        source_id text not null check (source_id <> ''),
        occurred_at timestamptz not null,
        memo text not null,
        created_at timestamptz not null default now(),
        recorded_xid bigint not null default pg_current_xact_id()::text::bigint,
        unique (customer_id, kind, source_id)
      );
      create index ledger_entries_occurred on ledger_entries (customer_id, occurred_at);

      create table ledger_lines (
        entry_id uuid not null references ledger_entries (id),
        account text not null check (account in ('customer:receivable', 'customer:credit', 'customer:carried', 'revenue:platform', 'revenue:vbp',
          'revenue:bvm', 'passthrough', 'rounding', 'cash', 'adjustments')),
        amount_pd numeric(38,0) not null check (amount_pd <> 0),
        primary key (entry_id, account)
      );

      create function ledger_line_with_its_entry() returns trigger language plpgsql as $$
      begin
        if not exists (select from ledger_entries where id = new.entry_id and recorded_xid = pg_current_xact_id()::text::bigint) then
          raise exception 'a ledger entry gets all of its lines in the transaction that posts it' using errcode = 'restrict_violation';
        end if;
        return new;
      end $$;
      create trigger ledger_lines_with_entry before insert on ledger_lines for each row execute function ledger_line_with_its_entry();

      create function ledger_entry_balances() returns trigger language plpgsql as $$
      begin
        if (select sum(amount_pd) from ledger_lines where entry_id = new.entry_id) <> 0 then
          raise exception 'the lines of ledger entry % do not sum to zero', new.entry_id using errcode = 'check_violation';
        end if;
        return null;
      end $$;
      create constraint trigger ledger_lines_balance after insert on ledger_lines deferrable initially deferred for each row execute function ledger_entry_balances();

      create trigger ledger_entries_append_only before update or delete on ledger_entries for each row execute function refuse_change();
      create trigger ledger_lines_append_only before update or delete on ledger_lines for each row execute function refuse_change();
      create trigger no_truncate before truncate on ledger_entries for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on ledger_lines for each statement execute function refuse_truncate();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop table ledger_lines, ledger_entries, usage_rollup_differences, usage_rollup_progress, usage_rollup_marks, usage_rollups;
      drop function ledger_line_with_its_entry, ledger_entry_balances;
    `);
  }
}
