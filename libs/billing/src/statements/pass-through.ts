import { firstIdAt } from '@apex/common';
import { type EntityManager } from 'typeorm';
import { type BillingPeriod } from '../core/statements/billing-period.js';
import { type PassThroughPeriod, type StatementDocument } from '../core/statements/statement.types.js';

/** Earlier periods that are added up again: what was recorded late, or settled by a reconciliation. */
const EARLIER_PERIODS = 2;

/**
 * Calls upstream that the platform's keys paid. Of attempts from before that was recorded with them ($4: these too): those
 * made while the customer had no key of their own for the provider.
 */
const PLATFORM_CALLS = `
  select a.provider, coalesce(a.model, '') as model, count(*)::int as attempts, sum(a.cost_pd + coalesce(j.cost_pd, 0))::text as cost
  from usage_records u
    join attempts a on a.request_id = u.request_id
    left join usage_adjustments j on j.attempt_id = a.attempt_id
  where u.customer_id = $1 and u.request_id >= $2 and u.request_id < $3
    and (a.key_owner = 'platform' or ($4 and a.key_owner is null and not exists (
      select from provider_keys k where k.customer_id = $1 and k.provider = a.provider and k.created_at <= a.started_at and (k.revoked_at is null or k.revoked_at > a.started_at))))
  group by 1, 2 having sum(a.cost_pd + coalesce(j.cost_pd, 0)) <> 0 order by 1, 2`;

/** What a period's calls with the platform's keys cost, and what was learned since about the periods just before it. */
export async function passThroughOf(manager: EntityManager, customerId: string, period: BillingPeriod, previous: StatementDocument | null): Promise<PassThroughPeriod[]> {
  const [customer] = await manager.query<Array<{ platform_keys: boolean }>>('select platform_keys from customers where id = $1', [customerId]);
  const before = (previous?.passThrough ?? []).slice(-EARLIER_PERIODS);
  // Who may not use the platform's keys, and did not, had a key of their own that has been forgotten.
  const inferred = customer?.platform_keys === true || before.some(({ lines }) => lines.length > 0);
  const added = async (start: string, end: string, stated: string): Promise<PassThroughPeriod> => ({ periodStart: start, periodEnd: end, statedPicodollars: stated, lines: await platformCalls(manager, customerId, { start, end }, inferred) });
  const periods: PassThroughPeriod[] = [];
  for (const one of before) periods.push(await added(one.periodStart, one.periodEnd, String(one.lines.reduce((sum, line) => sum + BigInt(line.costPicodollars), 0n))));
  periods.push(await added(period.start.toISOString(), period.end.toISOString(), '0'));
  return periods.every(({ lines, statedPicodollars }) => lines.length === 0 && statedPicodollars === '0') ? [] : periods;
}

/** @param inferred attempts too of which nobody recorded whose key it was */
export async function platformCalls(manager: EntityManager, customerId: string, { start, end }: { readonly start: string; readonly end: string }, inferred = true): Promise<PassThroughPeriod['lines']> {
  const rows = await manager.query<Array<{ provider: string; model: string; attempts: number; cost: string }>>(PLATFORM_CALLS, [customerId, firstIdAt(Date.parse(start)), firstIdAt(Date.parse(end)), inferred]);
  return rows.map(({ provider, model, attempts, cost }) => ({ provider, model, attempts, costPicodollars: cost }));
}
