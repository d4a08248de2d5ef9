import Stripe from 'stripe';
import { type z } from 'zod';
import { type FailureKind } from '../core/stripe/sending.js';
import {
  type CheckoutSnapshot,
  type CreditNoteSnapshot,
  type CustomerSnapshot,
  type DisputeSnapshot,
  type InvoiceItemSnapshot,
  type InvoiceSnapshot,
  type PriceSnapshot,
  type RefundSnapshot,
  type SubscriptionSnapshot,
} from '../core/stripe/snapshots.js';
import { PaymentError } from './payment-error.js';
import { type NewInvoiceItem, PaymentProvider } from './payment-provider.js';
import { chargeSchema, checkoutSchema, creditNoteSchema, customerSchema, disputeSchema, invoiceItemSchema, invoiceSchema, META, priceSchema, refundSchema, subscriptionSchema } from './stripe-mapping.js';

const TIMEOUT_MS = 20_000;
const PAGE = 100;
/** Stripe takes no more on one invoice than 250 items. */
const MAX_LINES = 1_000;
const PRODUCT_PREFIX = 'apex_';

/** `PaymentProvider` over Stripe's SDK. It repeats nothing by itself: who calls knows what may be repeated, and when. */
export class StripeAdapter extends PaymentProvider {
  private readonly stripe: Stripe;

  /** @param base where Stripe is, if not at its own address */
  constructor(key: string, readonly livemode: boolean, base: URL | null = null) {
    super();
    this.stripe = new Stripe(key, {
      telemetry: false,
      maxNetworkRetries: 0,
      timeout: TIMEOUT_MS,
      ...(base === null ? {} : { host: base.hostname, port: base.port || (base.protocol === 'https:' ? 443 : 80), protocol: base.protocol === 'https:' ? 'https' : 'http' }),
    });
  }

  async createCustomer({ customerId, name, email }: { customerId: string; name: string; email: string | null }): Promise<CustomerSnapshot> {
    return this.ask(customerSchema, () => this.stripe.customers.create({ name, ...(email === null ? {} : { email }), metadata: { [META.customer]: customerId } }));
  }

  customer(id: string): Promise<CustomerSnapshot> {
    return this.ask(customerSchema, () => this.stripe.customers.retrieve(id));
  }

  async findPrice(lookupKey: string): Promise<PriceSnapshot | null> {
    const [price] = await this.all(priceSchema, (page) => this.stripe.prices.list({ lookup_keys: [lookupKey], active: true, ...page }));
    return price ?? null;
  }

  async createPrice({ tier, lookupKey, amountCents }: { tier: string; lookupKey: string; amountCents: number }): Promise<PriceSnapshot> {
    const product = `${PRODUCT_PREFIX}${tier}`;
    try {
      await this.call(() => this.stripe.products.create({ id: product, name: `Apex ${tier}` }));
    } catch (error) {
      if (!(error instanceof PaymentError) || error.code !== 'resource_already_exists') throw error;
    }
    // Archived by hand, a price keeps its lookup key; the new one takes it over.
    return this.ask(priceSchema, () => this.stripe.prices.create({ product, currency: 'usd', unit_amount: amountCents, lookup_key: lookupKey, transfer_lookup_key: true, recurring: { interval: 'month' }, nickname: `Apex ${tier}` }));
  }

  createCheckout(wanted: { customer: string; customerId: string; priceId: string; trialDays: number | null; successUrl: string; cancelUrl: string }): Promise<CheckoutSnapshot> {
    const metadata = { [META.customer]: wanted.customerId };
    return this.ask(checkoutSchema, () =>
      this.stripe.checkout.sessions.create({
        mode: 'subscription',
        customer: wanted.customer,
        client_reference_id: wanted.customerId,
        line_items: [{ price: wanted.priceId, quantity: 1 }],
        success_url: wanted.successUrl,
        cancel_url: wanted.cancelUrl,
        // Also for a tier without a fee: what was saved is billed afterwards.
        payment_method_collection: 'always',
        metadata,
        subscription_data: { metadata, ...(wanted.trialDays === null ? {} : { trial_period_days: wanted.trialDays }) },
      }),
    );
  }

  checkout(id: string): Promise<CheckoutSnapshot> {
    return this.ask(checkoutSchema, () => this.stripe.checkout.sessions.retrieve(id));
  }

  async createPortal(customer: string, returnUrl: string): Promise<string> {
    return (await this.call(() => this.stripe.billingPortal.sessions.create({ customer, return_url: returnUrl }))).url;
  }

  subscription(id: string): Promise<SubscriptionSnapshot> {
    return this.ask(subscriptionSchema, () => this.stripe.subscriptions.retrieve(id));
  }

  subscriptionsOf(customer: string): Promise<SubscriptionSnapshot[]> {
    return this.all(subscriptionSchema, (page) => this.stripe.subscriptions.list({ customer, status: 'all', ...page }));
  }

  changePrice(subscription: SubscriptionSnapshot, priceId: string, settle: 'now' | 'next_invoice'): Promise<SubscriptionSnapshot> {
    const how = settle === 'now' ? ({ proration_behavior: 'always_invoice', payment_behavior: 'error_if_incomplete' } as const) : ({ proration_behavior: 'create_prorations' } as const);
    return this.ask(subscriptionSchema, () => this.stripe.subscriptions.update(subscription.id, { items: [{ id: subscription.itemId, price: priceId }], ...how }));
  }

  cancelAtPeriodEnd(id: string, cancel: boolean): Promise<SubscriptionSnapshot> {
    return this.ask(subscriptionSchema, () => this.stripe.subscriptions.update(id, { cancel_at_period_end: cancel }));
  }

  cancelNow(id: string): Promise<SubscriptionSnapshot> {
    return this.ask(subscriptionSchema, () => this.stripe.subscriptions.cancel(id, { invoice_now: true, prorate: false }));
  }

  invoice(id: string): Promise<InvoiceSnapshot> {
    return this.ask(invoiceSchema, async () => this.whole(await this.stripe.invoices.retrieve(id)));
  }

  invoicesOf(customer: string): Promise<InvoiceSnapshot[]> {
    return this.all(invoiceSchema, async (page) => {
      const { data, has_more } = await this.stripe.invoices.list({ customer, ...page });
      return { data: await Promise.all(data.map((one) => this.whole(one))), has_more };
    });
  }

  finalizeInvoice(id: string): Promise<InvoiceSnapshot> {
    return this.ask(invoiceSchema, async () => this.whole(await this.stripe.invoices.finalizeInvoice(id, { auto_advance: true })));
  }

  createInvoice({ outboxId, customer, description }: { outboxId: string; customer: string; description: string }, idempotencyKey: string): Promise<InvoiceSnapshot> {
    return this.ask(invoiceSchema, async () => this.whole(await this.stripe.invoices.create({ customer, description, auto_advance: true, collection_method: 'charge_automatically', pending_invoice_items_behavior: 'include', metadata: { [META.outbox]: outboxId } }, { idempotencyKey })));
  }

  createInvoiceItem(item: NewInvoiceItem, idempotencyKey: string): Promise<InvoiceItemSnapshot> {
    const seconds = (at: Date): number => Math.floor(at.getTime() / 1_000);
    return this.ask(invoiceItemSchema, () =>
      this.stripe.invoiceItems.create(
        {
          customer: item.customer,
          amount: Number(item.amountCents),
          currency: item.currency,
          description: item.description,
          period: { start: seconds(item.periodStart), end: seconds(item.periodEnd) },
          metadata: { [META.outbox]: item.outboxId, ...(item.statementId === null ? {} : { [META.statement]: item.statementId }), ...(item.statementHash === null ? {} : { [META.statementHash]: item.statementHash }) },
        },
        { idempotencyKey },
      ),
    );
  }

  invoiceItemsOf(customer: string, { createdSince, pending }: { createdSince?: Date; pending?: boolean } = {}): Promise<InvoiceItemSnapshot[]> {
    const filter = { ...(createdSince === undefined ? {} : { created: { gte: Math.floor(createdSince.getTime() / 1_000) } }), ...(pending === undefined ? {} : { pending }) };
    return this.all(invoiceItemSchema, (page) => this.stripe.invoiceItems.list({ customer, ...filter, ...page }));
  }

  creditNote(id: string): Promise<CreditNoteSnapshot> {
    return this.ask(creditNoteSchema, () => this.stripe.creditNotes.retrieve(id));
  }

  createCreditNote({ invoice, amountCents, memo, refund }: { invoice: InvoiceSnapshot; amountCents: number; memo: string; refund: boolean }, idempotencyKey: string): Promise<CreditNoteSnapshot> {
    const afterPayment = refund ? { refund_amount: amountCents } : { credit_amount: amountCents };
    return this.ask(creditNoteSchema, () => this.stripe.creditNotes.create({ invoice: invoice.id, amount: amountCents, memo, ...(invoice.status === 'paid' ? afterPayment : {}) }, { idempotencyKey }));
  }

  async refund(id: string): Promise<RefundSnapshot> {
    return this.withCustomer(await this.ask(refundSchema, () => this.stripe.refunds.retrieve(id)));
  }

  async refundsOf(charge: string): Promise<RefundSnapshot[]> {
    const refunds = await this.all(refundSchema, (page) => this.stripe.refunds.list({ charge, ...page }));
    return Promise.all(refunds.map((refund) => this.withCustomer(refund)));
  }

  async dispute(id: string): Promise<DisputeSnapshot> {
    const dispute = await this.ask(disputeSchema, () => this.stripe.disputes.retrieve(id));
    return { id: dispute.id, customer: await this.customerOfCharge(dispute.charge), status: dispute.status, currency: dispute.currency, amountCents: dispute.amount, createdAt: dispute.created };
  }

  private async withCustomer(refund: z.output<typeof refundSchema>): Promise<RefundSnapshot> {
    const customer = refund.customer ?? (refund.charge === null ? '' : await this.customerOfCharge(refund.charge));
    return { id: refund.id, customer, status: refund.status ?? 'pending', currency: refund.currency, amountCents: refund.amount, createdAt: refund.created };
  }

  private async customerOfCharge(id: string): Promise<string> {
    return (await this.ask(chargeSchema, () => this.stripe.charges.retrieve(id))).customer ?? '';
  }

  /** With all of its lines: an invoice as it comes has the first few. */
  private async whole(invoice: Stripe.Invoice): Promise<{ readonly id: string; readonly lines: unknown }> {
    if (!invoice.lines.has_more) return invoice;
    return { ...invoice, lines: { data: await this.stripe.invoices.listLineItems(invoice.id, { limit: PAGE }).autoPagingToArray({ limit: MAX_LINES }) } };
  }

  private async ask<S extends z.ZodType>(schema: S, send: () => Promise<unknown>): Promise<z.output<S>> {
    return understand(schema, await this.call(send));
  }

  /** All pages, newest first. */
  private async all<S extends z.ZodType>(schema: S, list: (page: { limit: number; starting_after?: string }) => Promise<{ data: readonly { id: string }[]; has_more: boolean }>): Promise<z.output<S>[]> {
    const found: z.output<S>[] = [];
    for (let after: string | undefined; ; ) {
      const page = await this.call(() => list({ limit: PAGE, ...(after === undefined ? {} : { starting_after: after }) }));
      found.push(...page.data.map((one) => understand(schema, one)));
      after = page.data.at(-1)?.id;
      if (!page.has_more || after === undefined) return found;
    }
  }

  private async call<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw error instanceof Stripe.errors.StripeError ? new PaymentError(kindOf(error), error.code ?? null, error.message, error) : error;
    }
  }
}

function understand<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  // It was carried out, whatever it says: to be looked at again, not to be refused.
  throw new PaymentError('server_error', 'unexpected_answer', `Stripe's answer is not as expected: ${result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
}

function kindOf(error: InstanceType<typeof Stripe.errors.StripeError>): FailureKind {
  const { statusCode } = error;
  if (error instanceof Stripe.errors.StripeIdempotencyError) return 'key_conflict';
  if (statusCode === undefined) return 'unreachable';
  if (statusCode === 409) return 'key_in_use';
  if (statusCode === 429) return 'rate_limited';
  if (statusCode === 401 || statusCode === 403) return 'unauthorized';
  if (statusCode === 402) return 'declined';
  if (statusCode === 404 || error.code === 'resource_missing') return 'missing';
  return statusCode >= 500 ? 'server_error' : 'invalid';
}
