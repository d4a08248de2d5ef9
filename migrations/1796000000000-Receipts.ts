import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Receipts, what was learned about them later, and the chain that seals both.
 *
 * - `unsealed` is the sealer's queue: a row comes in the transaction of what it names and goes in that of its link.
 * - `fact_key` names a fact once, so that telling it again changes nothing.
 */
export class Receipts1796000000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table receipts (
        request_id uuid not null,
        customer_id text not null,
        inputs jsonb not null,
        baseline_pd bigint not null,
        actual_pd bigint not null,
        saving_pd bigint not null,
        shares jsonb not null,
        overhead_pd bigint not null,
        status text not null check (status in ('billable', 'void')),
        reason text,
        arm text not null generated always as (inputs ->> 'arm') stored,
        cluster text not null generated always as (inputs ->> 'cluster') stored,
        requested_model text not null generated always as (inputs ->> 'requestedModel') stored,
        recorded_at timestamptz not null default now(),
        primary key (request_id),
        check ((status = 'void') = (reason is not null)),
        check (baseline_pd >= 0 and actual_pd >= 0)
      ) partition by range (request_id);
      create table receipts_default partition of receipts default;
      create index receipts_customer on receipts (customer_id, request_id);

      create table receipt_adjustments (
        id uuid primary key,
        request_id uuid not null,
        customer_id text not null,
        fact jsonb not null,
        fact_key text not null,
        actor text not null,
        created_at timestamptz not null default now(),
        unique (request_id, fact_key)
      );
      create index receipt_adjustments_customer on receipt_adjustments (customer_id, id);

      create table receipt_chain (
        customer_id text not null,
        seq bigint not null check (seq > 0),
        kind text not null check (kind in ('receipt', 'adjustment')),
        id uuid not null,
        content_hash text not null,
        prev_hash text not null,
        hash text not null,
        sealed_at timestamptz not null default now(),
        primary key (customer_id, seq),
        unique (kind, id)
      );

      create table unsealed (
        kind text not null check (kind in ('receipt', 'adjustment')),
        id uuid not null,
        customer_id text not null,
        primary key (kind, id)
      );
      create index unsealed_customer on unsealed (customer_id);

      create trigger receipts_append_only before update or delete on receipts for each row execute function refuse_change();
      create trigger receipt_adjustments_append_only before update or delete on receipt_adjustments for each row execute function refuse_change();
      create trigger receipt_chain_append_only before update or delete on receipt_chain for each row execute function refuse_change();
      create trigger no_truncate before truncate on receipts for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on receipts_default for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on receipt_adjustments for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on receipt_chain for each statement execute function refuse_truncate();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`drop table unsealed, receipt_chain, receipt_adjustments, receipts`);
  }
}
