import { type BillingState, billingReport } from './billing-report.js';

const state: BillingState = {
  customerId: 'acme',
  name: 'Acme Inc.',
  tier: 'mid',
  billed: true,
  stripe: { mode: 'live', customer: 'cus_1' },
  standing: 'grace',
  dunning: { since: '2026-03-01T01:00:00.000Z', graceFrom: '2026-03-08T01:00:00.000Z', freeFrom: '2026-03-15T01:00:00.000Z' },
  attention: ['disputed'],
  subscription: { id: 'sub_1', status: 'past_due', tier: 'mid', periodStart: '2026-03-01T00:00:00.000Z', periodEnd: '2026-04-01T00:00:00.000Z', endsAt: null, trialEnd: null },
  invoices: [
    { number: 'APEX-2', id: 'in_2', status: 'open', currency: 'usd', totalCents: '50000', paidCents: '0', createdAt: '2026-03-01T00:00:00.000Z', nextPaymentAttempt: '2026-03-09T00:00:00.000Z', problem: null, url: 'https://pay.test/in_2' },
    { number: null, id: 'in_1', status: 'paid', currency: 'usd', totalCents: '5', paidCents: '5', createdAt: '2026-02-01T00:00:00.000Z', nextPaymentAttempt: null, problem: null, url: null },
  ],
  charges: [
    { label: 'vbp', amountCents: '123456', periodStart: '2026-02-01T00:00:00.000Z', periodEnd: '2026-03-01T00:00:00.000Z', state: 'refused', problem: 'missing: No such customer', invoice: null },
    { label: 'credit', amountCents: '-99', periodStart: '2026-01-01T00:00:00.000Z', periodEnd: '2026-02-01T00:00:00.000Z', state: 'sent', problem: null, invoice: 'in_1' },
  ],
};

describe('the report of a customer\'s billing', () => {
  it('says who pays what, what is owed since when, and what a person should look at', () => {
    expect(billingReport(state)).toBe(`Acme Inc. (acme)
  Tier       mid
  Standing   a payment failed; on grace
             unpaid since 2026-03-01, grace from 2026-03-08, free tier from 2026-03-15
  Stripe     live mode, cus_1
  Subscribed mid, past_due, 2026-03-01 to 2026-04-01 (sub_1)
  ATTENTION  a payment is disputed

Charges of statements
  2026-02-01 to 2026-03-01  share of savings      $1234.56  REFUSED: missing: No such customer
  2026-01-01 to 2026-02-01  credit                  -$0.99  on invoice in_1

Invoices
  2026-03-01  APEX-2                 $500.00  open, next attempt 2026-03-09
              to be paid at https://pay.test/in_2
  2026-02-01  in_1                     $0.05  paid`);
  });

  it('says of who never subscribed that nothing is sent', () => {
    expect(billingReport({ ...state, tier: 'free', billed: false, stripe: { mode: 'off', customer: null }, standing: 'none', dunning: null, attention: [], subscription: null, invoices: [], charges: [] })).toBe(`Acme Inc. (acme)
  Tier       free
  Standing   has never subscribed
  Stripe     not configured
             billing_enabled is off: charges are computed and wait`);
  });
});
