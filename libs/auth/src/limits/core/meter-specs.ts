import { type Spender } from '../ports/spend-book.js';
import { type BillingMonth } from './billing-month.js';
import { type KeyTerms, type Limits } from './limits.js';
import { type MeterSpec } from './meter.js';

/** Every meter that a key's requests count on: the customer's, then the key's. A limit that is none has no meter. */
export function meterSpecs(terms: KeyTerms, month: BillingMonth, withKey: boolean): MeterSpec[] {
  const anchorDay = terms.billingAnchorDay;
  const common = { month: null, endsAt: null, anchorDay, meterId: null };
  const platform = terms.platformBudgetMicroUsd;
  return [
    ...specsOf(terms.customer, null, month, anchorDay),
    ...(platform === null ? [] : [{ ...common, id: `platform:budget:${month.name}`, name: 'platform_budget' as const, scope: 'customer' as const, kind: 'total' as const, limit: platform, month, endsAt: month.to }]),
    ...(withKey ? specsOf(terms.key, terms.meterId, month, anchorDay) : []),
  ];
}

function specsOf(limits: Limits, meterId: string | null, month: BillingMonth, anchorDay: number): MeterSpec[] {
  const scope = meterId === null ? 'customer' : 'key';
  const of = meterId === null ? 'customer' : `key:${meterId}`;
  const common = { scope, meterId, anchorDay, month: null, endsAt: null } as const;
  const specs: MeterSpec[] = [];
  const { requestsPerMinute, tokensPerMinute, concurrency, monthlyBudgetMicroUsd } = limits;
  if (requestsPerMinute !== null) specs.push({ ...common, id: `${of}:requests`, name: 'requests', kind: 'window', limit: requestsPerMinute });
  if (tokensPerMinute !== null) specs.push({ ...common, id: `${of}:tokens`, name: 'tokens', kind: 'window', limit: tokensPerMinute });
  if (concurrency !== null) specs.push({ ...common, id: `${of}:concurrency`, name: 'concurrency', kind: 'gauge', limit: concurrency });
  if (monthlyBudgetMicroUsd !== null) specs.push({ ...common, id: `${of}:budget:${month.name}`, name: 'budget', kind: 'total', limit: monthlyBudgetMicroUsd, month, endsAt: month.to });
  return specs;
}

/** Counts the requests that a limit would have refused. Nothing limits it. */
export const wouldSpec = ({ id, name, scope, meterId, anchorDay }: MeterSpec, month: BillingMonth): MeterSpec => ({
  id: `would:${name === 'budget' || name === 'platform_budget' ? id : `${id}:${month.name}`}`,
  name,
  scope,
  meterId,
  anchorDay,
  kind: 'total',
  limit: Number.MAX_SAFE_INTEGER,
  month: null,
  endsAt: month.to,
});

export function spenderOf({ name, meterId }: MeterSpec): Spender {
  if (name === 'platform_budget') return { kind: 'platform' };
  return meterId === null ? { kind: 'customer' } : { kind: 'key', meterId };
}
