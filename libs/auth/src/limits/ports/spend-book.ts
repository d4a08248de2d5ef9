import { type BillingMonth } from '../core/billing-month.js';

/** Whose spending: a customer's, that of the keys on one meter, or what the platform's keys spent for the customer. */
export type Spender = { readonly kind: 'customer' } | { readonly kind: 'key'; readonly meterId: string } | { readonly kind: 'platform' };

/** What the books say was spent. They lag behind by what waits in the journals. */
export abstract class SpendBook {
  /** Micro-dollars, rounded up. @throws when the books cannot be read */
  abstract spent(customerId: string, spender: Spender, month: BillingMonth): Promise<number>;
}
