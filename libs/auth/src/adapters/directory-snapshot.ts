import { type DataSource } from 'typeorm';
import { z } from 'zod';
import { SCOPES } from '../core/scopes.js';

const epochMs = z.number().nullable();

const customerRow = z.object({ id: z.string(), tier: z.string(), platform_keys: z.boolean(), suspended: z.boolean() });
const keyRow = z.object({ id: z.string(), customer_id: z.string(), hash: z.string(), scopes: z.array(z.enum(SCOPES)), expires_ms: epochMs, revoked: z.boolean() });
const providerKeyRow = z.object({ id: z.string(), customer_id: z.string().nullable(), provider: z.string(), ciphertext: z.string(), revoked: z.boolean() });

const whole = z.number().nullable();
const termsRow = {
  platform_fee_pd: z.string().nullable(),
  vbp_rate_ppm: whole,
  vbp_billed: z.boolean().nullable(),
  requests_per_minute: whole,
  tokens_per_minute: whole,
  concurrency: whole,
  agent_runs_per_5h: whole,
  workbench: z.boolean().nullable(),
};
export const tierColumns = z.object({ name: z.string(), rank: z.number(), ...termsRow });
export const customerTermsColumns = z.object({ customer_id: z.string(), ...termsRow, monthly_budget_microusd: whole, platform_budget_microusd: whole, billing_anchor_day: z.number() });
const keyLimitsRow = z.object({ key_id: z.string(), meter_id: z.string(), requests_per_minute: whole, tokens_per_minute: whole, concurrency: whole, monthly_budget_microusd: whole });

const changesSchema = z.object({
  boundary: z.string(),
  tiers: z.array(tierColumns),
  customer_terms: z.array(customerTermsColumns),
  key_limits: z.array(keyLimitsRow),
  customers: z.array(customerRow),
  keys: z.array(keyRow),
  provider_keys: z.array(providerKeyRow),
});

export type ProviderKeyRow = z.output<typeof providerKeyRow>;
export type TermsColumns = z.output<typeof tierColumns>;
export type CustomerTermsColumns = z.output<typeof customerTermsColumns>;
export type KeyLimitsColumns = z.output<typeof keyLimitsRow>;
export type DirectoryChanges = z.output<typeof changesSchema>;

/** The boundary before which nothing is known: every row is a change. */
export const BEGINNING = '0';

/**
 * Every row written by a transaction at or after `boundary`, and the boundary for the next time, in one statement and
 * therefore one snapshot.
 *
 * A row's `change_xid` is the transaction that wrote it. `xmin` of a snapshot is the oldest transaction still running
 * in it: whatever lies before had ended and was seen. A transaction that took its id early and commits late has an id
 * at or after that xmin, so the next look finds it. Rows in between are seen twice, which does no harm.
 */
export async function readChanges(dataSource: DataSource, boundary: string): Promise<DirectoryChanges> {
  const rows = (await dataSource.query(CHANGES, [boundary])) as unknown[];
  return changesSchema.parse(rows[0]);
}

/** What tiers and customers' terms have in common. */
export const TERMS_COLUMNS = 'platform_fee_pd::text as platform_fee_pd, vbp_rate_ppm, vbp_billed, requests_per_minute, tokens_per_minute, concurrency, agent_runs_per_5h, workbench';

const CHANGES = `
  select
    pg_snapshot_xmin(pg_current_snapshot())::text as boundary,
    (select coalesce(jsonb_agg(r), '[]') from (
      select name, rank, ${TERMS_COLUMNS} from tiers where change_xid >= $1::bigint) r) as tiers,
    (select coalesce(jsonb_agg(r), '[]') from (
      select customer_id, ${TERMS_COLUMNS}, monthly_budget_microusd, platform_budget_microusd, billing_anchor_day from customer_terms where change_xid >= $1::bigint) r) as customer_terms,
    (select coalesce(jsonb_agg(r), '[]') from (
      select key_id, meter_id, requests_per_minute, tokens_per_minute, concurrency, monthly_budget_microusd from key_limits where change_xid >= $1::bigint) r) as key_limits,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, tier, platform_keys, suspended_at is not null as suspended from customers where change_xid >= $1::bigint) r) as customers,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, customer_id, encode(hash, 'hex') as hash, scopes, floor(extract(epoch from expires_at) * 1000)::bigint as expires_ms,
        revoked_at is not null as revoked
      from api_keys where change_xid >= $1::bigint) r) as keys,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, customer_id, provider, translate(encode(ciphertext, 'base64'), E'\\n', '') as ciphertext, revoked_at is not null as revoked
      from provider_keys where change_xid >= $1::bigint) r) as provider_keys`;
