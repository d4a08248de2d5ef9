import { type AuditLog, type CustomersService, type Tier } from '@apex/auth';
import { type Clock } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { type EventTarget } from '../core/stripe/events.js';
import { creditNotesOf, disputesOf, invoiceOf, isOpenDispute, paymentOf, refundsOf, type StripePosting } from '../core/stripe/postings.js';
import { deriveStanding } from '../core/stripe/standing.js';
import { type CustomerSnapshot, type InvoiceSnapshot, type SubscriptionSnapshot } from '../core/stripe/snapshots.js';
import { lockCustomer } from './customer-lock.js';
import { PaymentError } from './payment-error.js';
import { type PaymentProvider } from './payment-provider.js';
import { type Books } from './ports.js';
import { type PriceCatalogue } from './price-catalogue.js';
import { factsOf, standingOf, storeDispute, storeInvoice, storeMissingInvoice, storeSubscription } from './stripe-rows.js';
import { takeBackFees } from './subscribed-periods.js';

/**
 * - `applied`: what Stripe said is stored, and what follows from it is in force.
 * - `foreign`: about a customer at Stripe who is none of ours.
 * - `superseded`: about an earlier account of a customer who has another now.
 * - `gone`: Stripe does not have it any more.
 */
export type Outcome = 'applied' | 'foreign' | 'superseded' | 'gone';

type Owner = { readonly customerId: string } | Outcome;

/**
 * Keeps our picture of Stripe, and what follows from it: tier, standing, postings. It never trusts what it is told but asks
 * anew, under the customer's lock, so that order and number of the events do not matter.
 */
export class StripeProjector {
  constructor(
    private readonly dataSource: DataSource,
    private readonly provider: PaymentProvider,
    private readonly customers: Pick<CustomersService, 'applyBilling'>,
    private readonly audit: AuditLog,
    private readonly books: Books,
    private readonly prices: PriceCatalogue,
    private readonly clock: Clock,
  ) {}

  /** Asks for what an event is about and stores it, in the caller's transaction. @throws PaymentError to be tried again */
  async apply(manager: EntityManager, target: EventTarget): Promise<Outcome> {
    try {
      const stripeCustomerId = target.customer ?? (await this.customerOf(target));
      // Of nobody's: an invoice without a customer, a charge from elsewhere.
      if (stripeCustomerId === '') return 'foreign';
      const known = await this.known(manager, stripeCustomerId);
      // Only of strangers, and where it is what has changed, the account itself is looked at.
      const account = known === null || target.kind === 'customer' ? await this.provider.customer(stripeCustomerId) : undefined;
      const owner = known ?? (await this.ownerOf(manager, account!));
      if (typeof owner === 'string') return owner;
      await lockCustomer(manager, owner.customerId);
      const told = await this.take(manager, owner.customerId, target);
      if (told !== null && told !== stripeCustomerId) throw new Error(`${target.kind} ${target.id} is of ${told}, and its event says of ${stripeCustomerId}`);
      await this.refreshStanding(manager, owner.customerId, account);
      return 'applied';
    } catch (error) {
      if (!(error instanceof PaymentError) || error.kind !== 'missing') throw error;
      if (target.kind === 'invoice') await storeMissingInvoice(manager, target.id, this.now());
      return 'gone';
    }
  }

  /** All that Stripe has of a customer, stored anew: for what no event told of. */
  async resync(customerId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await lockCustomer(manager, customerId);
      const [row] = await manager.query<Array<{ stripe_customer_id: string | null }>>('select stripe_customer_id from customers where id = $1', [customerId]);
      const stripeCustomerId = row?.stripe_customer_id ?? null;
      if (stripeCustomerId === null) return;
      const subscriptions = await this.provider.subscriptionsOf(stripeCustomerId);
      const invoices = await this.provider.invoicesOf(stripeCustomerId);
      for (const one of subscriptions) await this.takeSubscription(manager, customerId, one);
      for (const one of invoices) await this.takeInvoice(manager, customerId, one);
      await this.refreshStanding(manager, customerId, await this.provider.customer(stripeCustomerId));
    });
  }

  /** What an answer to a change of our own said, stored at once: nobody has to wait for the event. Under the customer's lock. */
  async store(manager: EntityManager, customerId: string, subscription: SubscriptionSnapshot): Promise<void> {
    await this.takeSubscription(manager, customerId, subscription);
    await this.refreshStanding(manager, customerId);
  }

  /** Likewise for an invoice. */
  async storeInvoice(manager: EntityManager, customerId: string, invoice: InvoiceSnapshot): Promise<void> {
    await this.takeInvoice(manager, customerId, invoice);
    await this.refreshStanding(manager, customerId);
  }

  /** Standings that change because time goes by: those whose next date has passed. @returns how many were looked at */
  async passTime(): Promise<number> {
    const rows = await this.dataSource.query<Array<{ customer_id: string }>>(`select customer_id from billing_standings where (standing = 'past_due' and grace_from <= $1) or (standing in ('past_due', 'grace') and grace_until <= $1)`, [this.now()]);
    for (const { customer_id: customerId } of rows) {
      await this.dataSource.transaction(async (manager) => {
        await lockCustomer(manager, customerId);
        await this.refreshStanding(manager, customerId);
      });
    }
    return rows.length;
  }

  /** Whose it is, where the event did not tell. */
  private async customerOf({ kind, id }: EventTarget): Promise<string> {
    if (kind === 'dispute') return (await this.provider.dispute(id)).customer;
    if (kind === 'refund') return (await this.provider.refund(id)).customer;
    return kind === 'charge' ? ((await this.provider.refundsOf(id))[0]?.customer ?? '') : '';
  }

  /** Stores what Stripe says of the object now, under the customer's lock. @returns whose Stripe says it is */
  private async take(manager: EntityManager, customerId: string, { kind, id }: EventTarget): Promise<string | null> {
    switch (kind) {
      case 'customer':
        return id;
      case 'checkout': {
        const { customer, subscription } = await this.provider.checkout(id);
        if (subscription !== null) await this.takeSubscription(manager, customerId, await this.provider.subscription(subscription));
        return customer;
      }
      case 'subscription': {
        const subscription = await this.provider.subscription(id);
        await this.takeSubscription(manager, customerId, subscription);
        return subscription.customer;
      }
      case 'invoice': {
        const invoice = await this.provider.invoice(id);
        await this.takeInvoice(manager, customerId, invoice);
        return invoice.customer;
      }
      case 'credit_note': {
        const note = await this.provider.creditNote(id);
        await this.post(manager, customerId, note.currency, creditNotesOf(note));
        await this.takeInvoice(manager, customerId, await this.provider.invoice(note.invoice));
        return note.customer;
      }
      case 'refund': {
        const refund = await this.provider.refund(id);
        await this.post(manager, customerId, refund.currency, refundsOf(refund));
        return refund.customer;
      }
      case 'charge': {
        const refunds = await this.provider.refundsOf(id);
        for (const one of refunds) await this.post(manager, customerId, one.currency, refundsOf(one));
        return refunds[0]?.customer ?? null;
      }
      case 'dispute': {
        const dispute = await this.provider.dispute(id);
        await this.post(manager, customerId, dispute.currency, disputesOf(dispute));
        await storeDispute(manager, customerId, dispute.id, isOpenDispute(dispute.status), this.now());
        return dispute.customer;
      }
    }
  }

  private async known(manager: EntityManager, stripeCustomerId: string): Promise<{ customerId: string } | null> {
    const [row] = await manager.query<Array<{ id: string }>>('select id from customers where stripe_customer_id = $1', [stripeCustomerId]);
    return row === undefined ? null : { customerId: row.id };
  }

  /** Of an account that none of ours is known to have. */
  private async ownerOf(manager: EntityManager, { id, customerId, deleted }: CustomerSnapshot): Promise<Owner> {
    if (customerId === null) return deleted ? 'superseded' : 'foreign';
    const [named] = await manager.query<Array<{ stripe_customer_id: string | null }>>('select stripe_customer_id from customers where id = $1', [customerId]);
    if (named === undefined) return 'foreign';
    if (named.stripe_customer_id !== null || deleted) return 'superseded';
    // Made by a process that died before it could write it down.
    await this.customers.applyBilling(manager, customerId, { stripeCustomerId: id }, 'named by its metadata at Stripe');
    return { customerId };
  }

  private async takeSubscription(manager: EntityManager, customerId: string, subscription: SubscriptionSnapshot): Promise<void> {
    await storeSubscription(manager, customerId, subscription, await this.prices.tierOf(subscription.price), this.now());
    await takeBackFees(manager, customerId, this.books);
  }

  private async takeInvoice(manager: EntityManager, customerId: string, invoice: InvoiceSnapshot): Promise<void> {
    await storeInvoice(manager, customerId, invoice, this.now());
    await this.post(manager, customerId, invoice.currency, [...invoiceOf(invoice), paymentOf(invoice)]);
  }

  /** Money of another currency has no place in the books: the standing calls for a person. */
  private async post(manager: EntityManager, customerId: string, currency: string, postings: readonly (StripePosting | null)[]): Promise<void> {
    if (currency !== 'usd') return;
    for (const one of postings) if (one !== null) await this.books.post(manager, { ...one, customerId });
  }

  /** Derives the standing from what is stored, and carries it out where it changed. */
  private async refreshStanding(manager: EntityManager, customerId: string, snapshot?: CustomerSnapshot): Promise<void> {
    const now = this.now();
    const before = await standingOf(manager, customerId);
    const deletedAt = snapshot === undefined ? (before?.customer_deleted_at ?? null) : snapshot.deleted ? (before?.customer_deleted_at ?? now) : null;
    const disputed = before?.disputed ?? [];
    const derived = deriveStanding(await factsOf(manager, customerId, { deleted: deletedAt !== null, disputed: disputed.length > 0 }), now.getTime());
    await manager.query(
      `insert into billing_standings (customer_id, standing, derived_tier, past_due_since, grace_from, grace_until, attention, customer_deleted_at, disputed, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       on conflict (customer_id) do update set standing = excluded.standing, derived_tier = excluded.derived_tier, past_due_since = excluded.past_due_since, grace_from = excluded.grace_from, grace_until = excluded.grace_until,
         attention = excluded.attention, customer_deleted_at = excluded.customer_deleted_at, updated_at = excluded.updated_at`,
      // A word that says nothing of the tier does not make the last one unsaid.
      [customerId, derived.standing, derived.tier ?? before?.derived_tier ?? null, derived.pastDueSince, derived.graceFrom, derived.graceUntil, derived.attention, deletedAt, disputed, now],
    );
    const told = (standing: string, attention: readonly string[], tier: string | null): Record<string, unknown> => ({ standing, attention, tier });
    const was = told(before?.standing ?? 'none', before?.attention ?? [], before?.derived_tier ?? null);
    const is = told(derived.standing, derived.attention, derived.tier ?? before?.derived_tier ?? null);
    if (JSON.stringify(was) !== JSON.stringify(is)) await this.audit.record({ actor: 'system:stripe', action: 'billing.standing', target: `customer:${customerId}`, before: was, after: is, reason: null }, manager);
    // What Stripe newly says counts; while it says the same, an operator's word stands.
    if (derived.tier !== null && derived.tier !== (before?.derived_tier ?? null)) {
      const [row] = await manager.query<Array<{ tier: string }>>('select tier from customers where id = $1', [customerId]);
      // What was agreed with a person ends by a person, unless it was subscribed to.
      const agreed = row!.tier === 'enterprise' && before?.derived_tier !== 'enterprise';
      if (row!.tier !== derived.tier && !agreed) await this.customers.applyBilling(manager, customerId, { tier: derived.tier as Tier }, `subscription ${derived.standing}`);
    }
  }

  private now(): Date {
    return new Date(this.clock.now());
  }
}
