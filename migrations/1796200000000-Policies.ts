import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Policies and the roots of the experiment's secrets.
 *
 * - A policy's document never changes; its status does, draft -> validated -> active -> retired, and not back. One is active
 *   per customer, and one for everybody else.
 * - A root is made once per period, before it begins, by whichever process comes first.
 */
export class Policies1796200000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table policies (
        id uuid primary key,
        customer_id text references customers (id),
        version integer not null check (version > 0),
        document jsonb not null,
        status text not null default 'draft' check (status in ('draft', 'validated', 'active', 'retired')),
        created_by text not null,
        created_at timestamptz not null default now(),
        activated_at timestamptz,
        retired_at timestamptz,
        unique nulls not distinct (customer_id, version)
      );
      create unique index policies_active on policies (coalesce(customer_id, '')) where status = 'active';

      create function keep_policy() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or (new.id, new.customer_id, new.version, new.document, new.created_by, new.created_at) is distinct from (old.id, old.customer_id, old.version, old.document, old.created_by, old.created_at) then
          raise exception 'a policy is immutable' using errcode = 'restrict_violation';
        end if;
        if array_position(array['draft', 'validated', 'active', 'retired'], new.status) < array_position(array['draft', 'validated', 'active', 'retired'], old.status) then
          raise exception 'a policy does not go back from % to %', old.status, new.status using errcode = 'restrict_violation';
        end if;
        return new;
      end $$;
      create trigger policies_immutable before update or delete on policies for each row execute function keep_policy();

      create table experiment_periods (
        period text primary key check (period ~ '^[0-9]{4}-[0-9]{2}$'),
        sealed_root bytea not null,
        created_at timestamptz not null default now()
      );
      create trigger experiment_periods_append_only before update or delete on experiment_periods for each row execute function refuse_change();
      create trigger no_truncate before truncate on policies for each statement execute function refuse_truncate();
      create trigger no_truncate before truncate on experiment_periods for each statement execute function refuse_truncate();
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`drop table experiment_periods, policies; drop function keep_policy`);
  }
}
