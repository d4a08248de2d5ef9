import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * - `customer:balance` is what Stripe keeps for a customer, to set off against later invoices: no claim of ours, and not the
 *   credit that statements use up.
 * - Events that wait are found by what they are about.
 * - What was refused is counted by its reason whenever Prometheus asks; what was sent is not looked at for it.
 */
export class StripeInvoicesInTheLedger1797000000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      alter table ledger_lines drop constraint ledger_lines_account_check;
      alter table ledger_lines add constraint ledger_lines_account_check check (account in ('customer:receivable', 'customer:credit', 'customer:carried', 'customer:balance',
        'revenue:platform', 'revenue:vbp', 'revenue:bvm', 'passthrough', 'rounding', 'cash', 'adjustments'));
      create index stripe_events_objects on stripe_events (object_id) where processed_at is null;
      create index stripe_outbox_refused on stripe_outbox (customer_id) where state = 'refused';
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      drop index stripe_outbox_refused, stripe_events_objects;
      alter table ledger_lines drop constraint ledger_lines_account_check;
      alter table ledger_lines add constraint ledger_lines_account_check check (account in ('customer:receivable', 'customer:credit', 'customer:carried',
        'revenue:platform', 'revenue:vbp', 'revenue:bvm', 'passthrough', 'rounding', 'cash', 'adjustments')) not valid;
    `);
  }
}
