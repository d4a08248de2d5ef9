/** What Apex reads of Stripe's objects, at the moment they were asked for. Amounts are US cents where `currency` is `usd`. */
export interface CustomerSnapshot {
  readonly id: string;
  /** Somebody deleted it in Stripe: nothing can be sent to it any more. */
  readonly deleted: boolean;
  /** Whose it is, as we wrote into its metadata. */
  readonly customerId: string | null;
  /** What Stripe keeps for them to set off against their next invoices: negative what is theirs, positive what they owe. */
  readonly balanceCents: number;
}

export interface PriceSnapshot {
  readonly id: string;
  readonly lookupKey: string | null;
  readonly amountCents: number | null;
  readonly currency: string;
  readonly active: boolean;
}

export interface SubscriptionSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly status: string;
  readonly itemId: string;
  readonly price: PriceSnapshot;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  /** When it ends, if that is decided. */
  readonly cancelAt: Date | null;
  readonly trialEnd: Date | null;
  readonly endedAt: Date | null;
  readonly createdAt: Date;
}

/** A line that came from one of our invoice items. */
export interface InvoicedItem {
  readonly itemId: string;
  readonly amountCents: number;
}

export interface InvoiceSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly subscription: string | null;
  readonly number: string | null;
  readonly status: string;
  readonly currency: string;
  readonly totalCents: number;
  readonly dueCents: number;
  readonly paidCents: number;
  readonly attempts: number;
  readonly nextPaymentAttempt: Date | null;
  readonly url: string | null;
  readonly pdf: string | null;
  /** Why it could not be finalised. */
  readonly problem: string | null;
  readonly items: readonly InvoicedItem[];
  /** The part of the total that is the subscription's: its fee, prorated where it changed within its period. */
  readonly feeCents: number;
  /** The part of the total that our charges are. */
  readonly chargedCents: number;
  /** By how much the customer's balance at Stripe rose when the invoice was finalised: what was not asked for in money. */
  readonly balanceCents: number;
  /** What credit notes took off before it was paid. */
  readonly creditedCents: number;
  readonly createdAt: Date;
  readonly finalizedAt: Date | null;
  readonly paidAt: Date | null;
  readonly voidedAt: Date | null;
  /** The id of the outbox row that asked for it, where one did. */
  readonly outboxId: string | null;
}

export interface InvoiceItemSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly amountCents: number;
  readonly currency: string;
  readonly invoice: string | null;
  /** The id of the outbox row that asked for it; null for one that somebody else made. */
  readonly outboxId: string | null;
}

export interface CreditNoteSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly invoice: string;
  readonly status: string;
  readonly currency: string;
  readonly amountCents: number;
  /** Taken off what was due. */
  readonly prePaymentCents: number;
  /** Given back by refunds, which have postings of their own. */
  readonly refundedCents: number;
  readonly outOfBandCents: number;
  readonly createdAt: Date;
}

export interface RefundSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly status: string;
  readonly currency: string;
  readonly amountCents: number;
  readonly createdAt: Date;
}

export interface DisputeSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly status: string;
  readonly currency: string;
  readonly amountCents: number;
  readonly createdAt: Date;
}

export interface CheckoutSnapshot {
  readonly id: string;
  readonly customer: string;
  readonly status: string;
  readonly subscription: string | null;
  readonly url: string | null;
  readonly expiresAt: Date;
}
