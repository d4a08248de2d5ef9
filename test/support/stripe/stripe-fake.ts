import { Billing } from './billing.js';
import { type Customer, type Dispute, Store, type StripeEvent, type Subscription } from './objects.js';
import { operations } from './operations.js';
import { Renderer } from './render.js';
import { StripeServer } from './server.js';

export { DAY, HOUR } from './billing.js';
export { post, seeded, shuffledWithDuplicates, signed } from './webhooks.js';
export { type StripeEvent } from './objects.js';
export { type Trouble } from './server.js';

/**
 * One Stripe account that remembers: objects, idempotency keys, a clock that stands until it is moved and then renews
 * subscriptions, finalises invoices and asks banks for money. It refuses what Stripe refuses, unknown parameters first.
 */
export class StripeFake {
  private constructor(
    readonly store: Store,
    readonly server: StripeServer,
    private readonly billing: Billing,
    private readonly render: Renderer,
    readonly key: string,
  ) {}

  /** @param now seconds since the epoch */
  static async start({ now = Date.UTC(2026, 0, 1) / 1_000, key = 'sk_test_fake' }: { now?: number; key?: string } = {}): Promise<StripeFake> {
    const store = new Store(key.includes('_live_'), now);
    const render = new Renderer(store, () => server.url);
    const billing = new Billing(store, render);
    const server: StripeServer = new StripeServer(operations(store, billing, render), key);
    await server.listen();
    return new StripeFake(store, server, billing, render, key);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  get url(): string {
    return this.server.url;
  }

  get now(): number {
    return this.store.now;
  }

  get events(): readonly StripeEvent[] {
    return this.store.events;
  }

  /** Goes on to this time, stopping wherever something happens on the way. */
  advanceTo(time: number): void {
    for (let next = this.billing.nextEvent(); next !== null && next <= time; next = this.billing.nextEvent()) {
      this.store.now = Math.max(this.store.now, next);
      this.billing.run();
    }
    this.store.now = time;
  }

  advance(seconds: number): void {
    this.advanceTo(this.now + seconds);
  }

  /** What the customer's bank says from now on. */
  setCard(customer: string, card: Customer['card']): void {
    this.store.customers.get(customer)!.card = card;
  }

  /** The customer fills in Stripe's page, with a card that pays. */
  completeCheckout(id: string): Subscription {
    const session = this.store.sessions.get(id)!;
    if (session.status !== 'open') throw new Error(`session ${id} is ${session.status}`);
    if (session.collects) this.setCard(session.customer, 'pays');
    const subscription = this.billing.subscribe(session.customer, this.store.prices.get(session.price)!, session.subscriptionMetadata, session.trialDays);
    session.status = 'complete';
    session.subscription = subscription.id;
    this.store.emit('checkout.session.completed', this.render.session(session));
    return subscription;
  }

  /** The customer pays an open invoice with another card, on Stripe's page. */
  payByHand(invoice: string): void {
    const found = this.store.invoices.get(invoice)!;
    this.setCard(found.customer, 'pays');
    this.billing.attempt(found);
  }

  openDispute(charge: string): string {
    const found = this.store.charges.get(charge)!;
    const dispute: Dispute = { id: this.store.id('du'), charge, amount: found.amount, status: 'needs_response', reason: 'fraudulent', created: this.now };
    found.disputed = true;
    this.store.disputes.set(dispute.id, dispute);
    this.store.emit('charge.dispute.created', this.render.dispute(dispute));
    return dispute.id;
  }

  /** Evidence was handed in. */
  contestDispute(id: string): void {
    const dispute = this.store.disputes.get(id)!;
    dispute.status = 'under_review';
    this.store.emit('charge.dispute.updated', this.render.dispute(dispute));
  }

  closeDispute(id: string, status: 'won' | 'lost'): void {
    const dispute = this.store.disputes.get(id)!;
    dispute.status = status;
    this.store.emit('charge.dispute.closed', this.render.dispute(dispute));
  }

  /** The bank could not pay a refund out. */
  failRefund(id: string): void {
    const refund = this.store.refunds.get(id)!;
    refund.status = 'failed';
    this.store.charges.get(refund.charge)!.amount_refunded -= refund.amount;
    this.store.emit('refund.updated', this.render.refund(refund));
    this.store.emit('refund.failed', this.render.refund(refund));
  }

  /** A trial ended without a way to pay, where the account's settings say that it pauses then; and there is one again. */
  pause(id: string, paused: boolean): void {
    const subscription = this.store.subscriptions.get(id)!;
    subscription.status = paused ? 'paused' : 'active';
    this.store.emit(paused ? 'customer.subscription.paused' : 'customer.subscription.resumed', this.render.subscription(subscription));
    this.billing.changed(subscription);
  }

  /** Stripe cannot finalise their invoices, for a reason that a person has to see to; null: it has been seen to. */
  setUnbillable(customer: string, why: string | null): void {
    this.store.customers.get(customer)!.unbillable = why;
  }

  /** Somebody does it in the dashboard. */
  async byHand(path: string, form = ''): Promise<void> {
    const response = await fetch(this.url + path, { method: 'POST', headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/x-www-form-urlencoded' }, body: form });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }

  /** Somebody presses Delete in Stripe's dashboard. */
  deleteCustomer(id: string): void {
    for (const one of this.store.subscriptions.values()) if (one.customer === id && one.status !== 'canceled') this.billing.cancel(one);
    const customer = this.store.customers.get(id)!;
    this.store.emit('customer.deleted', this.render.customer(customer));
    customer.deleted = true;
  }

  /** Somebody makes a subscription by hand, with a price that is not ours. */
  subscribeTo(customer: string, price: { unit_amount: number; currency?: string; lookup_key?: string }): Subscription {
    const id = this.store.id('price');
    this.store.products.set('prod_foreign', { id: 'prod_foreign', name: 'Foreign', description: null, metadata: {}, active: true, created: this.now });
    this.store.prices.set(id, { id, lookup_key: price.lookup_key ?? null, unit_amount: price.unit_amount, currency: price.currency ?? 'usd', product: 'prod_foreign', active: true, interval: 'month', interval_count: 1, metadata: {}, created: this.now, nickname: null });
    return this.billing.subscribe(customer, this.store.prices.get(id)!, {}, 0);
  }

  /** The items of a customer, in the order they were made. */
  itemsOf(customer: string): { id: string; amount: number; metadata: Record<string, string>; invoice: string | null }[] {
    return [...this.store.items.values()].filter((one) => one.customer === customer);
  }
}
