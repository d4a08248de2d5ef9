import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Customers, users, keys; flags and traffic; the audit log; usage records, attempts and adjustments.
 *
 * - `change_xid` is the transaction that last wrote a row. Processes poll for rows with
 *   `change_xid >= <xmin of their last snapshot>`, which, unlike a timestamp or a sequence, misses no late commit.
 * - Records are append-only: triggers refuse UPDATE and DELETE.
 * - `usage_records` and `attempts` are partitioned by their UUIDv7, so by time, with a default partition as a net.
 */
export class Foundation1795000000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create function touch_change_xid() returns trigger language plpgsql as $$
      begin
        new.change_xid := pg_current_xact_id()::text::bigint;
        new.updated_at := now();
        return new;
      end $$;

      create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
      end $$;

      create table customers (
        id text primary key,
        name text not null,
        tier text not null default 'free',
        stripe_customer_id text unique,
        platform_keys boolean not null default false,
        suspended_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );

      create table users (
        id uuid primary key,
        customer_id text references customers (id),
        email text not null,
        name text not null,
        role text not null check (role in ('owner', 'member', 'admin')),
        password_hash text,
        tier text,
        stripe_customer_id text,
        disabled_at timestamptz,
        created_at timestamptz not null default now(),
        check ((role = 'admin') = (customer_id is null))
      );
      create unique index users_email on users (lower(email));
      create index users_customer on users (customer_id);

      -- tier and stripe_customer_id on users are projections of the customer's: nobody else writes them.
      create function project_customer() returns trigger language plpgsql as $$
      begin
        select c.tier, c.stripe_customer_id into new.tier, new.stripe_customer_id from customers c where c.id = new.customer_id;
        return new;
      end $$;
      create trigger users_projection before insert or update on users for each row execute function project_customer();
      create function project_to_users() returns trigger language plpgsql as $$
      begin
        update users set name = name where customer_id = new.id;
        return null;
      end $$;
      create trigger customers_projection after update of tier, stripe_customer_id on customers for each row execute function project_to_users();

      create table sessions (
        token_hash bytea primary key,
        user_id uuid not null references users (id) on delete cascade,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null
      );

      create table operator_tokens (
        token_hash bytea primary key,
        name text not null,
        created_at timestamptz not null default now(),
        revoked_at timestamptz
      );

      create table api_keys (
        id uuid primary key,
        customer_id text not null references customers (id),
        name text not null,
        prefix text not null,
        hash bytea not null unique,
        scopes text[] not null,
        expires_at timestamptz,
        revoked_at timestamptz,
        rotated_from uuid references api_keys (id),
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );
      create index api_keys_customer on api_keys (customer_id);
      create index api_keys_change on api_keys (change_xid);

      create table provider_keys (
        id uuid primary key,
        customer_id text references customers (id),
        provider text not null,
        ciphertext bytea not null,
        hint text not null,
        revoked_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );
      create unique index provider_keys_active on provider_keys (coalesce(customer_id, ''), provider) where revoked_at is null;
      create index provider_keys_change on provider_keys (change_xid);
      create index customers_change on customers (change_xid);
      create trigger customers_change_xid before insert or update on customers for each row execute function touch_change_xid();
      create trigger api_keys_change_xid before insert or update on api_keys for each row execute function touch_change_xid();
      create trigger provider_keys_change_xid before insert or update on provider_keys for each row execute function touch_change_xid();

      create table audit_log (
        id uuid primary key,
        at timestamptz not null default now(),
        actor text not null,
        action text not null,
        target text not null,
        before jsonb,
        after jsonb,
        reason text
      );
      create trigger audit_log_append_only before update or delete on audit_log for each row execute function refuse_change();

      create table feature_flags (
        name text primary key,
        enabled boolean not null default false,
        also_for text[] not null default '{}',
        updated_by text not null default 'default',
        updated_at timestamptz not null default now()
      );
      create table traffic (
        id smallint primary key default 1 check (id = 1),
        gateway_percentage smallint not null default 0 check (gateway_percentage between 0 and 100),
        stickiness text not null default 'customer' check (stickiness in ('customer', 'key', 'session')),
        also_for text[] not null default '{}',
        updated_by text not null default 'default',
        updated_at timestamptz not null default now()
      );
      insert into traffic (id) values (1);

      create table usage_records (
        request_id uuid not null,
        customer_id text not null,
        key_id uuid not null,
        session text,
        tags text[] not null default '{}',
        surface text not null,
        path text not null,
        cohort text not null,
        cohort_reason text,
        provider text,
        requested_model text,
        served_model text,
        stream boolean not null default false,
        status text not null check (status in ('final', 'failed', 'denied', 'aborted', 'interrupted')),
        http_status smallint,
        error_code text,
        attempts smallint not null default 0,
        unknown_attempts smallint not null default 0,
        prompt_tokens bigint not null default 0,
        cached_tokens bigint not null default 0,
        cache_write_tokens bigint not null default 0,
        completion_tokens bigint not null default 0,
        reasoning_tokens bigint not null default 0,
        usage_source text not null check (usage_source in ('provider', 'tokenizer', 'none', 'unknown')),
        cost_pd bigint not null default 0,
        pricing text not null check (pricing in ('priced', 'unpriced', 'none')),
        price_version text,
        started_at timestamptz not null,
        first_byte_ms integer,
        duration_ms integer,
        recorded_at timestamptz not null default now(),
        primary key (request_id)
      ) partition by range (request_id);
      create table usage_records_default partition of usage_records default;
      create index usage_records_customer on usage_records (customer_id, request_id);

      create table attempts (
        attempt_id uuid not null,
        request_id uuid not null,
        attempt_no smallint not null,
        customer_id text not null,
        provider text not null,
        model text,
        status text not null check (status in ('final', 'failed', 'aborted', 'interrupted')),
        http_status smallint,
        error_code text,
        provider_response_id text,
        prompt_tokens bigint not null default 0,
        cached_tokens bigint not null default 0,
        cache_write_tokens bigint not null default 0,
        completion_tokens bigint not null default 0,
        reasoning_tokens bigint not null default 0,
        usage_source text not null check (usage_source in ('provider', 'tokenizer', 'none', 'unknown')),
        cost_pd bigint not null default 0,
        pricing text not null check (pricing in ('priced', 'unpriced', 'none')),
        price_version text,
        started_at timestamptz not null,
        duration_ms integer,
        primary key (attempt_id)
      ) partition by range (attempt_id);
      create table attempts_default partition of attempts default;
      create index attempts_request on attempts (request_id);
      -- What a reconciliation looks for: few among many.
      create index attempts_unknown on attempts (provider, attempt_id) where status in ('aborted', 'interrupted');

      create table usage_adjustments (
        id uuid primary key,
        request_id uuid not null,
        attempt_id uuid not null unique,
        customer_id text not null,
        reconciliation_id uuid not null,
        prompt_tokens bigint not null,
        cached_tokens bigint not null,
        cache_write_tokens bigint not null,
        completion_tokens bigint not null,
        reasoning_tokens bigint not null,
        cost_pd bigint not null,
        pricing text not null check (pricing in ('priced', 'unpriced')),
        price_version text,
        created_at timestamptz not null default now()
      );
      create index usage_adjustments_request on usage_adjustments (request_id);

      create table reconciliations (
        id uuid primary key,
        provider text not null,
        actor text not null,
        period_from timestamptz,
        period_to timestamptz,
        summary jsonb not null,
        created_at timestamptz not null default now()
      );

      create trigger usage_records_append_only before update or delete on usage_records for each row execute function refuse_change();
      create trigger attempts_append_only before update or delete on attempts for each row execute function refuse_change();
      create trigger usage_adjustments_append_only before update or delete on usage_adjustments for each row execute function refuse_change();
      create trigger reconciliations_append_only before update or delete on reconciliations for each row execute function refuse_change();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop table reconciliations, usage_adjustments, attempts, usage_records, traffic, feature_flags, audit_log,
        provider_keys, api_keys, operator_tokens, sessions, users, customers cascade;
      drop function touch_change_xid, refuse_change, project_customer, project_to_users cascade;
    `);
  }
}
