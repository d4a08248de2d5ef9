import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * What passes between Apex and Stripe.
 *
 * - `stripe_mode` holds one row as soon as anything of Stripe's is stored: test data and live data never share a database.
 * - `stripe_events` is the inbox: an event is a row, and the row is the job. What Stripe sent never changes; what became of it does.
 * - `stripe_outbox` is what is to be sent, once each: (kind, source_id) is the durable guard, an idempotency key only helps it.
 * - `stripe_subscriptions`, `stripe_invoices` and `billing_standings` are projections of what Stripe said when it was last asked.
 * - Runs of the audit and the differences they found are append-only.
 */
export class Stripe1796800000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table stripe_mode (
        id smallint primary key default 1 check (id = 1),
        livemode boolean not null,
        since timestamptz not null default now()
      );
      create trigger stripe_mode_append_only before update or delete on stripe_mode for each row execute function refuse_change();
      create trigger no_truncate before truncate on stripe_mode for each statement execute function refuse_truncate();

      create table stripe_prices (
        stripe_price_id text primary key,
        lookup_key text not null,
        tier text not null,
        amount_cents bigint not null check (amount_cents >= 0),
        created_at timestamptz not null default now()
      );

      create table stripe_events (
        id text primary key,
        type text not null,
        object_id text,
        created_at timestamptz not null,
        payload jsonb not null,
        received_at timestamptz not null,
        processed_at timestamptz,
        outcome text,
        attempts integer not null default 0,
        next_attempt_at timestamptz not null,
        last_error text
      );
      create index stripe_events_waiting on stripe_events (next_attempt_at) where processed_at is null;
      create index stripe_events_received on stripe_events (received_at);
      create function keep_stripe_event() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or (new.id, new.type, new.object_id, new.created_at, new.payload, new.received_at) is distinct from (old.id, old.type, old.object_id, old.created_at, old.payload, old.received_at) then
          raise exception 'what Stripe sent is kept as it came' using errcode = 'restrict_violation';
        end if;
        return new;
      end $$;
      create trigger stripe_events_kept before update or delete on stripe_events for each row execute function keep_stripe_event();
      create trigger no_truncate before truncate on stripe_events for each statement execute function refuse_truncate();

      create table stripe_outbox (
        id uuid primary key,
        kind text not null check (kind in ('invoice_item', 'final_invoice')),
        source_id text not null,
        customer_id text not null references customers (id),
        statement_id uuid,
        amount_cents bigint not null,
        currency text not null check (currency = 'usd'),
        description text not null,
        period_start timestamptz not null,
        period_end timestamptz not null,
        statement_hash text,
        label text not null,
        state text not null default 'pending' check (state in ('pending', 'sending', 'unknown', 'sent', 'refused', 'waived')),
        generation integer not null default 0,
        attempts integer not null default 0,
        next_attempt_at timestamptz not null default now(),
        first_attempt_at timestamptz,
        last_error text,
        stripe_id text unique,
        stripe_invoice_id text,
        invoiced_cents bigint,
        sent_at timestamptz,
        created_at timestamptz not null default now(),
        unique (kind, source_id),
        check ((state = 'sent') = (stripe_id is not null))
      );
      create index stripe_outbox_waiting on stripe_outbox (next_attempt_at) where state in ('pending', 'sending', 'unknown');
      create index stripe_outbox_customer on stripe_outbox (customer_id);
      create function keep_stripe_outbox() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or (new.id, new.kind, new.source_id, new.customer_id, new.amount_cents, new.currency, new.period_start, new.period_end, new.statement_hash) is distinct from (old.id, old.kind, old.source_id, old.customer_id, old.amount_cents, old.currency, old.period_start, old.period_end, old.statement_hash) then
          raise exception 'what is to be sent does not change' using errcode = 'restrict_violation';
        end if;
        if old.state = 'sent' and (new.state, new.stripe_id) is distinct from (old.state, old.stripe_id) then
          raise exception 'what was sent stays sent' using errcode = 'restrict_violation';
        end if;
        return new;
      end $$;
      create trigger stripe_outbox_kept before update or delete on stripe_outbox for each row execute function keep_stripe_outbox();
      create trigger no_truncate before truncate on stripe_outbox for each statement execute function refuse_truncate();

      create table stripe_subscriptions (
        id text primary key,
        customer_id text not null references customers (id),
        status text not null,
        tier text,
        price_id text,
        currency text not null,
        period_start timestamptz,
        period_end timestamptz,
        cancel_at timestamptz,
        trial_end timestamptz,
        ended_at timestamptz,
        created_at timestamptz not null,
        fetched_at timestamptz not null
      );
      create index stripe_subscriptions_customer on stripe_subscriptions (customer_id);

      create table stripe_invoices (
        id text primary key,
        customer_id text not null references customers (id),
        subscription_id text,
        number text,
        status text not null,
        currency text not null,
        total_cents bigint not null,
        due_cents bigint not null,
        paid_cents bigint not null,
        attempts integer not null,
        next_payment_attempt timestamptz,
        url text,
        pdf text,
        problem text,
        created_at timestamptz not null,
        finalized_at timestamptz,
        paid_at timestamptz,
        fetched_at timestamptz not null
      );
      create index stripe_invoices_customer on stripe_invoices (customer_id, created_at);

      create table billing_standings (
        customer_id text primary key references customers (id),
        standing text not null check (standing in ('none', 'trialing', 'active', 'past_due', 'grace', 'lapsed', 'ended')),
        derived_tier text,
        past_due_since timestamptz,
        grace_from timestamptz,
        grace_until timestamptz,
        attention text[] not null default '{}',
        customer_deleted_at timestamptz,
        disputed text[] not null default '{}',
        updated_at timestamptz not null
      );

      create table stripe_audit_runs (
        id uuid primary key,
        day date not null,
        started_at timestamptz not null,
        finished_at timestamptz not null,
        checked jsonb not null,
        differences integer not null
      );
      create index stripe_audit_runs_day on stripe_audit_runs (day);
      create table stripe_audit_differences (
        run_id uuid not null,
        no integer not null,
        customer_id text,
        kind text not null,
        object_id text not null,
        ours text,
        theirs text,
        primary key (run_id, no)
      );
      create trigger stripe_audit_runs_append_only before update or delete on stripe_audit_runs for each row execute function refuse_change();
      create trigger stripe_audit_differences_append_only before update or delete on stripe_audit_differences for each row execute function refuse_change();
      create trigger no_truncate before truncate on stripe_audit_runs for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on stripe_audit_differences for each statement execute function refuse_truncate();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop table stripe_audit_differences, stripe_audit_runs, billing_standings, stripe_invoices, stripe_subscriptions, stripe_outbox, stripe_events, stripe_prices, stripe_mode;
      drop function keep_stripe_event, keep_stripe_outbox;
    `);
  }
}
