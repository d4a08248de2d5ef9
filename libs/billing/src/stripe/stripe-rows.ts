import { type EntityManager } from 'typeorm';
import { type Attention, type Facts, type Standing } from '../core/stripe/standing.js';
import { type InvoiceSnapshot, type SubscriptionSnapshot } from '../core/stripe/snapshots.js';

/** A row of `billing_standings`. */
export interface StandingRow {
  readonly standing: Standing;
  readonly derived_tier: string | null;
  readonly past_due_since: Date | null;
  readonly grace_from: Date | null;
  readonly grace_until: Date | null;
  readonly attention: Attention[];
  readonly customer_deleted_at: Date | null;
  readonly disputed: string[];
}

export async function storeSubscription(manager: EntityManager, customerId: string, s: SubscriptionSnapshot, tier: string | null, now: Date): Promise<void> {
  await manager.query(
    `insert into stripe_subscriptions (id, customer_id, status, tier, price_id, currency, period_start, period_end, cancel_at, trial_end, ended_at, created_at, fetched_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (id) do update set status = excluded.status, tier = excluded.tier, price_id = excluded.price_id, currency = excluded.currency, period_start = excluded.period_start, period_end = excluded.period_end,
       cancel_at = excluded.cancel_at, trial_end = excluded.trial_end, ended_at = excluded.ended_at, fetched_at = excluded.fetched_at`,
    [s.id, customerId, s.status, tier, s.price.id, s.price.currency, s.periodStart, s.periodEnd, s.cancelAt, s.trialEnd, s.endedAt, s.createdAt, now],
  );
}

export async function storeInvoice(manager: EntityManager, customerId: string, i: InvoiceSnapshot, now: Date): Promise<void> {
  await manager.query(
    `insert into stripe_invoices (id, customer_id, subscription_id, number, status, currency, total_cents, due_cents, paid_cents, attempts, next_payment_attempt, url, pdf, problem, created_at, finalized_at, paid_at, fetched_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
     on conflict (id) do update set subscription_id = excluded.subscription_id, number = excluded.number, status = excluded.status, currency = excluded.currency, total_cents = excluded.total_cents, due_cents = excluded.due_cents, paid_cents = excluded.paid_cents,
       attempts = excluded.attempts, next_payment_attempt = excluded.next_payment_attempt, url = excluded.url, pdf = excluded.pdf, problem = excluded.problem, finalized_at = excluded.finalized_at, paid_at = excluded.paid_at, fetched_at = excluded.fetched_at`,
    [i.id, customerId, i.subscription, i.number, i.status, i.currency, i.totalCents, i.dueCents, i.paidCents, i.attempts, i.nextPaymentAttempt, i.url, i.pdf, i.problem, i.createdAt, i.finalizedAt, i.paidAt, now],
  );
  // Where our items ended up, and at what amount.
  await manager.query(
    `update stripe_outbox o set stripe_invoice_id = $2, invoiced_cents = l.cents
     from json_to_recordset($3::json) l (id text, cents bigint)
     where o.customer_id = $1 and o.kind = 'invoice_item' and o.stripe_id = l.id and (o.stripe_invoice_id, o.invoiced_cents) is distinct from ($2, l.cents)`,
    [customerId, i.id, JSON.stringify(i.items.map(({ itemId, amountCents }) => ({ id: itemId, cents: amountCents })))],
  );
}

/** An invoice that was a draft and was deleted at Stripe: it asks for nothing. */
export async function storeMissingInvoice(manager: EntityManager, id: string, now: Date): Promise<void> {
  await manager.query(`update stripe_invoices set status = 'deleted', fetched_at = $2 where id = $1`, [id, now]);
  await manager.query('update stripe_outbox set stripe_invoice_id = null, invoiced_cents = null where stripe_invoice_id = $1', [id]);
}

/** Remembers a dispute as long as it is open. */
export async function storeDispute(manager: EntityManager, customerId: string, id: string, open: boolean, now: Date): Promise<void> {
  await manager.query(
    `insert into billing_standings (customer_id, standing, disputed, updated_at) values ($1, 'none', case when $3 then array[$2::text] else '{}' end, $4)
     on conflict (customer_id) do update set disputed = array(select distinct d from unnest(array_remove(billing_standings.disputed, $2) || excluded.disputed) d order by d)`,
    [customerId, id, open, now],
  );
}

export async function standingOf(manager: EntityManager, customerId: string): Promise<StandingRow | null> {
  const [row] = await manager.query<StandingRow[]>('select * from billing_standings where customer_id = $1', [customerId]);
  return row ?? null;
}

/** All that a standing is derived from, as it is stored. */
export async function factsOf(manager: EntityManager, customerId: string, { deleted, disputed }: { deleted: boolean; disputed: boolean }): Promise<Facts> {
  const [row] = await manager.query<Array<{ subscriptions: KnownRow[]; invoices: UnpaidRow[]; differs: boolean }>>(
    `select
       coalesce((select json_agg(s) from (select id, status, tier, currency, created_at, period_start from stripe_subscriptions where customer_id = $1) s), '[]') as subscriptions,
       coalesce((select json_agg(i) from (select status, attempts, finalized_at from stripe_invoices where customer_id = $1 and status in ('open', 'uncollectible')) i), '[]') as invoices,
       exists (select from stripe_outbox where customer_id = $1 and invoiced_cents <> amount_cents) as differs`,
    [customerId],
  );
  const { subscriptions, invoices, differs } = row!;
  return {
    subscriptions: subscriptions.map((s) => ({ id: s.id, status: s.status, tier: s.tier, currency: s.currency, createdAt: new Date(s.created_at), periodStart: s.period_start === null ? null : new Date(s.period_start) })),
    invoices: invoices.map((i) => ({ status: i.status, attempts: i.attempts, finalizedAt: i.finalized_at === null ? null : new Date(i.finalized_at) })),
    customerDeleted: deleted,
    disputed,
    amountDiffers: differs,
  };
}

/** Times come out of JSON as text. */
interface KnownRow {
  readonly id: string;
  readonly status: string;
  readonly tier: string | null;
  readonly currency: string;
  readonly created_at: string;
  readonly period_start: string | null;
}

interface UnpaidRow {
  readonly status: string;
  readonly attempts: number;
  readonly finalized_at: string | null;
}
