import { type EntityManager } from 'typeorm';
import { customerTermsColumns, tierColumns, TERMS_COLUMNS } from '../../adapters/directory-snapshot.js';
import { type CustomerTermsRow, type TermsRow } from '../core/terms.js';
import { customerTermsFrom, termsRowFrom } from './terms-rows.js';

export interface TierRow extends TermsRow {
  readonly name: string;
  readonly rank: number;
}

// As JSON, for the driver gives `bigint` as text and JSON gives it as the number that it is.
const asJson = (select: string): string => `select coalesce(jsonb_agg(r), '[]') as rows from (${select}) r`;

/** In their order. */
export async function readTiers(manager: EntityManager): Promise<TierRow[]> {
  const [{ rows }] = await manager.query<[{ rows: unknown[] }]>(asJson(`select name, rank, ${TERMS_COLUMNS} from tiers order by rank`));
  return rows.map((row) => {
    const { name, rank, ...terms } = tierColumns.parse(row);
    return { name, rank, ...termsRowFrom(terms) };
  });
}

/** null: nothing was agreed beside the tier. */
export async function readOwnTerms(manager: EntityManager, customerId: string): Promise<CustomerTermsRow | null> {
  const select = `select customer_id, ${TERMS_COLUMNS}, monthly_budget_microusd, platform_budget_microusd, billing_anchor_day from customer_terms where customer_id = $1`;
  const [{ rows }] = await manager.query<[{ rows: unknown[] }]>(asJson(select), [customerId]);
  return rows.length === 0 ? null : customerTermsFrom(customerTermsColumns.parse(rows[0]));
}

const COLUMNS = {
  platformFeePd: 'platform_fee_pd',
  vbpRatePpm: 'vbp_rate_ppm',
  vbpBilled: 'vbp_billed',
  requestsPerMinute: 'requests_per_minute',
  tokensPerMinute: 'tokens_per_minute',
  concurrency: 'concurrency',
  agentRunsPer5h: 'agent_runs_per_5h',
  workbench: 'workbench',
  monthlyBudgetMicroUsd: 'monthly_budget_microusd',
  platformBudgetMicroUsd: 'platform_budget_microusd',
  billingAnchorDay: 'billing_anchor_day',
} as const;

type Change = { readonly [name in keyof typeof COLUMNS]?: bigint | number | boolean | null | undefined };

/** `column = $n` for what is named, from `$first` on, and the values. */
export function changedColumns(change: Change, first: number): { sets: string[]; values: unknown[] } {
  const sets: string[] = [];
  const values: unknown[] = [];
  for (const name of Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]) {
    const value = change[name];
    if (value === undefined) continue;
    sets.push(`${COLUMNS[name]} = $${first + values.length}`);
    values.push(typeof value === 'bigint' ? String(value) : value);
  }
  return { sets, values };
}
