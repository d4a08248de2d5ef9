import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * What each tier costs and allows, what was agreed with single customers, and the limits of single keys.
 *
 * - null in `tiers`: no limit, or nothing agreed in general; null in `customer_terms`: as the tier has it.
 * - Budgets are micro-dollars per billing month. `platform_budget_microusd` is for what the platform's provider keys spend:
 *   it holds whatever the flag says.
 * - A rotated key's successor counts on its predecessor's meter: rotating a key is no way to a fresh budget.
 */
export class TiersAndLimits1796500000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      create table tiers (
        name text primary key,
        rank smallint not null unique,
        platform_fee_pd numeric(38, 0) check (platform_fee_pd >= 0),
        vbp_rate_ppm integer check (vbp_rate_ppm between 0 and 1000000),
        vbp_billed boolean not null,
        requests_per_minute bigint check (requests_per_minute between 0 and 1000000000000),
        tokens_per_minute bigint check (tokens_per_minute between 0 and 1000000000000),
        concurrency bigint check (concurrency between 0 and 1000000000000),
        agent_runs_per_5h integer check (agent_runs_per_5h >= 0),
        workbench boolean not null,
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );

      create table customer_terms (
        customer_id text primary key references customers (id),
        platform_fee_pd numeric(38, 0) check (platform_fee_pd >= 0),
        vbp_rate_ppm integer check (vbp_rate_ppm between 0 and 1000000),
        vbp_billed boolean,
        requests_per_minute bigint check (requests_per_minute between 0 and 1000000000000),
        tokens_per_minute bigint check (tokens_per_minute between 0 and 1000000000000),
        concurrency bigint check (concurrency between 0 and 1000000000000),
        agent_runs_per_5h integer check (agent_runs_per_5h >= 0),
        workbench boolean,
        monthly_budget_microusd bigint check (monthly_budget_microusd between 0 and 1000000000000000),
        platform_budget_microusd bigint check (platform_budget_microusd between 0 and 1000000000000000),
        billing_anchor_day smallint not null default 1 check (billing_anchor_day between 1 and 28),
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );

      create table key_limits (
        key_id uuid primary key references api_keys (id),
        meter_id uuid not null,
        requests_per_minute bigint check (requests_per_minute between 0 and 1000000000000),
        tokens_per_minute bigint check (tokens_per_minute between 0 and 1000000000000),
        concurrency bigint check (concurrency between 0 and 1000000000000),
        monthly_budget_microusd bigint check (monthly_budget_microusd between 0 and 1000000000000000),
        updated_at timestamptz not null default now(),
        change_xid bigint not null default 0
      );

      create index customer_terms_change on customer_terms (change_xid);
      create index key_limits_change on key_limits (change_xid);
      create trigger tiers_change_xid before insert or update on tiers for each row execute function touch_change_xid();
      create trigger customer_terms_change_xid before insert or update on customer_terms for each row execute function touch_change_xid();
      create trigger key_limits_change_xid before insert or update on key_limits for each row execute function touch_change_xid();

      insert into tiers (name, rank, platform_fee_pd, vbp_rate_ppm, vbp_billed, requests_per_minute, tokens_per_minute, concurrency, agent_runs_per_5h, workbench) values
        ('free', 1, 0, 200000, false, 60, 100000, null, 3, false),
        ('early', 2, 0, 200000, true, 600, 1000000, null, 100, false),
        ('mid', 3, 500000000000000, 200000, true, 3000, 5000000, null, 1000, true),
        ('enterprise', 4, null, null, true, null, null, null, null, true);
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`drop table key_limits, customer_terms, tiers`);
  }
}
