import { type Logger } from '@nestjs/common';
import { type Clock, newId } from '@apex/common';
import { type DataSource } from 'typeorm';
import { type BooksDifference, compareBooks, type CustomerBooks } from '../core/stripe/books-diff.js';
import { centsToPd, invoiceOf } from '../core/stripe/postings.js';
import { type CustomerSnapshot, type InvoiceSnapshot } from '../core/stripe/snapshots.js';
import { type PaymentProvider } from './payment-provider.js';
import { type Books } from './ports.js';
import { type StripeProjector } from './stripe-projector.js';

/** The hour of the day, UTC, from which a day's audit may begin. */
const FROM_HOUR = 3;
const HOUR_MS = 3_600_000;
/** How long something may wait before that is a finding. */
const PATIENCE_MS = 24 * HOUR_MS;

export interface AuditDifference extends BooksDifference {
  readonly customerId: string | null;
}

export interface AuditRun {
  readonly id: string;
  readonly day: string;
  readonly finishedAt: string;
  readonly checked: Readonly<Record<string, number>>;
  readonly differences: readonly AuditDifference[];
}

/** Compares our books with Stripe: every customer, subscription, invoice, item and payment. */
export class BooksAudit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly provider: PaymentProvider,
    private readonly projector: StripeProjector,
    private readonly books: Books,
    private readonly billed: (customerId: string) => boolean,
    private readonly clock: Clock,
    private readonly log: Pick<Logger, 'error' | 'log'>,
  ) {}

  /** The night's audit, once a day, by whichever process comes first. */
  async runIfDue(): Promise<AuditRun | null> {
    const now = this.clock.now();
    if (new Date(now).getUTCHours() < FROM_HOUR) return null;
    return this.dataSource.transaction(async (manager) => {
      const [lock] = await manager.query<Array<{ mine: boolean }>>(`select pg_try_advisory_xact_lock(hashtextextended('apex:stripe-audit', 0)) as mine`);
      if (lock?.mine !== true) return null;
      const [last] = await manager.query<unknown[]>('select 1 from stripe_audit_runs where day = $1', [dayOf(now)]);
      return last === undefined ? this.run() : null;
    });
  }

  /**
   * Lists every difference, stores them, and then takes over what Stripe has of subscriptions and invoices: an event that
   * was missed is made up for, and was seen. What was charged is never changed by it.
   */
  async run(): Promise<AuditRun> {
    const startedAt = new Date(this.clock.now());
    const customers = await this.dataSource.query<Array<{ id: string; stripe_customer_id: string }>>('select id, stripe_customer_id from customers where stripe_customer_id is not null order by id');
    const checked = { customers: 0, subscriptions: 0, invoices: 0, items: 0 };
    const differences: AuditDifference[] = [];
    for (const { id: customerId, stripe_customer_id: stripeCustomerId } of customers) {
      const account = await this.provider.customer(stripeCustomerId);
      const ours = await this.ours(customerId);
      const invoices = await this.provider.invoicesOf(stripeCustomerId);
      const theirs = await this.theirs(stripeCustomerId, invoices);
      const found = [...compareBooks(ours, theirs), ...(await this.unposted(customerId, invoices)), ...(await this.aboutAccount(customerId, account))];
      differences.push(...found.map((one) => ({ ...one, customerId })));
      checked.customers += 1;
      checked.subscriptions += theirs.subscriptions.length;
      checked.invoices += theirs.invoices.length;
      checked.items += theirs.items.length;
      if (found.length > 0) await this.projector.resync(customerId);
    }
    differences.push(...(await this.stuck(startedAt)));
    return this.store(startedAt, checked, differences);
  }

  /** The newest run, with its differences. */
  async latest(): Promise<AuditRun | null> {
    const [run] = await this.dataSource.query<Array<{ id: string; day: string; finished_at: Date; checked: Record<string, number> }>>('select id, day::text, finished_at, checked from stripe_audit_runs order by finished_at desc, id desc limit 1');
    if (run === undefined) return null;
    const differences = await this.dataSource.query<AuditDifference[]>('select customer_id as "customerId", kind, object_id as "objectId", ours, theirs from stripe_audit_differences where run_id = $1 order by no', [run.id]);
    return { id: run.id, day: run.day, finishedAt: run.finished_at.toISOString(), checked: run.checked, differences };
  }

  private async ours(customerId: string): Promise<CustomerBooks> {
    const ask = <T>(sql: string): Promise<T[]> => this.dataSource.query<T[]>(sql, [customerId]);
    const subscriptions = await ask<CustomerBooks['subscriptions'][number]>('select id, status, price_id as "priceId", period_end as "periodEnd" from stripe_subscriptions where customer_id = $1');
    const invoices = await ask<{ id: string; status: string; total: string; paid: string }>('select id, status, total_cents as total, paid_cents as paid from stripe_invoices where customer_id = $1');
    const items = await ask<{ id: string; outboxId: string; cents: string }>(`select stripe_id as id, id as "outboxId", amount_cents as cents from stripe_outbox where customer_id = $1 and kind = 'invoice_item' and state = 'sent' order by period_start, id`);
    return {
      subscriptions,
      invoices: invoices.map(({ id, status, total, paid }) => ({ id, status, totalCents: Number(total), paidCents: Number(paid) })),
      items: items.map(({ id, outboxId, cents }) => ({ id, outboxId, amountCents: BigInt(cents) })),
    };
  }

  private async theirs(customer: string, invoices: CustomerBooks['invoices']): Promise<CustomerBooks> {
    const subscriptions = await this.provider.subscriptionsOf(customer);
    const items = await this.provider.invoiceItemsOf(customer);
    return {
      subscriptions: subscriptions.map(({ id, status, price, periodEnd }) => ({ id, status, priceId: price.id, periodEnd })),
      invoices,
      items: items.flatMap(({ id, outboxId, amountCents }) => (outboxId === null ? [] : [{ id, outboxId, amountCents: BigInt(amountCents) }])),
    };
  }

  private async unposted(customerId: string, theirs: readonly InvoiceSnapshot[]): Promise<BooksDifference[]> {
    const usd = theirs.filter(({ currency }) => currency === 'usd');
    const invoices = await this.books.invoicesOf(customerId);
    const payments = await this.books.paymentsOf(customerId);
    return [
      ...usd.flatMap((invoice): BooksDifference[] => (invoiceOf(invoice).every(({ sourceId }) => invoices.has(sourceId)) ? [] : [{ kind: 'invoice_not_in_ledger', objectId: invoice.id, ours: null, theirs: `${invoice.status} ${invoice.totalCents} cents` }])),
      ...usd.flatMap(({ id, status, paidCents }): BooksDifference[] => {
        const ledger = payments.get(id) ?? 0n;
        if (status !== 'paid' || ledger === centsToPd(paidCents)) return [];
        return [{ kind: payments.has(id) ? 'payment_differs_in_ledger' : 'payment_not_in_ledger', objectId: id, ours: `${ledger} pd`, theirs: `${paidCents} cents` }];
      }),
    ];
  }

  private async aboutAccount(customerId: string, { id, deleted, balanceCents }: CustomerSnapshot): Promise<BooksDifference[]> {
    if (deleted) return [{ kind: 'customer_deleted', objectId: id, ours: 'known', theirs: 'deleted' }];
    const ledger = await this.books.balanceOf(customerId);
    return ledger === centsToPd(balanceCents) ? [] : [{ kind: 'balance_differs', objectId: id, ours: `${ledger} pd`, theirs: `${balanceCents} cents` }];
  }

  /** What should have been sent or understood by now. */
  private async stuck(now: Date): Promise<AuditDifference[]> {
    const before = new Date(now.getTime() - PATIENCE_MS);
    const charges = await this.dataSource.query<Array<{ id: string; customer_id: string; state: string; amount_cents: string; last_error: string | null }>>(`select id, customer_id, state, amount_cents, last_error from stripe_outbox where state = 'refused' or state in ('pending', 'sending', 'unknown') and created_at < $1 order by created_at, id`, [before]);
    const events = await this.dataSource.query<Array<{ id: string; type: string; last_error: string | null }>>('select id, type, last_error from stripe_events where processed_at is null and received_at < $1 order by received_at, id', [before]);
    return [
      ...charges.filter((one) => one.state === 'refused' || this.billed(one.customer_id)).map((one) => ({ kind: one.state === 'refused' ? ('charge_refused' as const) : ('charge_stuck' as const), customerId: one.customer_id, objectId: one.id, ours: `${one.state} ${one.amount_cents} cents: ${one.last_error ?? ''}`, theirs: null })),
      ...events.map((one) => ({ kind: 'event_stuck' as const, customerId: null, objectId: one.id, ours: `${one.type}: ${one.last_error ?? ''}`, theirs: null })),
    ];
  }

  private async store(startedAt: Date, checked: Readonly<Record<string, number>>, differences: readonly AuditDifference[]): Promise<AuditRun> {
    const run = { id: newId(), day: dayOf(startedAt.getTime()), finishedAt: new Date(this.clock.now()).toISOString(), checked, differences };
    await this.dataSource.transaction(async (manager) => {
      await manager.query('insert into stripe_audit_runs (id, day, started_at, finished_at, checked, differences) values ($1, $2, $3, $4, $5, $6)', [run.id, run.day, startedAt, run.finishedAt, JSON.stringify(checked), differences.length]);
      await manager.query(
        `insert into stripe_audit_differences (run_id, no, customer_id, kind, object_id, ours, theirs)
         select $1, (row_number() over ())::int, d."customerId", d.kind, d."objectId", d.ours, d.theirs from json_to_recordset($2::json) d ("customerId" text, kind text, "objectId" text, ours text, theirs text)`,
        [run.id, JSON.stringify(differences)],
      );
    });
    if (differences.length === 0) this.log.log(`our books and Stripe's agree: ${JSON.stringify(checked)}`);
    for (const one of differences) this.log.error(`our books and Stripe's differ: ${one.kind} ${one.objectId} of ${one.customerId ?? '-'}: ours ${one.ours ?? 'none'}, theirs ${one.theirs ?? 'none'}`);
    return run;
  }
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
