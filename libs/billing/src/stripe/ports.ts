import { type EntityManager } from 'typeorm';
import { type StripePosting } from '../core/stripe/postings.js';

/** The ledger, as far as Stripe is concerned. */
export abstract class Books {
  /** In the caller's transaction. The same posting again changes nothing. @throws ApexError `ledger_conflict` */
  abstract post(manager: EntityManager, posting: StripePosting & { readonly customerId: string }): Promise<unknown>;
  /** The cash of each payment that is posted, by its source: the invoice at Stripe. */
  abstract paymentsOf(customerId: string): Promise<ReadonlyMap<string, bigint>>;
  /** The sources of what is posted of invoices. */
  abstract invoicesOf(customerId: string): Promise<ReadonlySet<string>>;
  /** What the ledger says that Stripe keeps for the customer, in picodollars: negative what is theirs. */
  abstract balanceOf(customerId: string): Promise<bigint>;
}
