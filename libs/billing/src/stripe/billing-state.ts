import { notFound } from '@apex/common';
import { type DataSource } from 'typeorm';
import { type Standing } from '../core/stripe/standing.js';
import { type BillingState, type ChargeView, type InvoiceView } from './billing-state.views.js';

const NEWEST = 24;

/** Reads what Apex knows of a customer's billing; Stripe is not asked. */
export class BillingStates {
  constructor(
    private readonly dataSource: DataSource,
    private readonly mode: BillingState['stripe']['mode'],
    private readonly billed: (customerId: string) => boolean,
  ) {}

  /** @throws ApexError 404 */
  async of(customerId: string): Promise<BillingState> {
    const [customer] = await this.dataSource.query<Array<{ name: string; tier: string; stripe_customer_id: string | null }>>('select name, tier, stripe_customer_id from customers where id = $1', [customerId]);
    if (customer === undefined) throw notFound('customer');
    const [standing] = await this.dataSource.query<Array<{ standing: Standing; past_due_since: Date | null; grace_from: Date | null; grace_until: Date | null; attention: string[] }>>('select standing, past_due_since, grace_from, grace_until, attention from billing_standings where customer_id = $1', [customerId]);
    return {
      customerId,
      name: customer.name,
      tier: customer.tier,
      billed: this.billed(customerId),
      stripe: { mode: this.mode, customer: customer.stripe_customer_id },
      standing: standing?.standing ?? 'none',
      dunning: standing?.past_due_since ? { since: standing.past_due_since.toISOString(), graceFrom: standing.grace_from!.toISOString(), freeFrom: standing.grace_until!.toISOString() } : null,
      attention: standing?.attention ?? [],
      subscription: await this.subscriptionOf(customerId),
      invoices: await this.invoices(customerId),
      charges: await this.chargesOf(customerId),
    };
  }

  async invoices(customerId: string): Promise<InvoiceView[]> {
    return (
      await this.dataSource.query<Array<Omit<InvoiceView, 'createdAt' | 'paidAt' | 'nextPaymentAttempt'> & { created_at: Date; paid_at: Date | null; next_at: Date | null }>>(
        `select id, number, status, currency, total_cents as "totalCents", due_cents as "dueCents", paid_cents as "paidCents", created_at, paid_at, next_payment_attempt as next_at, problem, url, pdf
         from stripe_invoices where customer_id = $1 and status <> 'deleted' order by created_at desc, id desc limit $2`,
        [customerId, NEWEST],
      )
    ).map(({ created_at, paid_at, next_at, ...invoice }) => ({ ...invoice, createdAt: created_at.toISOString(), paidAt: iso(paid_at), nextPaymentAttempt: iso(next_at) }));
  }

  private async subscriptionOf(customerId: string): Promise<BillingState['subscription']> {
    const [row] = await this.dataSource.query<Array<{ id: string; status: string; tier: string | null; period_start: Date | null; period_end: Date | null; cancel_at: Date | null; ended_at: Date | null; trial_end: Date | null }>>(
      `select * from stripe_subscriptions where customer_id = $1 order by ended_at is not null, created_at desc limit 1`,
      [customerId],
    );
    return row === undefined ? null : { id: row.id, status: row.status, tier: row.tier, periodStart: iso(row.period_start), periodEnd: iso(row.period_end), endsAt: iso(row.ended_at ?? row.cancel_at), trialEnd: iso(row.trial_end) };
  }

  private async chargesOf(customerId: string): Promise<ChargeView[]> {
    const rows = await this.dataSource.query<Array<Omit<ChargeView, 'periodStart' | 'periodEnd'> & { period_start: Date; period_end: Date }>>(
      `select id, label, amount_cents as "amountCents", period_start, period_end, state, last_error as problem, stripe_invoice_id as invoice
       from stripe_outbox where customer_id = $1 and kind = 'invoice_item' order by state = 'sent', period_start desc, label limit $2`,
      [customerId, NEWEST],
    );
    return rows.map(({ period_start, period_end, ...charge }) => ({ ...charge, periodStart: period_start.toISOString(), periodEnd: period_end.toISOString() }));
  }
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;
