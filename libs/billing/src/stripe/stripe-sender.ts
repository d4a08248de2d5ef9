import { type Logger } from '@nestjs/common';
import { type AuditLog } from '@apex/auth';
import { type Clock, failpoint } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';
import { afterFailure, idempotencyKey, refusalOf } from '../core/stripe/sending.js';
import { lockCustomer } from './customer-lock.js';
import { type ModeGuard } from './mode-guard.js';
import { type Outbox, type OutboxRow } from './outbox.js';
import { PaymentError } from './payment-error.js';
import { type PaymentProvider } from './payment-provider.js';
import { type StripeCounts } from './stripe-counts.js';
import { type StripeProjector } from './stripe-projector.js';

/** How often a charge is looked at whose customer has no account at Stripe. */
const NO_ACCOUNT_PAUSE_MS = 10 * 60_000;
/** Clocks differ: an item may bear a time from before the attempt that made it. */
const CLOCK_SKEW_MS = 24 * 60 * 60_000;
/** How long ago a draft must have been looked at before it is finalised, or tried again. */
const LEFT_BEHIND_PAUSE_MS = 5 * 60_000;

interface Claimed {
  readonly row: OutboxRow;
  readonly stripeCustomerId: string;
  /** An earlier attempt may have arrived. */
  readonly mayHaveArrived: boolean;
}

/**
 * Sends what waits, once each, whatever dies in between. An attempt is written down before Stripe is asked; one of which
 * nobody knows how it ended is looked for at Stripe, by our id in its metadata, before it is made again.
 */
export class StripeSender {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly provider: PaymentProvider,
    private readonly projector: StripeProjector,
    private readonly mode: ModeGuard,
    private readonly audit: AuditLog,
    /** Whether this customer is billed: the flag. */
    private readonly billed: (customerId: string) => boolean,
    private readonly counts: StripeCounts,
    private readonly clock: Clock,
    private readonly log: Pick<Logger, 'warn' | 'error'>,
  ) {}

  /** Takes over new charges and sends what is due. @returns how many rows arrived at Stripe */
  async drain(): Promise<number> {
    await this.outbox.takeCharges(this.now());
    const sent = await this.sendDue();
    const all = (await this.outbox.addFinalInvoices(this.now())) > 0 ? sent + (await this.sendDue()) : sent;
    await this.finalizeLeftBehind();
    return all;
  }

  /** What is on the draft of a subscription that ended before its hour was over is asked for all the same. */
  private async finalizeLeftBehind(): Promise<void> {
    for (const { id, customerId } of await this.outbox.leftBehind(new Date(this.clock.now() - LEFT_BEHIND_PAUSE_MS))) {
      if (!this.billed(customerId)) continue;
      await this.dataSource.transaction(async (manager) => {
        await lockCustomer(manager, customerId);
        let invoice = await this.provider.invoice(id);
        if (invoice.status === 'draft') {
          try {
            invoice = await this.provider.finalizeInvoice(id);
            await this.audit.record({ actor: 'system:stripe', action: 'billing.finalize', target: `customer:${customerId}`, after: { invoice: id, totalCents: invoice.totalCents }, reason: 'its subscription has ended' }, manager);
          } catch (error) {
            if (!(error instanceof PaymentError) || error.kind === 'unreachable') throw error;
            this.log.error(`the draft ${id} of ${customerId} cannot be finalised: ${error.message}`);
            invoice = await this.provider.invoice(id);
          }
        }
        await this.projector.storeInvoice(manager, customerId, invoice);
      });
    }
  }

  private async sendDue(): Promise<number> {
    let sent = 0;
    for (const customerId of await this.outbox.customersWaiting(this.now())) {
      if (!this.billed(customerId)) continue;
      for (const id of await this.outbox.due(customerId, this.now())) {
        const result = await this.send(id);
        if (result === 'sent') sent += 1;
        // The others' turn comes when Stripe is back: they need not wait for its silence one after the other.
        if (result === 'away') return sent;
      }
    }
    return sent;
  }

  private async send(id: string): Promise<'sent' | 'not sent' | 'away'> {
    const claimed = await this.claim(id);
    if (claimed === null) return 'not sent';
    failpoint('stripe.send.claimed');
    try {
      const delivered = await this.dataSource.transaction((manager) => this.deliver(manager, claimed));
      if (delivered !== null) this.counts.sending(delivered);
      return delivered === null ? 'not sent' : 'sent';
    } catch (error) {
      if (!(error instanceof PaymentError)) throw error;
      this.counts.sending(error.kind);
      await this.failed(claimed.row, error);
      return error.kind === 'unreachable' ? 'away' : 'not sent';
    }
  }

  /** First transaction: whether it is to be sent at all, and that it is being sent now. */
  private claim(id: string): Promise<Claimed | null> {
    return this.dataSource.transaction(async (manager) => {
      const customerId = await this.lockOwner(manager, id);
      if (customerId === null) return null;
      const row = await this.outbox.lock(manager, id);
      if (row === null) return null;
      const refusal = row.kind === 'invoice_item' ? refusalOf(row) : null;
      if (refusal !== null) {
        await this.refuse(manager, row, refusal);
        return null;
      }
      const [customer] = await manager.query<Array<{ stripe_customer_id: string | null }>>('select stripe_customer_id from customers where id = $1', [customerId]);
      const stripeCustomerId = customer?.stripe_customer_id ?? null;
      if (stripeCustomerId === null) {
        await this.outbox.settle(manager, id, { state: row.state, generation: row.generation, nextAttemptAt: new Date(this.clock.now() + NO_ACCOUNT_PAUSE_MS), error: 'the customer has no account at Stripe yet' });
        return null;
      }
      await this.mode.claim(manager);
      await this.outbox.beginAttempt(manager, id, this.now());
      return { row: { ...row, attempts: row.attempts + 1 }, stripeCustomerId, mayHaveArrived: row.state !== 'pending' };
    });
  }

  /** Second transaction: Stripe, and what it answered. @returns null where there was nothing to send after all */
  private async deliver(manager: EntityManager, { row, stripeCustomerId, mayHaveArrived }: Claimed): Promise<'sent' | 'found' | null> {
    await lockCustomer(manager, row.customerId);
    const current = await this.outbox.lock(manager, row.id);
    // Somebody else has taken it up in between.
    if (current === null || current.state !== 'sending' || current.attempts !== row.attempts) return null;
    const arrived = mayHaveArrived ? await this.lookFor(row, stripeCustomerId) : null;
    failpoint('stripe.send.looked');
    const stripeId = arrived ?? (await this.ask(row, stripeCustomerId));
    if (stripeId === null) {
      await this.outbox.settle(manager, row.id, { state: 'waived', generation: row.generation, nextAttemptAt: this.now(), error: 'another invoice holds everything' });
      return null;
    }
    failpoint('stripe.send.answered');
    await this.outbox.markSent(manager, row.id, stripeId, this.now());
    failpoint('stripe.send.marked');
    return arrived === null ? 'sent' : 'found';
  }

  private async lookFor(row: OutboxRow, customer: string): Promise<string | null> {
    const createdSince = new Date((row.firstAttemptAt ?? this.now()).getTime() - CLOCK_SKEW_MS);
    const candidates = row.kind === 'invoice_item' ? await this.provider.invoiceItemsOf(customer, { createdSince }) : await this.provider.invoicesOf(customer);
    return candidates.find(({ outboxId }) => outboxId === row.id)?.id ?? null;
  }

  /** @returns null for a final invoice with nothing left to put on it */
  private async ask(row: OutboxRow, customer: string): Promise<string | null> {
    const key = idempotencyKey(row);
    if (row.kind === 'final_invoice') {
      if ((await this.provider.invoiceItemsOf(customer, { pending: true })).length === 0) return null;
      return (await this.provider.createInvoice({ outboxId: row.id, customer, description: row.description }, key)).id;
    }
    return (await this.provider.createInvoiceItem({ ...row, outboxId: row.id, customer }, key)).id;
  }

  private async failed(row: OutboxRow, error: PaymentError): Promise<void> {
    const step = afterFailure(error.kind, row);
    this.log.warn(`${row.label} of ${row.customerId} did not get to Stripe (attempt ${row.attempts}, ${error.kind}): ${error.message}`);
    await this.dataSource.transaction(async (manager) => {
      const current = await this.outbox.lock(manager, row.id);
      if (current === null || current.attempts !== row.attempts) return;
      if (step.state === 'refused') await this.refuse(manager, row, `${error.kind}: ${error.message}`);
      else await this.outbox.settle(manager, row.id, { ...step, nextAttemptAt: new Date(this.clock.now() + step.delayMs), error: `${error.kind}: ${error.message}` });
    });
  }

  /** It stays, in sight, until a person mends what is wrong or waives it. */
  private async refuse(manager: EntityManager, row: OutboxRow, why: string): Promise<void> {
    this.log.error(`${row.label} of ${row.customerId}, ${row.amountCents} cents, cannot be charged: ${why}`);
    await this.outbox.settle(manager, row.id, { state: 'refused', generation: row.generation, nextAttemptAt: this.now(), error: why });
    await this.audit.record({ actor: 'system:stripe', action: 'billing.charge_refused', target: `customer:${row.customerId}`, after: { charge: row.id, label: row.label, amountCents: row.amountCents.toString() }, reason: why.slice(0, 500) }, manager);
  }

  private async lockOwner(manager: EntityManager, id: string): Promise<string | null> {
    const [owner] = await manager.query<Array<{ customer_id: string }>>('select customer_id from stripe_outbox where id = $1', [id]);
    if (owner === undefined) return null;
    await lockCustomer(manager, owner.customer_id);
    return owner.customer_id;
  }

  private now(): Date {
    return new Date(this.clock.now());
  }
}
