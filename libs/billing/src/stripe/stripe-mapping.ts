import { z } from 'zod';
import {
  type CheckoutSnapshot,
  type CreditNoteSnapshot,
  type CustomerSnapshot,
  type InvoiceItemSnapshot,
  type InvoiceSnapshot,
  type PriceSnapshot,
  type SubscriptionSnapshot,
} from '../core/stripe/snapshots.js';

// What is relied on of Stripe's answers is checked as they come in: an account may be pinned to another version of the API.

/** Names of our own in Stripe's metadata. */
export const META = { customer: 'apex_customer', outbox: 'apex_outbox', statement: 'apex_statement', statementHash: 'statementHash' } as const;

const instant = z.int().transform((seconds) => new Date(seconds * 1_000));
const maybeInstant = instant.nullish().transform((value) => value ?? null);
const text = z.string().nullish().transform((value) => value ?? null);
const cents = z.int();
/** An id, or the object itself where it was expanded. */
const reference = z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)]);
const maybeReference = reference.nullish().transform((value) => value ?? null);
const metadata = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});

export const customerSchema = z
  .object({ id: z.string(), deleted: z.literal(true).optional(), balance: cents.optional(), metadata })
  .transform((c): CustomerSnapshot => ({ id: c.id, deleted: c.deleted === true, customerId: c.metadata[META.customer] ?? null, balanceCents: c.balance ?? 0 }));

export const priceSchema = z
  .object({ id: z.string(), lookup_key: text, unit_amount: cents.nullable(), currency: z.string(), active: z.boolean() })
  .transform((p): PriceSnapshot => ({ id: p.id, lookupKey: p.lookup_key, amountCents: p.unit_amount, currency: p.currency, active: p.active }));

export const checkoutSchema = z
  .object({ id: z.string(), customer: maybeReference, status: text, subscription: maybeReference, url: text, expires_at: instant })
  .transform((s): CheckoutSnapshot => ({ id: s.id, customer: s.customer ?? '', status: s.status ?? 'open', subscription: s.subscription, url: s.url, expiresAt: s.expires_at }));

export const subscriptionSchema = z
  .object({
    id: z.string(),
    customer: reference,
    status: z.string(),
    // Its only one: we make no others, and one that somebody added by hand does not make a tier.
    items: z.object({ data: z.array(z.object({ id: z.string(), price: priceSchema, current_period_start: instant, current_period_end: instant })).min(1) }),
    cancel_at: maybeInstant,
    trial_end: maybeInstant,
    ended_at: maybeInstant,
    created: instant,
  })
  .transform((s): SubscriptionSnapshot => {
    const item = s.items.data[0]!;
    return { id: s.id, customer: s.customer, status: s.status, itemId: item.id, price: item.price, periodStart: item.current_period_start, periodEnd: item.current_period_end, cancelAt: s.cancel_at, trialEnd: s.trial_end, endedAt: s.ended_at, createdAt: s.created };
  });

const invoiceLineSchema = z.object({
  amount: cents,
  metadata,
  parent: z.object({ invoice_item_details: z.object({ invoice_item: z.string(), proration: z.boolean().nullish() }).nullish(), subscription_item_details: z.object({}).nullish() }).nullish(),
});
type InvoiceLine = z.output<typeof invoiceLineSchema>;

const isFee = ({ parent }: InvoiceLine): boolean => Boolean(parent?.subscription_item_details) || parent?.invoice_item_details?.proration === true;
/** An item's metadata is its line's as well. */
const isOurs = ({ parent, metadata: named }: InvoiceLine): boolean => Boolean(parent?.invoice_item_details) && named[META.outbox] !== undefined;
const sumOf = (lines: readonly InvoiceLine[]): number => lines.reduce((sum, { amount }) => sum + amount, 0);

export const invoiceSchema = z
  .object({
    id: z.string(),
    customer: maybeReference,
    parent: z.object({ subscription_details: z.object({ subscription: reference }).nullish() }).nullish(),
    number: text,
    status: text,
    currency: z.string(),
    total: cents,
    amount_due: cents,
    amount_paid: cents,
    attempt_count: z.int(),
    next_payment_attempt: maybeInstant,
    hosted_invoice_url: text,
    invoice_pdf: text,
    last_finalization_error: z.object({ message: z.string().optional() }).nullish(),
    // Of the customer's balance; null until it is finalised.
    starting_balance: cents,
    ending_balance: cents.nullable(),
    pre_payment_credit_notes_amount: cents,
    lines: z.object({ data: z.array(invoiceLineSchema) }),
    created: instant,
    status_transitions: z.object({ finalized_at: maybeInstant, paid_at: maybeInstant, voided_at: maybeInstant }),
    metadata,
  })
  .transform(
    (i): InvoiceSnapshot => ({
      id: i.id,
      customer: i.customer ?? '',
      subscription: i.parent?.subscription_details?.subscription ?? null,
      number: i.number,
      status: i.status ?? 'draft',
      currency: i.currency,
      totalCents: i.total,
      dueCents: i.amount_due,
      paidCents: i.amount_paid,
      attempts: i.attempt_count,
      nextPaymentAttempt: i.next_payment_attempt,
      url: i.hosted_invoice_url,
      pdf: i.invoice_pdf,
      problem: i.last_finalization_error === null || i.last_finalization_error === undefined ? null : (i.last_finalization_error.message ?? 'it could not be finalised'),
      items: i.lines.data.flatMap(({ amount, parent }) => (parent?.invoice_item_details ? [{ itemId: parent.invoice_item_details.invoice_item, amountCents: amount }] : [])),
      feeCents: sumOf(i.lines.data.filter(isFee)),
      chargedCents: sumOf(i.lines.data.filter(isOurs)),
      balanceCents: i.ending_balance === null ? 0 : i.ending_balance - i.starting_balance,
      creditedCents: i.pre_payment_credit_notes_amount,
      createdAt: i.created,
      finalizedAt: i.status_transitions.finalized_at,
      paidAt: i.status_transitions.paid_at,
      voidedAt: i.status_transitions.voided_at,
      outboxId: i.metadata[META.outbox] ?? null,
    }),
  );

export const invoiceItemSchema = z
  .object({ id: z.string(), customer: reference, amount: cents, currency: z.string(), invoice: maybeReference, metadata })
  .transform((i): InvoiceItemSnapshot => ({ id: i.id, customer: i.customer, amountCents: i.amount, currency: i.currency, invoice: i.invoice, outboxId: i.metadata[META.outbox] ?? null }));

export const creditNoteSchema = z
  .object({
    id: z.string(),
    customer: reference,
    invoice: reference,
    status: z.string(),
    currency: z.string(),
    total: cents,
    pre_payment_amount: cents,
    refunds: z.array(z.object({ amount_refunded: cents })).nullish(),
    out_of_band_amount: cents.nullish(),
    created: instant,
  })
  .transform(
    (n): CreditNoteSnapshot => ({
      id: n.id,
      customer: n.customer,
      invoice: n.invoice,
      status: n.status,
      currency: n.currency,
      amountCents: n.total,
      prePaymentCents: n.pre_payment_amount,
      refundedCents: (n.refunds ?? []).reduce((sum, { amount_refunded }) => sum + amount_refunded, 0),
      outOfBandCents: n.out_of_band_amount ?? 0,
      createdAt: n.created,
    }),
  );

/** Whose they are stands in the charge. */
export const refundSchema = z.object({ id: z.string(), charge: maybeReference, customer: maybeReference, status: text, currency: z.string(), amount: cents, created: instant });
export const disputeSchema = z.object({ id: z.string(), charge: reference, status: z.string(), currency: z.string(), amount: cents, created: instant });
export const chargeSchema = z.object({ id: z.string(), customer: maybeReference });
