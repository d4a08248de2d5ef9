import { type Tier } from '../../core/tiers.js';
import { type KeyTerms } from '../core/limits.js';

/** What was agreed, in memory: no query on a request's path. A change is known here within a second. */
export abstract class TermsStore {
  /** null: no such customer. `keyId` null: the customer's own only. */
  abstract keyTerms(customerId: string, keyId: string | null): KeyTerms | null;
  /** null: no such customer. */
  abstract tierOf(customerId: string): Tier | null;
  /** Tiers in their order: what a higher one has not, a lower one has not either. null: no such tier. */
  abstract rankOf(tier: Tier): number | null;
  /** Changes whenever any answer may have changed. */
  abstract get termsVersion(): number;
}
