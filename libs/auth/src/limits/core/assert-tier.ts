import { ApexError } from '@apex/common';
import { type CallerContext, isOperator } from '../../core/caller.js';
import { type Tier } from '../../core/tiers.js';
import { type TermsStore } from '../ports/terms-store.js';

/** Where tiers and what they offer are told, and a better one is chosen. */
const UPGRADE_URL = '/api/billing/tiers';

/** Throws unless the caller's customer is on this tier or a higher one. @throws ApexError 403 `upgrade_required` */
export function assertTier(needed: Tier, caller: CallerContext | null, terms: Pick<TermsStore, 'tierOf' | 'rankOf'>): void {
  if (caller !== null && isOperator(caller)) return;
  const customerId = caller === null || caller.kind === 'operator' ? null : caller.customerId;
  const tier = customerId === null ? null : terms.tierOf(customerId);
  const rank = tier === null ? null : terms.rankOf(tier);
  const least = terms.rankOf(needed);
  if (rank !== null && least !== null && rank >= least) return;
  throw new ApexError('upgrade_required', 403, `This needs the tier '${needed}' or a higher one. See ${UPGRADE_URL}.`, { details: { requiredTier: needed, tier, upgradeUrl: UPGRADE_URL } });
}
