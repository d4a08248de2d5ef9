import { StripeFault } from './fault.js';
import { type Charge, type Invoice, type Item, type Line, type Metadata, type Price, type Store, type Subscription } from './objects.js';
import { type Renderer } from './render.js';

export const HOUR = 3_600;
export const DAY = 24 * HOUR;
/** Below it Stripe charges nothing and carries the amount on the customer's balance. */
const MINIMUM_CHARGE = 50;
/** When a failed payment is tried again, counted from the failure before; after the last one the subscription is cancelled. */
const RETRY_DAYS = [3, 5, 7];

/** How Stripe bills: invoices drafted, finalised and paid as the clock goes on. */
export class Billing {
  constructor(private readonly store: Store, private readonly render: Renderer) {}

  /** The next time at which something happens by itself. */
  nextEvent(): number | null {
    const times: number[] = [];
    for (const s of this.store.subscriptions.values()) if (['trialing', 'active', 'past_due'].includes(s.status)) times.push(s.end);
    for (const s of this.store.subscriptions.values()) if (s.status === 'trialing' && s.warnsAt !== null) times.push(s.warnsAt);
    for (const i of this.store.invoices.values()) {
      if (i.status === 'draft' && i.finalizesAt !== null) times.push(i.finalizesAt);
      if (i.status === 'open' && i.next_payment_attempt !== null) times.push(i.next_payment_attempt);
    }
    for (const s of this.store.sessions.values()) if (s.status === 'open') times.push(s.expires_at);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Does what is due now. */
  run(): void {
    const { now } = this.store;
    for (const session of this.store.sessions.values()) {
      if (session.status !== 'open' || session.expires_at > now) continue;
      session.status = 'expired';
      this.store.emit('checkout.session.expired', this.render.session(session));
    }
    for (const subscription of this.store.subscriptions.values()) {
      if (subscription.status !== 'trialing' || subscription.warnsAt === null || subscription.warnsAt > now) continue;
      subscription.warnsAt = null;
      this.store.emit('customer.subscription.trial_will_end', this.render.subscription(subscription));
    }
    for (const invoice of [...this.store.invoices.values()]) {
      if (invoice.status === 'draft' && invoice.finalizesAt !== null && invoice.finalizesAt <= now) this.finalize(invoice);
      if (invoice.status === 'open' && invoice.next_payment_attempt !== null && invoice.next_payment_attempt <= now) this.attempt(invoice);
    }
    for (const subscription of [...this.store.subscriptions.values()]) if (['trialing', 'active', 'past_due'].includes(subscription.status) && subscription.end <= now) this.renew(subscription);
  }

  subscribe(customer: string, price: Price, metadata: Metadata, trialDays: number): Subscription {
    const { store } = this;
    const trialEnd = trialDays > 0 ? store.now + trialDays * DAY : null;
    const subscription: Subscription = { id: store.id('sub'), item: store.id('si'), customer, price: price.id, status: trialEnd === null ? 'incomplete' : 'trialing', start: store.now, end: trialEnd ?? after(store.now, price), cancel_at_period_end: false, canceled_at: null, ended_at: null, trial_start: trialEnd === null ? null : store.now, trial_end: trialEnd, metadata, latest_invoice: null, created: store.now, anchor: trialEnd ?? store.now, warnsAt: trialEnd === null ? null : Math.max(store.now, trialEnd - 3 * DAY) };
    store.subscriptions.set(subscription.id, subscription);
    store.emit('customer.subscription.created', this.render.subscription(subscription));
    const invoice = this.draft({ customer, subscription, reason: 'subscription_create', lines: [this.periodLine(subscription, trialEnd === null ? price.unit_amount : 0)], items: this.pending(customer) });
    this.finalize(invoice);
    return subscription;
  }

  changePrice(subscription: Subscription, price: Price, proration: 'create_prorations' | 'none' | 'always_invoice'): void {
    const old = this.store.prices.get(subscription.price)!;
    const { now } = this.store;
    if (proration !== 'none' && subscription.status !== 'trialing' && old.id !== price.id) {
      const share = (subscription.end - now) / (subscription.end - subscription.start);
      const item = (amount: number, description: string): void => {
        this.addItem({ customer: subscription.customer, amount, currency: price.currency, description, metadata: {}, start: now, end: subscription.end, invoice: null, proration: true, subscription: subscription.id });
      };
      item(-Math.round(old.unit_amount * share), `Unused time on ${old.lookup_key ?? old.id}`);
      item(Math.round(price.unit_amount * share), `Remaining time on ${price.lookup_key ?? price.id}`);
    }
    subscription.price = price.id;
    if (proration === 'always_invoice' && subscription.status !== 'trialing' && old.id !== price.id) {
      this.finalize(this.draft({ customer: subscription.customer, subscription, reason: 'subscription_update', lines: [], items: this.pending(subscription.customer).filter((one) => one.proration) }));
    }
    this.changed(subscription);
  }

  cancel(subscription: Subscription): void {
    subscription.status = 'canceled';
    subscription.canceled_at ??= this.store.now;
    subscription.ended_at = this.store.now;
    this.store.emit('customer.subscription.deleted', this.render.subscription(subscription));
    for (const invoice of this.store.invoices.values()) {
      if (invoice.subscription !== subscription.id || !['draft', 'open'].includes(invoice.status)) continue;
      invoice.auto_advance = false;
      invoice.next_payment_attempt = null;
      invoice.finalizesAt = null;
    }
  }

  changed(subscription: Subscription): void {
    this.store.emit('customer.subscription.updated', this.render.subscription(subscription));
  }

  addItem(item: Omit<Item, 'id' | 'date'>): Item {
    const added: Item = { ...item, id: this.store.id('ii'), date: this.store.now };
    this.store.items.set(added.id, added);
    this.store.customers.get(item.customer)!.currency ??= item.currency;
    this.store.emit('invoiceitem.created', this.render.item(added));
    return added;
  }

  pending(customer: string): Item[] {
    return [...this.store.items.values()].filter((item) => item.customer === customer && item.invoice === null);
  }

  draft(wanted: { customer: string; subscription: Subscription | null; reason: string; lines: Line[]; items: Item[]; metadata?: Metadata; description?: string | null; autoAdvance?: boolean }): Invoice {
    const { store } = this;
    const invoice: Invoice = {
      id: store.id('in'), customer: wanted.customer, subscription: wanted.subscription?.id ?? null, billing_reason: wanted.reason, status: 'draft', number: null, currency: wanted.subscription === null ? (store.customers.get(wanted.customer)!.currency ?? 'usd') : store.prices.get(wanted.subscription.price)!.currency, lines: [...wanted.lines], auto_advance: wanted.autoAdvance ?? true, finalizesAt: (wanted.autoAdvance ?? true) ? store.now + HOUR : null, attempt_count: 0, next_payment_attempt: null,
      amount_paid: 0, starting_balance: 0, ending_balance: null, applied: 0, pre_payment_credit: 0, post_payment_credit: 0, metadata: wanted.metadata ?? {}, description: wanted.description ?? null, created: store.now, finalized_at: null, paid_at: null, voided_at: null, uncollectible_at: null, charge: null, period_start: wanted.subscription?.start ?? store.now, period_end: store.now, problem: null,
    };
    for (const item of wanted.items) {
      item.invoice = invoice.id;
      invoice.lines.push({ id: store.id('il'), amount: item.amount, description: item.description, item: item.id, subscription: item.subscription, price: null, metadata: item.metadata, start: item.start, end: item.end, proration: item.proration });
    }
    store.invoices.set(invoice.id, invoice);
    if (wanted.subscription !== null) wanted.subscription.latest_invoice = invoice.id;
    store.emit('invoice.created', this.render.invoice(invoice));
    return invoice;
  }

  finalize(invoice: Invoice): void {
    const { store } = this;
    const customer = store.customers.get(invoice.customer)!;
    const total = invoice.lines.reduce((sum, line) => sum + line.amount, 0);
    invoice.problem = customer.unbillable;
    if (invoice.problem !== null) {
      invoice.finalizesAt = null;
      store.emit('invoice.finalization_failed', this.render.invoice(invoice));
      return;
    }
    invoice.status = 'open';
    invoice.finalizesAt = null;
    invoice.finalized_at = store.now;
    invoice.number = `APEX-${store.id('no').slice(-6)}`;
    invoice.starting_balance = customer.balance;
    // A credit of the customer's pays first; what they owe from before is added.
    invoice.applied = total < 0 ? total : Math.min(total, -customer.balance);
    customer.balance += invoice.applied;
    const due = total - invoice.applied;
    if (due > 0 && due < MINIMUM_CHARGE) {
      customer.balance += due;
      invoice.applied += due;
    }
    invoice.ending_balance = customer.balance;
    store.emit('invoice.finalized', this.render.invoice(invoice));
    if (total - invoice.applied <= 0) this.settle(invoice);
    else if (invoice.auto_advance) this.attempt(invoice);
  }

  /** @returns whether the bank paid */
  attempt(invoice: Invoice): boolean {
    const { store } = this;
    const customer = store.customers.get(invoice.customer)!;
    invoice.attempt_count += 1;
    invoice.next_payment_attempt = null;
    if (customer.card === 'pays') {
      const amount = invoice.lines.reduce((sum, line) => sum + line.amount, 0) - invoice.applied - invoice.pre_payment_credit;
      const charge: Charge = { id: store.id('ch'), payment_intent: store.id('pi'), customer: customer.id, amount, amount_refunded: 0, invoice: invoice.id, disputed: false, created: store.now };
      store.charges.set(charge.id, charge);
      invoice.charge = charge.id;
      invoice.amount_paid = amount;
      this.settle(invoice);
      return true;
    }
    const subscription = invoice.subscription === null ? null : store.subscriptions.get(invoice.subscription)!;
    const pause = RETRY_DAYS[invoice.attempt_count - 1];
    if (invoice.auto_advance && pause !== undefined && subscription?.status !== 'incomplete') invoice.next_payment_attempt = store.now + pause * DAY;
    store.emit('invoice.payment_failed', this.render.invoice(invoice));
    if (customer.card === 'asks') store.emit('invoice.payment_action_required', this.render.invoice(invoice));
    if (subscription !== null && subscription.status === 'active') {
      subscription.status = 'past_due';
      this.changed(subscription);
    }
    if (subscription !== null && subscription.status === 'past_due' && pause === undefined) this.cancel(subscription);
    return false;
  }

  void(invoice: Invoice): void {
    if (invoice.status !== 'open' && invoice.status !== 'uncollectible') throw new StripeFault(400, 'invalid_request_error', 'You can only pass in open invoices.');
    invoice.status = 'void';
    invoice.voided_at = this.store.now;
    invoice.next_payment_attempt = null;
    // What was set off against the customer's balance goes back to it.
    this.store.customers.get(invoice.customer)!.balance -= invoice.applied;
    this.store.emit('invoice.voided', this.render.invoice(invoice));
    this.recover(invoice);
  }

  markUncollectible(invoice: Invoice): void {
    if (invoice.status !== 'open') throw new StripeFault(400, 'invalid_request_error', 'You can only pass in open invoices.');
    invoice.status = 'uncollectible';
    invoice.uncollectible_at = this.store.now;
    invoice.next_payment_attempt = null;
    this.store.emit('invoice.marked_uncollectible', this.render.invoice(invoice));
  }

  settle(invoice: Invoice): void {
    invoice.status = 'paid';
    invoice.paid_at = this.store.now;
    invoice.next_payment_attempt = null;
    this.store.emit('invoice.paid', this.render.invoice(invoice));
    this.recover(invoice);
  }

  private recover(invoice: Invoice): void {
    const subscription = invoice.subscription === null ? null : this.store.subscriptions.get(invoice.subscription)!;
    if (subscription === null || !['past_due', 'incomplete', 'unpaid'].includes(subscription.status)) return;
    if ([...this.store.invoices.values()].some((one) => one.subscription === subscription.id && one.status === 'open')) return;
    subscription.status = 'active';
    this.changed(subscription);
  }

  private renew(subscription: Subscription): void {
    if (subscription.cancel_at_period_end) return this.cancel(subscription);
    const price = this.store.prices.get(subscription.price)!;
    if (subscription.status === 'trialing') subscription.status = 'active';
    subscription.start = subscription.end;
    subscription.end = after(subscription.start, price);
    this.changed(subscription);
    this.draft({ customer: subscription.customer, subscription, reason: 'subscription_cycle', lines: [this.periodLine(subscription, price.unit_amount)], items: this.pending(subscription.customer) });
  }

  private periodLine(subscription: Subscription, amount: number): Line {
    const price = this.store.prices.get(subscription.price)!;
    return { id: this.store.id('il'), amount, description: `1 × ${price.nickname ?? price.lookup_key ?? price.id}`, item: null, subscription: subscription.id, price: price.id, metadata: {}, start: subscription.start, end: subscription.end, proration: false };
  }
}

/** The end of a period that begins here: calendar months, the day clipped to the month's last. */
function after(start: number, price: Price): number {
  if (price.interval === 'day' || price.interval === 'week') return start + DAY * (price.interval === 'day' ? 1 : 7) * price.interval_count;
  const from = new Date(start * 1_000);
  const months = price.interval === 'month' ? price.interval_count : 12 * price.interval_count;
  const end = new Date(from);
  end.setUTCDate(1);
  end.setUTCMonth(end.getUTCMonth() + months);
  const last = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  end.setUTCDate(Math.min(from.getUTCDate(), last));
  return end.getTime() / 1_000;
}
