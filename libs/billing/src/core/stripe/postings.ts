import { type CreditNoteSnapshot, type DisputeSnapshot, type InvoiceSnapshot, type RefundSnapshot } from './snapshots.js';

const PICODOLLARS_PER_CENT = 10_000_000_000n;

/** Exact: a cent is a whole number of picodollars. */
export const centsToPd = (cents: number | bigint): bigint => BigInt(cents) * PICODOLLARS_PER_CENT;

type StripeAccount = 'customer:receivable' | 'customer:balance' | 'revenue:platform' | 'rounding' | 'cash' | 'adjustments';
type Amounts = readonly (readonly [StripeAccount, number])[];

/** An entry for the ledger: positive amounts are debits, and they sum to nothing. */
export interface StripePosting {
  readonly kind: 'invoice' | 'payment' | 'refund' | 'credit_note' | 'dispute' | 'adjustment';
  readonly sourceId: string;
  readonly occurredAt: Date;
  readonly memo: string;
  readonly lines: readonly { readonly account: StripeAccount; readonly amountPd: bigint }[];
}

/**
 * A finalised invoice: what it asks for is owed. Statements have posted our charges already, so what is left to post is the
 * subscription's fee as it is asked for (whole, prorated, or nothing in a trial), and what people added by hand. What is
 * set off against the customer's balance at Stripe, or put on it, is moved there: it is asked for in no money. (It is never
 * `customer:credit`, which statements use up themselves.) One that is voided asks for nothing any more, our charges included.
 */
export function invoiceOf(invoice: InvoiceSnapshot): StripePosting[] {
  if (invoice.finalizedAt === null) return [];
  const { totalCents: total, feeCents: fee, chargedCents: charged, balanceCents: balance, creditedCents: credited } = invoice;
  const name = invoice.number ?? invoice.id;
  const asked = posting('invoice', invoice.id, invoice.finalizedAt, `Invoice ${name}`, [
    ['customer:receivable', total - charged - balance],
    ['customer:balance', balance],
    ['revenue:platform', -fee],
    ['adjustments', fee + charged - total],
  ]);
  if (invoice.status !== 'void') return present(asked);
  return present(
    asked,
    posting('invoice', `${invoice.id}:void`, invoice.voidedAt ?? invoice.finalizedAt, `Invoice ${name} voided`, [
      ['customer:receivable', balance + credited - total],
      ['customer:balance', -balance],
      ['revenue:platform', fee],
      ['adjustments', total - fee - credited],
    ]),
  );
}

/** A paid invoice: money came in, and so much less is owed. One that the customer's balance paid brings none. */
export function paymentOf(invoice: InvoiceSnapshot): StripePosting | null {
  if (invoice.status !== 'paid' || invoice.paidAt === null) return null;
  return posting('payment', invoice.id, invoice.paidAt, `Invoice ${invoice.number ?? invoice.id} paid`, [
    ['cash', invoice.paidCents],
    ['customer:receivable', -invoice.paidCents],
  ]);
}

/** Money given back of our own will. One that failed in the end is taken back by a second posting. */
export function refundsOf(refund: RefundSnapshot): StripePosting[] {
  const lines = [['adjustments', refund.amountCents], ['cash', -refund.amountCents]] as const;
  const given = posting('refund', refund.id, refund.createdAt, `Refund ${refund.id}`, lines);
  switch (refund.status) {
    case 'succeeded':
      return present(given);
    case 'failed':
    case 'canceled':
      return present(given, undone('refund', `${refund.id}:failed`, refund.createdAt, `Refund ${refund.id} failed`, lines));
    default:
      return [];
  }
}

/**
 * What a credit note takes off that is not paid out by a refund: refunds have postings of their own, so that it does not
 * matter which of the two is heard of first. Of what was paid, the rest goes to the customer's balance at Stripe. One that
 * is voided is taken back by a second posting.
 */
export function creditNotesOf(note: CreditNoteSnapshot): StripePosting[] {
  const lines = [
    ['adjustments', note.amountCents - note.refundedCents],
    ['customer:receivable', -note.prePaymentCents],
    ['customer:balance', note.prePaymentCents + note.refundedCents + note.outOfBandCents - note.amountCents],
    ['cash', -note.outOfBandCents],
  ] as const;
  const issued = posting('credit_note', note.id, note.createdAt, `Credit note ${note.id} on invoice ${note.invoice}`, lines);
  return present(issued, note.status === 'void' ? undone('credit_note', `${note.id}:void`, note.createdAt, `Credit note ${note.id} voided`, lines) : null);
}

/** The bank took a payment back: it is owed again. A dispute that is won undoes that. A warning has moved no money. */
export function disputesOf(dispute: DisputeSnapshot): StripePosting[] {
  if (dispute.status.startsWith('warning_') || dispute.status === 'prevented') return [];
  const lines = [['customer:receivable', dispute.amountCents], ['cash', -dispute.amountCents]] as const;
  const taken = posting('dispute', dispute.id, dispute.createdAt, `Dispute ${dispute.id}`, lines);
  return present(taken, dispute.status === 'won' ? undone('dispute', `${dispute.id}:won`, dispute.createdAt, `Dispute ${dispute.id} won`, lines) : null);
}

/** A charge that an operator lets go before it was sent. */
export function waiverOf(charge: { readonly id: string; readonly amountCents: bigint; readonly at: Date; readonly reason: string }): StripePosting {
  const amountPd = centsToPd(charge.amountCents);
  return { kind: 'adjustment', sourceId: `waived:${charge.id}`, occurredAt: charge.at, memo: `Charge ${charge.id} waived: ${charge.reason}`, lines: [{ account: 'adjustments', amountPd }, { account: 'customer:receivable', amountPd: -amountPd }] };
}

/** The fee of a period with a subscription, which a statement posted before the subscription was known here: its invoices ask for it. */
export function feeTakenBack(statement: { readonly id: string; readonly feePd: bigint; readonly feeCents: bigint; readonly at: Date }): StripePosting {
  const owedPd = centsToPd(statement.feeCents);
  const lines = ([['customer:receivable', -owedPd], ['rounding', owedPd - statement.feePd], ['revenue:platform', statement.feePd]] as const).map(([account, amountPd]) => ({ account, amountPd }));
  return { kind: 'adjustment', sourceId: `${FEE_TAKEN_BACK}${statement.id}`, occurredAt: statement.at, memo: `Platform fee of statement ${statement.id}: the subscription asks for it`, lines };
}

/** What `feeTakenBack` puts before a statement's id. */
export const FEE_TAKEN_BACK = 'platform_fee:';

export const isOpenDispute = (status: string): boolean => !['won', 'lost', 'warning_closed', 'prevented'].includes(status);

const present = (...postings: readonly (StripePosting | null)[]): StripePosting[] => postings.filter((one) => one !== null);

const undone = (kind: StripePosting['kind'], sourceId: string, occurredAt: Date, memo: string, amounts: Amounts): StripePosting | null =>
  posting(kind, sourceId, occurredAt, memo, amounts.map(([account, cents]) => [account, -cents] as const));

function posting(kind: StripePosting['kind'], sourceId: string, occurredAt: Date, memo: string, amounts: Amounts): StripePosting | null {
  const lines = amounts.filter(([, cents]) => cents !== 0).map(([account, cents]) => ({ account, amountPd: centsToPd(cents) }));
  return lines.length === 0 ? null : { kind, sourceId, occurredAt, memo, lines };
}
