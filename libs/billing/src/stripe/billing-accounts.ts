import { type AuditLog, type CustomersService } from '@apex/auth';
import { ApexError, type Clock, notFound, sha256 } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { waiverOf } from '../core/stripe/postings.js';
import { type CheckoutSnapshot, type SubscriptionSnapshot } from '../core/stripe/snapshots.js';
import { lockCustomer } from './customer-lock.js';
import { type ModeGuard } from './mode-guard.js';
import { type Outbox } from './outbox.js';
import { asApexError } from './payment-error.js';
import { type PaymentProvider } from './payment-provider.js';
import { type Books } from './ports.js';
import { type PriceCatalogue } from './price-catalogue.js';
import { type StripeProjector } from './stripe-projector.js';

export interface CheckoutRequest {
  readonly tier: string;
  readonly successUrl: string;
  readonly cancelUrl: string;
  readonly trialDays: number | null;
}

/** Who does it, and why: for the audit log. */
export interface By {
  readonly actor: string;
  readonly reason: string | null;
}

const ENDED = ['canceled', 'incomplete_expired', 'incomplete'];

/** What customers and operators do about a subscription and its invoices. */
export class BillingAccounts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly provider: PaymentProvider,
    private readonly prices: PriceCatalogue,
    private readonly projector: StripeProjector,
    private readonly outbox: Outbox,
    private readonly mode: ModeGuard,
    private readonly customers: Pick<CustomersService, 'applyBilling'>,
    private readonly books: Books,
    private readonly audit: AuditLog,
    private readonly billed: (customerId: string) => boolean,
    private readonly clock: Clock,
  ) {}

  /**
   * Stripe's page on which the customer subscribes.
   * @throws ApexError 400 `unknown_tier`, 409 `billing_disabled` | `already_subscribed` | `tier_by_agreement`, 503 `payment_provider_unavailable`
   */
  async checkout(customerId: string, request: CheckoutRequest, by: By): Promise<CheckoutSnapshot> {
    this.assertBilled(customerId);
    return this.under(customerId, async (manager) => {
      if ((await this.liveSubscription(manager, customerId)) !== null) throw new ApexError('already_subscribed', 409, 'There is a subscription already; change it instead.');
      const price = await this.prices.priceOf(request.tier, customerId);
      const customer = await this.ensureCustomer(manager, customerId);
      const session = await this.provider.createCheckout({ customer, customerId, priceId: price.id, trialDays: request.trialDays, successUrl: request.successUrl, cancelUrl: request.cancelUrl });
      await this.record(manager, customerId, 'billing.checkout', { tier: request.tier, session: session.id, trialDays: request.trialDays }, by);
      return session;
    });
  }

  /** Stripe's page for cards, invoices and cancellation. @throws ApexError 409 `no_billing_account` */
  async portal(customerId: string, returnUrl: string): Promise<string> {
    const [row] = await this.dataSource.query<Array<{ stripe_customer_id: string | null }>>('select stripe_customer_id from customers where id = $1', [customerId]);
    if (row === undefined) throw notFound('customer');
    if (row.stripe_customer_id === null) throw new ApexError('no_billing_account', 409, 'There is no account at Stripe yet: begin with a checkout.');
    return this.provider.createPortal(row.stripe_customer_id, returnUrl).catch(rethrow);
  }

  /**
   * Another tier. A dearer one is paid for at once, for the rest of the period, and nothing changes if the bank refuses;
   * a cheaper one takes effect at once too, and what was paid too much is taken off the next invoice.
   * @throws ApexError 402 `payment_declined`, 409 `no_subscription` | `billing_disabled`, and those of `checkout`
   */
  async changeTier(customerId: string, tier: string, by: By): Promise<void> {
    this.assertBilled(customerId);
    await this.under(customerId, async (manager) => {
      const subscription = await this.subscriptionAtStripe(manager, customerId);
      const price = await this.prices.priceOf(tier, customerId);
      if (price.id === subscription.price.id) return;
      const dearer = (price.amountCents ?? 0) > (subscription.price.amountCents ?? 0);
      const changed = await this.provider.changePrice(subscription, price.id, dearer ? 'now' : 'next_invoice');
      await this.projector.store(manager, customerId, changed);
      await this.record(manager, customerId, 'billing.change_tier', { tier, subscription: subscription.id, settled: dearer ? 'now' : 'next_invoice' }, by);
    });
  }

  /**
   * Ends the subscription. At the period's end: the tier stays until then, and nothing of the fee is given back. Now: what
   * is pending is invoiced at once. What the last statements still charge gets a final invoice of its own.
   * @throws ApexError 409 `no_subscription`
   */
  async cancel(customerId: string, when: 'now' | 'period_end', by: By): Promise<void> {
    await this.under(customerId, async (manager) => {
      const { id } = await this.subscriptionAtStripe(manager, customerId);
      await this.projector.store(manager, customerId, when === 'now' ? await this.provider.cancelNow(id) : await this.provider.cancelAtPeriodEnd(id, true));
      await this.record(manager, customerId, 'billing.cancel', { subscription: id, when }, by);
    });
  }

  /** Takes back a cancellation that was for the period's end. @throws ApexError 409 `no_subscription` */
  async resume(customerId: string, by: By): Promise<void> {
    await this.under(customerId, async (manager) => {
      const { id } = await this.subscriptionAtStripe(manager, customerId);
      await this.projector.store(manager, customerId, await this.provider.cancelAtPeriodEnd(id, false));
      await this.record(manager, customerId, 'billing.resume', { subscription: id }, by);
    });
  }

  /**
   * Corrects a finalised invoice. The same correction for the same reason is made once, however often it is asked for.
   * @throws ApexError 404, 409 `payment_provider_refused`
   */
  async creditNote(customerId: string, wanted: { readonly invoiceId: string; readonly amountCents: number; readonly refund: boolean; readonly reason: string }, actor: string): Promise<{ readonly id: string }> {
    return this.under(customerId, async (manager) => {
      const [known] = await manager.query<unknown[]>('select 1 from stripe_invoices where id = $1 and customer_id = $2', [wanted.invoiceId, customerId]);
      if (known === undefined) throw notFound('invoice');
      const invoice = await this.provider.invoice(wanted.invoiceId);
      const key = `credit_note:${invoice.id}:${sha256(JSON.stringify([wanted.amountCents, wanted.refund, wanted.reason])).toString('hex').slice(0, 32)}`;
      const note = await this.provider.createCreditNote({ invoice, amountCents: wanted.amountCents, memo: wanted.reason, refund: wanted.refund }, key);
      await this.record(manager, customerId, 'billing.credit_note', { creditNote: note.id, invoice: invoice.id, amountCents: wanted.amountCents, refund: wanted.refund }, { actor, reason: wanted.reason });
      return { id: note.id };
    });
  }

  /** Lets a charge go that has not been sent; the ledger says so. @throws ApexError 404, 409 `charge_is_sent` */
  async waive(customerId: string, chargeId: string, by: { readonly actor: string; readonly reason: string }): Promise<void> {
    await this.under(customerId, async (manager) => {
      const [charge] = await manager.query<Array<{ state: string; amount_cents: string; kind: string }>>(`select state, amount_cents, kind from stripe_outbox where id = $1 and customer_id = $2 and kind = 'invoice_item' for update`, [chargeId, customerId]);
      if (charge === undefined) throw notFound('charge');
      if (charge.state === 'waived') return;
      // One that may have arrived is looked for first.
      if (charge.state !== 'pending' && charge.state !== 'refused') throw new ApexError('charge_is_sent', 409, 'This charge is at Stripe, or may be: correct its invoice with a credit note.');
      await manager.query(`update stripe_outbox set state = 'waived', last_error = null where id = $1`, [chargeId]);
      await this.books.post(manager, { ...waiverOf({ id: chargeId, amountCents: BigInt(charge.amount_cents), at: new Date(this.clock.now()), reason: by.reason }), customerId });
      await this.record(manager, customerId, 'billing.waive', { charge: chargeId, amountCents: charge.amount_cents }, by);
    });
  }

  /** Takes over all that Stripe has of the customer. */
  async resync(customerId: string, by: By): Promise<void> {
    await this.projector.resync(customerId).catch(rethrow);
    await this.record(this.dataSource.manager, customerId, 'billing.resync', {}, by);
  }

  /** Sends a refused charge again, after a person mended what was wrong. @throws ApexError 404 */
  async retry(customerId: string, chargeId: string, by: By): Promise<void> {
    await this.under(customerId, async (manager) => {
      const [, count] = await manager.query<[unknown, number]>(`update stripe_outbox set state = 'unknown', generation = generation + 1, next_attempt_at = $3 where id = $1 and customer_id = $2 and state = 'refused' returning id`, [chargeId, customerId, new Date(this.clock.now())]);
      if (count === 0) throw notFound('refused charge');
      await this.record(manager, customerId, 'billing.retry', { charge: chargeId }, by);
    });
  }

  /** The customer's account at Stripe, made where there is none, or where somebody deleted the last one there. */
  private async ensureCustomer(manager: EntityManager, customerId: string): Promise<string> {
    const [row] = await manager.query<Array<{ name: string; stripe_customer_id: string | null }>>('select name, stripe_customer_id from customers where id = $1', [customerId]);
    if (row === undefined) throw notFound('customer');
    if (row.stripe_customer_id !== null && !(await this.provider.customer(row.stripe_customer_id)).deleted) return row.stripe_customer_id;
    const [owner] = await manager.query<Array<{ email: string }>>(`select email from users where customer_id = $1 and role = 'owner' and disabled_at is null order by created_at limit 1`, [customerId]);
    await this.mode.claim(manager);
    const { id } = await this.provider.createCustomer({ customerId, name: row.name, email: owner?.email ?? null });
    await this.customers.applyBilling(manager, customerId, { stripeCustomerId: id }, 'account made at Stripe');
    await manager.query('update billing_standings set customer_deleted_at = null where customer_id = $1', [customerId]);
    await this.outbox.release(manager, customerId, new Date(this.clock.now()));
    return id;
  }

  private async liveSubscription(manager: EntityManager, customerId: string): Promise<string | null> {
    const [row] = await manager.query<Array<{ id: string }>>('select id from stripe_subscriptions where customer_id = $1 and status <> all($2) order by created_at desc limit 1', [customerId, ENDED]);
    return row?.id ?? null;
  }

  private async subscriptionAtStripe(manager: EntityManager, customerId: string): Promise<SubscriptionSnapshot> {
    const id = await this.liveSubscription(manager, customerId);
    if (id === null) throw new ApexError('no_subscription', 409, 'There is no subscription; begin with a checkout.');
    return this.provider.subscription(id);
  }

  private assertBilled(customerId: string): void {
    if (!this.billed(customerId)) throw new ApexError('billing_disabled', 409, 'Billing is not turned on (billing_enabled).');
  }

  private async under<T>(customerId: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource
      .transaction(async (manager) => {
        await lockCustomer(manager, customerId);
        return work(manager);
      })
      .catch(rethrow);
  }

  private record(manager: EntityManager, customerId: string, action: string, after: Record<string, unknown>, { actor, reason }: By): Promise<void> {
    return this.audit.record({ actor, action, target: `customer:${customerId}`, after, reason }, manager);
  }
}

function rethrow(error: unknown): never {
  throw asApexError(error);
}
