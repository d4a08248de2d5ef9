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

export interface NewInvoiceItem {
  readonly outboxId: string;
  readonly customer: string;
  readonly amountCents: bigint;
  readonly currency: string;
  readonly description: string;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly statementId: string | null;
  readonly statementHash: string | null;
}

/**
 * Who takes the money. Every call asks the provider now and gives what it says now; each that changes something may be
 * repeated with the same `idempotencyKey`.
 * @throws PaymentError from every method
 */
export abstract class PaymentProvider {
  /** Whether this is real money. */
  abstract readonly livemode: boolean;

  abstract createCustomer(customer: { readonly customerId: string; readonly name: string; readonly email: string | null }): Promise<CustomerSnapshot>;
  abstract customer(id: string): Promise<CustomerSnapshot>;

  /** The active price with this lookup key. */
  abstract findPrice(lookupKey: string): Promise<PriceSnapshot | null>;
  /** A monthly price of a tier's product, which is made when there is none. */
  abstract createPrice(price: { readonly tier: string; readonly lookupKey: string; readonly amountCents: number }): Promise<PriceSnapshot>;

  abstract createCheckout(checkout: { readonly customer: string; readonly customerId: string; readonly priceId: string; readonly trialDays: number | null; readonly successUrl: string; readonly cancelUrl: string }): Promise<CheckoutSnapshot>;
  abstract checkout(id: string): Promise<CheckoutSnapshot>;
  /** @returns the address of the provider's own page for cards, invoices and cancellation */
  abstract createPortal(customer: string, returnUrl: string): Promise<string>;

  abstract subscription(id: string): Promise<SubscriptionSnapshot>;
  /** All of a customer's, ended ones too. */
  abstract subscriptionsOf(customer: string): Promise<SubscriptionSnapshot[]>;
  /** `now`: the difference is charged at once, and nothing changes if the bank refuses it. `next_invoice`: it is settled there. */
  abstract changePrice(subscription: SubscriptionSnapshot, priceId: string, settle: 'now' | 'next_invoice'): Promise<SubscriptionSnapshot>;
  abstract cancelAtPeriodEnd(id: string, cancel: boolean): Promise<SubscriptionSnapshot>;
  /** Ends it now; what is pending is invoiced at once, and nothing of the fee is given back. */
  abstract cancelNow(id: string): Promise<SubscriptionSnapshot>;

  abstract invoice(id: string): Promise<InvoiceSnapshot>;
  abstract invoicesOf(customer: string): Promise<InvoiceSnapshot[]>;
  /** Has a draft asked for now, and collected like a subscription's. Stripe does not for one whose subscription has ended. */
  abstract finalizeInvoice(id: string): Promise<InvoiceSnapshot>;
  /** An invoice over everything pending, collected like a subscription's. */
  abstract createInvoice(invoice: { readonly outboxId: string; readonly customer: string; readonly description: string }, idempotencyKey: string): Promise<InvoiceSnapshot>;

  abstract createInvoiceItem(item: NewInvoiceItem, idempotencyKey: string): Promise<InvoiceItemSnapshot>;
  abstract invoiceItemsOf(customer: string, options?: { readonly createdSince?: Date; readonly pending?: boolean }): Promise<InvoiceItemSnapshot[]>;

  abstract creditNote(id: string): Promise<CreditNoteSnapshot>;
  /** `refund`: what was paid goes back to the card; else it lowers what is due, or the next invoice. */
  abstract createCreditNote(note: { readonly invoice: InvoiceSnapshot; readonly amountCents: number; readonly memo: string; readonly refund: boolean }, idempotencyKey: string): Promise<CreditNoteSnapshot>;
  abstract refund(id: string): Promise<RefundSnapshot>;
  abstract dispute(id: string): Promise<DisputeSnapshot>;
  /** The refunds of a charge. */
  abstract refundsOf(charge: string): Promise<RefundSnapshot[]>;
}
