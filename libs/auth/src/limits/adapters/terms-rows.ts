import { type CustomerTermsColumns, type KeyLimitsColumns, type TermsColumns } from '../../adapters/directory-snapshot.js';
import { type Limits } from '../core/limits.js';
import { type CustomerTermsRow, type TermsRow } from '../core/terms.js';

/** Columns of `tiers` and `customer_terms`, as `directory-snapshot.ts` reads them. */
export const termsRowFrom = (row: Omit<TermsColumns, 'name' | 'rank'>): TermsRow => ({
  platformFeePd: row.platform_fee_pd === null ? null : BigInt(row.platform_fee_pd),
  vbpRatePpm: row.vbp_rate_ppm,
  vbpBilled: row.vbp_billed,
  requestsPerMinute: row.requests_per_minute,
  tokensPerMinute: row.tokens_per_minute,
  concurrency: row.concurrency,
  agentRunsPer5h: row.agent_runs_per_5h,
  workbench: row.workbench,
});

export const customerTermsFrom = (row: Omit<CustomerTermsColumns, 'customer_id'>): CustomerTermsRow => ({
  ...termsRowFrom(row),
  monthlyBudgetMicroUsd: row.monthly_budget_microusd,
  platformBudgetMicroUsd: row.platform_budget_microusd,
  billingAnchorDay: row.billing_anchor_day,
});

export const keyLimitsFrom = (row: KeyLimitsColumns): Limits & { readonly meterId: string } => ({
  meterId: row.meter_id,
  requestsPerMinute: row.requests_per_minute,
  tokensPerMinute: row.tokens_per_minute,
  concurrency: row.concurrency,
  monthlyBudgetMicroUsd: row.monthly_budget_microusd,
});
