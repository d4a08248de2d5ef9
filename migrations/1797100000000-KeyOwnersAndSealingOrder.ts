import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * - Whose key a call to a provider was made with, as it was when the call was made: what is passed on to customers is what
 *   the platform's keys paid. Null in rows from before; the check does not look at those, so that no table is read for it.
 * - The sealer's queue in the sealer's order: a batch of it takes as long however many wait.
 */
export class KeyOwnersAndSealingOrder1797100000000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      alter table attempts add column key_owner text, add constraint attempts_key_owner check (key_owner in ('customer', 'platform')) not valid;
      create index unsealed_order on unsealed (customer_id, id, kind);
      drop index unsealed_customer;
    `);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      create index unsealed_customer on unsealed (customer_id);
      drop index unsealed_order;
      alter table attempts drop column key_owner;
    `);
  }
}
