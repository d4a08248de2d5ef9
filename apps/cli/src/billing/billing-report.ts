/** `GET /api/admin/customers/:id/billing`, as far as it is shown. Amounts in cents, as decimal strings. */
export interface BillingState {
  readonly customerId: string;
  readonly name: string;
  readonly tier: string;
  readonly billed: boolean;
  readonly stripe: { readonly mode: string; readonly customer: string | null };
  readonly standing: string;
  readonly dunning: { readonly since: string; readonly graceFrom: string; readonly freeFrom: string } | null;
  readonly attention: readonly string[];
  readonly subscription: { readonly id: string; readonly status: string; readonly tier: string | null; readonly periodStart: string | null; readonly periodEnd: string | null; readonly endsAt: string | null; readonly trialEnd: string | null } | null;
  readonly invoices: readonly { readonly number: string | null; readonly id: string; readonly status: string; readonly currency: string; readonly totalCents: string; readonly paidCents: string; readonly createdAt: string; readonly nextPaymentAttempt: string | null; readonly problem: string | null; readonly url: string | null }[];
  readonly charges: readonly { readonly label: string; readonly amountCents: string; readonly periodStart: string; readonly periodEnd: string; readonly state: string; readonly problem: string | null; readonly invoice: string | null }[];
}

const STANDINGS: Readonly<Record<string, string>> = {
  none: 'has never subscribed',
  trialing: 'on trial',
  active: 'pays',
  past_due: 'a payment failed; Stripe tries again',
  grace: 'a payment failed; on grace',
  lapsed: 'has not paid; on the free tier until it is',
  ended: 'has cancelled',
};

const ATTENTION: Readonly<Record<string, string>> = {
  unknown_price: 'the subscription has a price that stands for no tier of ours',
  foreign_currency: 'the subscription is not in US dollars',
  several_subscriptions: 'there are several subscriptions at once',
  customer_deleted: 'the account was deleted in Stripe; a checkout makes a new one',
  disputed: 'a payment is disputed',
  unpaid_invoice: 'an invoice is unpaid',
  amount_differs: 'an invoice has another amount for a charge than we asked for',
};

const LABELS: Readonly<Record<string, string>> = { vbp: 'share of savings', bvm: 'workbench', passthrough: 'provider usage', credit: 'credit' };

const CHARGES: Readonly<Record<string, string>> = { pending: 'waits', sending: 'is being sent', unknown: 'is being looked for at Stripe', sent: 'waits for the next invoice', refused: 'REFUSED', waived: 'waived' };

/** What a person wants to know of a customer's billing, in lines. */
export function billingReport(state: BillingState): string {
  const lines: string[] = [`${state.name} (${state.customerId})`, `  Tier       ${state.tier}`, `  Standing   ${STANDINGS[state.standing] ?? state.standing}`];
  if (state.dunning !== null) lines.push(`             unpaid since ${day(state.dunning.since)}, grace from ${day(state.dunning.graceFrom)}, free tier from ${day(state.dunning.freeFrom)}`);
  lines.push(`  Stripe     ${state.stripe.mode === 'off' ? 'not configured' : `${state.stripe.mode} mode, ${state.stripe.customer ?? 'no account yet'}`}`);
  if (!state.billed) lines.push('             billing_enabled is off: charges are computed and wait');
  const { subscription } = state;
  if (subscription !== null) {
    lines.push(`  Subscribed ${subscription.tier ?? 'to an unknown price'}, ${subscription.status}, ${day(subscription.periodStart)} to ${day(subscription.periodEnd)} (${subscription.id})`);
    if (subscription.endsAt !== null) lines.push(`             ${subscription.status === 'canceled' ? 'ended' : 'ends'} ${day(subscription.endsAt)}`);
    else if (subscription.status === 'trialing') lines.push(`             on trial until ${day(subscription.trialEnd)}`);
  }
  for (const one of state.attention) lines.push(`  ATTENTION  ${ATTENTION[one] ?? one}`);
  if (state.charges.length > 0) lines.push('', 'Charges of statements', ...state.charges.map(chargeLine));
  if (state.invoices.length > 0) lines.push('', 'Invoices', ...state.invoices.flatMap(invoiceLines));
  return lines.join('\n');
}

function chargeLine(charge: BillingState['charges'][number]): string {
  const where = charge.invoice !== null ? `on invoice ${charge.invoice}` : (CHARGES[charge.state] ?? charge.state);
  return `  ${day(charge.periodStart)} to ${day(charge.periodEnd)}  ${(LABELS[charge.label] ?? charge.label).padEnd(16)}  ${money(charge.amountCents, 'usd').padStart(12)}  ${where}${charge.problem === null ? '' : `: ${charge.problem}`}`;
}

function invoiceLines(invoice: BillingState['invoices'][number]): string[] {
  const paid = invoice.status === 'open' && invoice.paidCents !== '0' ? `, ${money(invoice.paidCents, invoice.currency)} paid` : '';
  const next = invoice.nextPaymentAttempt === null ? '' : `, next attempt ${day(invoice.nextPaymentAttempt)}`;
  const lines = [`  ${day(invoice.createdAt)}  ${(invoice.number ?? invoice.id).padEnd(16)}  ${money(invoice.totalCents, invoice.currency).padStart(12)}  ${invoice.status}${paid}${next}`];
  if (invoice.problem !== null) lines.push(`              ${invoice.problem}`);
  if (invoice.status === 'open' && invoice.url !== null) lines.push(`              to be paid at ${invoice.url}`);
  return lines;
}

const day = (instant: string | null): string => instant?.slice(0, 10) ?? 'no date';

function money(cents: string, currency: string): string {
  const sign = cents.startsWith('-') ? '-' : '';
  const digits = cents.replace('-', '').padStart(3, '0');
  const amount = `${digits.slice(0, -2)}.${digits.slice(-2)}`;
  return currency === 'usd' ? `${sign}$${amount}` : `${sign}${amount} ${currency.toUpperCase()}`;
}
