import { type DataSource } from 'typeorm';
import { z } from 'zod';
import { SCOPES } from '../core/scopes.js';

const epochMs = z.number().nullable();

const customerRow = z.object({ id: z.string(), tier: z.string(), platform_keys: z.boolean(), suspended: z.boolean() });
const keyRow = z.object({ id: z.string(), customer_id: z.string(), hash: z.string(), scopes: z.array(z.enum(SCOPES)), expires_ms: epochMs, revoked: z.boolean() });
const providerKeyRow = z.object({ id: z.string(), customer_id: z.string().nullable(), provider: z.string(), ciphertext: z.string(), revoked: z.boolean() });

const changesSchema = z.object({
  boundary: z.string(),
  customers: z.array(customerRow),
  keys: z.array(keyRow),
  provider_keys: z.array(providerKeyRow),
});

export type ProviderKeyRow = z.output<typeof providerKeyRow>;
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

const CHANGES = `
  select
    pg_snapshot_xmin(pg_current_snapshot())::text as boundary,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, tier, platform_keys, suspended_at is not null as suspended from customers where change_xid >= $1::bigint) r) as customers,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, customer_id, encode(hash, 'hex') as hash, scopes, floor(extract(epoch from expires_at) * 1000)::bigint as expires_ms,
        revoked_at is not null as revoked
      from api_keys where change_xid >= $1::bigint) r) as keys,
    (select coalesce(jsonb_agg(r), '[]') from (
      select id, customer_id, provider, translate(encode(ciphertext, 'base64'), E'\\n', '') as ciphertext, revoked_at is not null as revoked
      from provider_keys where change_xid >= $1::bigint) r) as provider_keys`;
