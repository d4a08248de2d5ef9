import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * - A receipt's hash comes with it to the sealer's queue, so that sealing reads no receipt again. Null where it has to be
 *   worked out: adjustments, and receipts of an older release.
 * - One index on the queue instead of two: every receipt goes in and out of each.
 */
export class ReceiptHashesInTheQueue1797200000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      alter table unsealed add column content_hash text;
      alter table unsealed drop constraint unsealed_pkey, add primary key (customer_id, id, kind);
      drop index unsealed_order;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      create index unsealed_order on unsealed (customer_id, id, kind);
      alter table unsealed drop constraint unsealed_pkey, add primary key (kind, id);
      alter table unsealed drop column content_hash;
    `);
  }
}
