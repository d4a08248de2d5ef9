import { z } from 'zod';
import { STANDINGS } from '../core/stripe/standing.js';

const cents = z.string().describe('US cents, a decimal string');
const instant = z.iso.datetime();

export const invoiceViewSchema = z.object({
  id: z.string(),
  number: z.string().nullable(),
  status: z.string(),
  currency: z.string(),
  totalCents: cents,
  dueCents: cents,
  paidCents: cents,
  createdAt: instant,
  paidAt: instant.nullable(),
  nextPaymentAttempt: instant.nullable(),
  problem: z.string().nullable(),
  url: z.string().nullable().describe('Stripe\'s page for it, where it can be paid'),
  pdf: z.string().nullable(),
});
export type InvoiceView = z.output<typeof invoiceViewSchema>;

const chargeViewSchema = z.object({
  id: z.string(),
  label: z.string(),
  amountCents: cents,
  periodStart: instant,
  periodEnd: instant,
  state: z.enum(['pending', 'sending', 'unknown', 'sent', 'refused', 'waived']),
  problem: z.string().nullable(),
  invoice: z.string().nullable().describe('The invoice that it is on, once there is one'),
});
export type ChargeView = z.output<typeof chargeViewSchema>;

/** A customer's billing, as a person wants it. */
export const billingStateSchema = z.object({
  customerId: z.string(),
  name: z.string(),
  tier: z.string(),
  billed: z.boolean().describe('Whether charges are sent: the flag billing_enabled'),
  stripe: z.object({ mode: z.enum(['test', 'live', 'off']), customer: z.string().nullable() }),
  standing: z.enum(STANDINGS),
  dunning: z.object({ since: instant, graceFrom: instant, freeFrom: instant }).nullable().describe('When a payment failed, and what follows from it when; null while nothing is owed'),
  attention: z.array(z.string()).describe('What a person should look at'),
  subscription: z.object({ id: z.string(), status: z.string(), tier: z.string().nullable(), periodStart: instant.nullable(), periodEnd: instant.nullable(), endsAt: instant.nullable(), trialEnd: instant.nullable() }).nullable(),
  invoices: z.array(invoiceViewSchema).describe('The newest first'),
  charges: z.array(chargeViewSchema).describe('Of closed statements: what waits, is refused or was let go, and the newest that were sent'),
});
export type BillingState = z.output<typeof billingStateSchema>;
