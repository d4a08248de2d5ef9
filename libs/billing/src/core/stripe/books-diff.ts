/** One customer's books on one side: ours, or Stripe's. */
export interface CustomerBooks {
  readonly subscriptions: readonly { readonly id: string; readonly status: string; readonly priceId: string | null; readonly periodEnd: Date | null }[];
  readonly invoices: readonly { readonly id: string; readonly status: string; readonly totalCents: number; readonly paidCents: number }[];
  /** Invoice items that we asked for, or that say that we did. */
  readonly items: readonly { readonly id: string; readonly outboxId: string; readonly amountCents: bigint }[];
}

export type DifferenceKind =
  | 'customer_missing'
  | 'customer_deleted'
  | 'subscription_missing_here'
  | 'subscription_missing_at_stripe'
  | 'subscription_differs'
  | 'invoice_missing_here'
  | 'invoice_missing_at_stripe'
  | 'invoice_differs'
  | 'item_missing_at_stripe'
  | 'item_unknown_here'
  | 'item_twice'
  | 'item_differs'
  | 'invoice_not_in_ledger'
  | 'balance_differs'
  | 'payment_not_in_ledger'
  | 'payment_differs_in_ledger'
  | 'charge_stuck'
  | 'charge_refused'
  | 'event_stuck';

export interface BooksDifference {
  readonly kind: DifferenceKind;
  readonly objectId: string;
  readonly ours: string | null;
  readonly theirs: string | null;
}

/** Every difference between our picture of a customer and Stripe's own. */
export function compareBooks(ours: CustomerBooks, theirs: CustomerBooks): BooksDifference[] {
  const subscription = (s: CustomerBooks['subscriptions'][number]): string => `${s.status} ${s.priceId ?? '-'} until ${s.periodEnd?.toISOString() ?? '-'}`;
  const invoice = (i: CustomerBooks['invoices'][number]): string => `${i.status} ${i.totalCents} cents, ${i.paidCents} paid`;
  return [
    ...compare(ours.subscriptions, theirs.subscriptions, subscription, ['subscription_missing_here', 'subscription_missing_at_stripe', 'subscription_differs']),
    // A draft that was deleted at Stripe is gone there.
    ...compare(ours.invoices.filter(({ status }) => status !== 'deleted'), theirs.invoices, invoice, ['invoice_missing_here', 'invoice_missing_at_stripe', 'invoice_differs']),
    ...compareItems(ours.items, theirs.items),
  ];
}

function compare<T extends { readonly id: string }>(ours: readonly T[], theirs: readonly T[], tell: (one: T) => string, [missingHere, missingThere, differs]: readonly [DifferenceKind, DifferenceKind, DifferenceKind]): BooksDifference[] {
  const here = new Map(ours.map((one) => [one.id, tell(one)]));
  const there = new Map(theirs.map((one) => [one.id, tell(one)]));
  return [...new Set([...here.keys(), ...there.keys()])].sort().flatMap((id): BooksDifference[] => {
    const [our, their] = [here.get(id) ?? null, there.get(id) ?? null];
    if (our === their) return [];
    return [{ kind: our === null ? missingHere : their === null ? missingThere : differs, objectId: id, ours: our, theirs: their }];
  });
}

function compareItems(ours: CustomerBooks['items'], theirs: CustomerBooks['items']): BooksDifference[] {
  const found: BooksDifference[] = [];
  const byOutbox = Map.groupBy(theirs, ({ outboxId }) => outboxId);
  const tell = (item: { readonly id: string; readonly amountCents: bigint }): string => `${item.id} ${item.amountCents} cents`;
  for (const our of ours) {
    const there = byOutbox.get(our.outboxId) ?? [];
    byOutbox.delete(our.outboxId);
    const [first] = there;
    if (first === undefined) found.push({ kind: 'item_missing_at_stripe', objectId: our.outboxId, ours: tell(our), theirs: null });
    else if (there.length > 1) found.push({ kind: 'item_twice', objectId: our.outboxId, ours: tell(our), theirs: there.map(tell).join(', ') });
    else if (tell(first) !== tell(our)) found.push({ kind: 'item_differs', objectId: our.outboxId, ours: tell(our), theirs: tell(first) });
  }
  for (const [outboxId, there] of byOutbox) found.push({ kind: 'item_unknown_here', objectId: outboxId, ours: null, theirs: there.map(tell).join(', ') });
  return found;
}
