import { type EntityManager } from 'typeorm';
import { z } from 'zod';
import { type Limits, NO_LIMITS } from '../core/limits.js';

// Counts fit a number exactly; the driver gives them as text.
const count = z.string().nullable().transform((text) => (text === null ? null : Number(text)));
const rowSchema = z.object({ key_id: z.string(), requests_per_minute: count, tokens_per_minute: count, concurrency: count, monthly_budget_microusd: count });

/** The limits of those keys that ever had any. */
export async function readKeyLimits(manager: EntityManager, keyIds: readonly string[]): Promise<ReadonlyMap<string, Limits>> {
  if (keyIds.length === 0) return new Map();
  const rows = await manager.query<unknown[]>('select * from key_limits where key_id = any($1::uuid[])', [keyIds]);
  return new Map(
    rows.map((row) => {
      const { key_id: id, requests_per_minute: requestsPerMinute, tokens_per_minute: tokensPerMinute, concurrency, monthly_budget_microusd: monthlyBudgetMicroUsd } = rowSchema.parse(row);
      return [id, { requestsPerMinute, tokensPerMinute, concurrency, monthlyBudgetMicroUsd }];
    }),
  );
}

export async function writeKeyLimits(manager: EntityManager, keyId: string, limits: Limits): Promise<void> {
  await manager.query(
    `insert into key_limits (key_id, meter_id, requests_per_minute, tokens_per_minute, concurrency, monthly_budget_microusd) values ($1, $1, $2, $3, $4, $5)
     on conflict (key_id) do update set requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute,
       concurrency = excluded.concurrency, monthly_budget_microusd = excluded.monthly_budget_microusd`,
    [keyId, limits.requestsPerMinute, limits.tokensPerMinute, limits.concurrency, limits.monthlyBudgetMicroUsd],
  );
}

/** The successor counts on the same meters: rotating a key is no way to a fresh budget. */
export async function inheritKeyLimits(manager: EntityManager, from: string, to: string): Promise<void> {
  await manager.query('insert into key_limits (key_id, meter_id) values ($1, $1) on conflict do nothing', [from]);
  await manager.query(
    `insert into key_limits (key_id, meter_id, requests_per_minute, tokens_per_minute, concurrency, monthly_budget_microusd)
     select $2, meter_id, requests_per_minute, tokens_per_minute, concurrency, monthly_budget_microusd from key_limits where key_id = $1`,
    [from, to],
  );
}

export const limitsOf = (known: ReadonlyMap<string, Limits>, keyId: string): Limits => known.get(keyId) ?? NO_LIMITS;
