import { type EntityManager } from 'typeorm';

/**
 * Everything that asks Stripe about a customer, tells it something of them, or stores what it said does so under this
 * lock, to the end of the transaction: of two answers the later one is stored last.
 */
export async function lockCustomer(manager: EntityManager, customerId: string): Promise<void> {
  await manager.query(`select pg_advisory_xact_lock(hashtextextended('apex:stripe:' || $1, 0))`, [customerId]);
}
