import { type EntityManager } from 'typeorm';
import { type StripePosting } from '../core/stripe/postings.js';

/** The ledger, as far as Stripe is concerned. */
export abstract class Books {
  /** In the caller's transaction. The same posting again changes nothing. @throws ApexError `ledger_conflict` */
  abstract post(manager: EntityManager, posting: StripePosting & { readonly customerId: string }): Promise<unknown>;
  /** The cash of each payment that is posted, by its source: the invoice at Stripe. */
  abstract paymentsOf(customerId: string): Promise<ReadonlyMap<string, bigint>>;
}

/** What tiers cost a month. */
export abstract class TierFees {
  /** For a customer: what was agreed with them goes first. Null for a tier that is no more; `feePd` null where nothing is agreed yet. */
  abstract feeOf(tier: string, customerId: string | null): Promise<{ readonly feePd: bigint | null } | null>;
}
