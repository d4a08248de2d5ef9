const DAY_MS = 86_400_000;

/** How long an unpaid customer keeps the tier: first while Stripe tries again, then as a grace. Then it is `free`. */
export const PAST_DUE_DAYS = 7;
export const GRACE_DAYS = 7;

/**
 * - `none`: no subscription was ever begun; the tier is the operator's business.
 * - `past_due`, then `grace`: a payment failed; nothing is taken away yet.
 * - `lapsed`: the grace is over, the tier is `free` until somebody pays.
 * - `ended`: cancelled.
 */
export const STANDINGS = ['none', 'trialing', 'active', 'past_due', 'grace', 'lapsed', 'ended'] as const;
export type Standing = (typeof STANDINGS)[number];

export type Attention = 'unknown_price' | 'foreign_currency' | 'several_subscriptions' | 'customer_deleted' | 'disputed' | 'unpaid_invoice' | 'amount_differs';

export interface KnownSubscription {
  readonly id: string;
  readonly status: string;
  /** Null for a price that is none of ours, or of a tier that is no more. */
  readonly tier: string | null;
  readonly currency: string;
  readonly createdAt: Date;
  readonly periodStart: Date | null;
}

export interface KnownInvoice {
  readonly status: string;
  readonly attempts: number;
  readonly finalizedAt: Date | null;
}

export interface Facts {
  readonly subscriptions: readonly KnownSubscription[];
  readonly invoices: readonly KnownInvoice[];
  readonly customerDeleted: boolean;
  readonly disputed: boolean;
  readonly amountDiffers: boolean;
}

export interface DerivedStanding {
  readonly standing: Standing;
  /** The tier that follows; null where Stripe's word does not say, and what there is stays. */
  readonly tier: string | null;
  readonly pastDueSince: Date | null;
  readonly graceFrom: Date | null;
  readonly graceUntil: Date | null;
  /** What a person should look at. */
  readonly attention: readonly Attention[];
}

/** The better one speaks for a customer who has several. */
const RANK = ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'];
const ENDED = new Set(['canceled', 'incomplete_expired']);

/**
 * What follows from what Stripe last said. It depends on the facts and the time alone, not on the order in which the
 * facts became known.
 */
export function deriveStanding(facts: Facts, now: number): DerivedStanding {
  const live = facts.subscriptions.filter(({ status }) => !ENDED.has(status)).sort((a, b) => RANK.indexOf(a.status) - RANK.indexOf(b.status) || b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  const [current] = live;
  const unpaid = unpaidSince(facts.invoices);
  const attention: Attention[] = [];
  if (facts.customerDeleted) attention.push('customer_deleted');
  if (facts.disputed) attention.push('disputed');
  if (facts.amountDiffers) attention.push('amount_differs');
  if (live.filter(({ status }) => status !== 'incomplete').length > 1) attention.push('several_subscriptions');
  const nothingDue = { pastDueSince: null, graceFrom: null, graceUntil: null };

  if (current === undefined || current.status === 'incomplete') {
    if (unpaid !== null && current === undefined) attention.push('unpaid_invoice');
    const ended = facts.subscriptions.some(({ status }) => status === 'canceled');
    return { standing: ended ? 'ended' : 'none', tier: ended ? 'free' : null, ...nothingDue, attention };
  }
  const priced = current.currency === 'usd' && current.tier !== null;
  if (current.currency !== 'usd') attention.push('foreign_currency');
  else if (current.tier === null) attention.push('unknown_price');
  switch (current.status) {
    case 'active':
    case 'trialing':
      if (unpaid !== null) attention.push('unpaid_invoice');
      return { standing: current.status, tier: priced ? current.tier : null, ...nothingDue, attention };
    case 'past_due':
    case 'unpaid': {
      const since = unpaid ?? current.periodStart ?? current.createdAt;
      const graceFrom = new Date(since.getTime() + PAST_DUE_DAYS * DAY_MS);
      const graceUntil = new Date(graceFrom.getTime() + GRACE_DAYS * DAY_MS);
      const standing = now < graceFrom.getTime() ? 'past_due' : now < graceUntil.getTime() ? 'grace' : 'lapsed';
      return { standing, tier: standing === 'lapsed' ? 'free' : priced ? current.tier : null, pastDueSince: since, graceFrom, graceUntil, attention };
    }
    default:
      // `paused`: a trial that ended without a way to pay. Also what Stripe may yet invent: nothing is owed, nothing is given.
      return { standing: 'lapsed', tier: 'free', ...nothingDue, attention };
  }
}

/** Since when something is owed that the bank has refused. */
function unpaidSince(invoices: readonly KnownInvoice[]): Date | null {
  const times = invoices.filter(({ status, attempts, finalizedAt }) => (status === 'open' || status === 'uncollectible') && attempts > 0 && finalizedAt !== null).map(({ finalizedAt }) => finalizedAt!.getTime());
  return times.length === 0 ? null : new Date(Math.min(...times));
}
