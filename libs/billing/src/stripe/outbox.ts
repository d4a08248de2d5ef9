import { type DataSource, type EntityManager } from 'typeorm';

export type OutboxState = 'pending' | 'sending' | 'unknown' | 'sent' | 'refused' | 'waived';

/** One thing that Stripe is to be asked for, once. */
export interface OutboxRow {
  readonly id: string;
  readonly kind: 'invoice_item' | 'final_invoice';
  readonly customerId: string;
  readonly statementId: string | null;
  readonly amountCents: bigint;
  readonly currency: string;
  readonly description: string;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly statementHash: string | null;
  /** `vbp`, `bvm`, `passthrough`, `credit`, `final`. */
  readonly label: string;
  readonly state: OutboxState;
  readonly generation: number;
  readonly attempts: number;
  readonly firstAttemptAt: Date | null;
  /** What its invoice comes to at least: all charges of its statement, and the subscription's fee. */
  readonly invoiceCents: bigint;
}

const COLUMNS = `o.id, o.kind, o.customer_id as "customerId", o.statement_id as "statementId", o.amount_cents as "amountCents", o.currency, o.description, o.period_start as "periodStart", o.period_end as "periodEnd",
  o.statement_hash as "statementHash", o.label, o.state, o.generation, o.attempts, o.first_attempt_at as "firstAttemptAt",
  coalesce((select sum(s.amount_cents) from stripe_outbox s where s.kind = 'invoice_item' and s.statement_id = o.statement_id), o.amount_cents)
    + coalesce((select max(p.amount_cents) from stripe_subscriptions s join stripe_prices p on p.stripe_price_id = s.price_id where s.customer_id = o.customer_id and s.status in ('active', 'trialing', 'past_due')), 0) as "invoiceCents"`;

type Stored = Omit<OutboxRow, 'amountCents' | 'invoiceCents'> & { readonly amountCents: string; readonly invoiceCents: string };

const WAITING = `state in ('pending', 'sending', 'unknown')`;

/** The table of what is to be sent. */
export class Outbox {
  constructor(private readonly dataSource: DataSource) {}

  /** Takes over the charges of closed statements that it does not have yet. @returns how many */
  async takeCharges(now: Date): Promise<number> {
    const rows = await this.dataSource.query<unknown[]>(
      `insert into stripe_outbox (id, kind, source_id, customer_id, statement_id, amount_cents, currency, description, period_start, period_end, statement_hash, label, next_attempt_at)
       select c.id, 'invoice_item', c.id::text, c.customer_id, c.statement_id, c.amount_cents, c.currency, c.description, c.period_start, c.period_end, c.statement_hash, c.kind, $1
       from statement_charges c where not exists (select from stripe_outbox o where o.kind = 'invoice_item' and o.source_id = c.id::text)
       on conflict (kind, source_id) do nothing returning id`,
      [now],
    );
    return rows.length;
  }

  /**
   * Where no subscription will ever make an invoice, what was sent for a statement gets one of its own. A subscription that
   * is only to end later does not invoice what comes after its end either, so the end is waited for.
   * @returns how many were added
   */
  async addFinalInvoices(now: Date): Promise<number> {
    const rows = await this.dataSource.query<unknown[]>(
      `insert into stripe_outbox (id, kind, source_id, customer_id, statement_id, amount_cents, currency, description, period_start, period_end, statement_hash, label, next_attempt_at)
       select gen_random_uuid(), 'final_invoice', o.statement_id::text, o.customer_id, o.statement_id, sum(o.amount_cents), 'usd', 'Final invoice', min(o.period_start), max(o.period_end), min(o.statement_hash), 'final', $1
       from stripe_outbox o
       where o.kind = 'invoice_item' and o.statement_id is not null
         and not exists (select from stripe_subscriptions s where s.customer_id = o.customer_id and s.status not in ('canceled', 'incomplete_expired', 'incomplete'))
         and not exists (select from stripe_outbox f where f.kind = 'final_invoice' and f.source_id = o.statement_id::text)
       group by o.customer_id, o.statement_id
       having bool_or(o.state = 'sent' and o.stripe_invoice_id is null) and bool_and(o.state in ('sent', 'waived', 'refused'))
       on conflict (kind, source_id) do nothing returning id`,
      [now],
    );
    return rows.length;
  }

  /** Drafts with charges of ours whose subscription has ended: nobody finalises them. @param before not looked at since */
  leftBehind(before: Date): Promise<Array<{ readonly id: string; readonly customerId: string }>> {
    return this.dataSource.query(
      `select i.id, i.customer_id as "customerId" from stripe_invoices i join stripe_subscriptions s on s.id = i.subscription_id
       where i.status = 'draft' and i.problem is null and i.fetched_at <= $1 and s.status = 'canceled' and exists (select from stripe_outbox o where o.stripe_invoice_id = i.id) order by i.id`,
      [before],
    );
  }

  /** Customers for whom something is due. */
  async customersWaiting(now: Date): Promise<string[]> {
    const rows = await this.dataSource.query<Array<{ customer_id: string }>>(`select distinct customer_id from stripe_outbox where ${WAITING} and next_attempt_at <= $1 order by 1`, [now]);
    return rows.map((row) => row.customer_id);
  }

  /** What is due for a customer: items before the invoice that holds them. */
  async due(customerId: string, now: Date): Promise<string[]> {
    const rows = await this.dataSource.query<Array<{ id: string }>>(`select id from stripe_outbox where customer_id = $1 and ${WAITING} and next_attempt_at <= $2 order by kind desc, period_start, label, id`, [customerId, now]);
    return rows.map((row) => row.id);
  }

  /** The row if it still waits, locked. */
  async lock(manager: EntityManager, id: string): Promise<OutboxRow | null> {
    const [row] = await manager.query<Stored[]>(`select ${COLUMNS} from stripe_outbox o where o.id = $1 and ${WAITING} for update of o`, [id]);
    return row === undefined ? null : { ...row, amountCents: BigInt(row.amountCents), invoiceCents: BigInt(row.invoiceCents) };
  }

  /** Written down before Stripe is asked, so that whoever comes after knows that it may have been. */
  async beginAttempt(manager: EntityManager, id: string, now: Date): Promise<void> {
    await manager.query(`update stripe_outbox set state = 'sending', attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, $2), next_attempt_at = $2 where id = $1`, [id, now]);
  }

  async markSent(manager: EntityManager, id: string, stripeId: string, now: Date): Promise<void> {
    await manager.query(`update stripe_outbox set state = 'sent', stripe_id = $2, sent_at = $3, last_error = null where id = $1`, [id, stripeId, now]);
  }

  async settle(manager: EntityManager, id: string, step: { readonly state: OutboxState; readonly generation: number; readonly nextAttemptAt: Date; readonly error: string | null }): Promise<void> {
    await manager.query('update stripe_outbox set state = $2, generation = $3, next_attempt_at = $4, last_error = $5 where id = $1', [id, step.state, step.generation, step.nextAttemptAt, step.error?.slice(0, 500) ?? null]);
  }

  /** A new account at Stripe: what waited for one, or was refused by the one that is gone, is due, under keys of its own. */
  async release(manager: EntityManager, customerId: string, now: Date): Promise<void> {
    await manager.query(`update stripe_outbox set state = 'pending', generation = generation + case state when 'refused' then 1 else 0 end, next_attempt_at = $2 where customer_id = $1 and (state = 'pending' or state = 'refused' and last_error like 'missing:%')`, [customerId, now]);
  }
}
