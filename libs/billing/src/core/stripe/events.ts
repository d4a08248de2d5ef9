import { z } from 'zod';

/** The envelope of an event. What it holds of the object is only told where to look: the object itself is asked for anew. */
export const eventSchema = z.object({
  id: z.string().min(1).max(255),
  object: z.literal('event'),
  type: z.string().min(1).max(255),
  created: z.int().nonnegative(),
  livemode: z.boolean(),
  data: z.object({ object: z.looseObject({ id: z.string().optional(), object: z.string(), customer: z.unknown().optional() }) }),
});

export type StripeEvent = z.output<typeof eventSchema>;

export type ObjectKind = 'customer' | 'checkout' | 'subscription' | 'invoice' | 'credit_note' | 'refund' | 'dispute' | 'charge';

/** What to ask Stripe for because of an event; null for one that says nothing to us. */
export interface EventTarget {
  readonly kind: ObjectKind;
  readonly id: string;
  /** Whose it says it is; null where the event does not tell. */
  readonly customer: string | null;
}

const KINDS: readonly (readonly [prefix: string, object: string, kind: ObjectKind])[] = [
  ['checkout.session.', 'checkout.session', 'checkout'],
  ['customer.subscription.', 'subscription', 'subscription'],
  ['customer.', 'customer', 'customer'],
  ['invoice.', 'invoice', 'invoice'],
  ['credit_note.', 'credit_note', 'credit_note'],
  ['charge.dispute.', 'dispute', 'dispute'],
  ['charge.refund', 'charge', 'charge'],
  ['refund.', 'refund', 'refund'],
];

export function targetOf(event: StripeEvent): EventTarget | null {
  const { id, object, customer } = event.data.object;
  const found = KINDS.find(([prefix, name]) => event.type.startsWith(prefix) && object === name);
  // `invoice.upcoming` tells of an invoice that is not made yet and has no id.
  return found === undefined || id === undefined ? null : { kind: found[2], id, customer: found[2] === 'customer' ? id : typeof customer === 'string' ? customer : null };
}

/** How far a signature's time may be from ours, before or behind. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;

/**
 * Whether a `stripe-signature` was made now. Stripe's SDK looks one way only: it takes one from the future, with which
 * a recorded request could be kept for later.
 */
export function isTimely(header: string, nowMs: number): boolean {
  const stamps = header.split(',').filter((part) => part.startsWith('t=')).map((part) => part.slice(2));
  return stamps.length === 1 && /^\d{1,12}$/.test(stamps[0]!) && Math.abs(nowMs / 1_000 - Number(stamps[0])) <= SIGNATURE_TOLERANCE_SECONDS;
}
