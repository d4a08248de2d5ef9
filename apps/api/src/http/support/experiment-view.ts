import { z } from 'zod';
import { billedSavings, type ClaimedSavings, type ExperimentResult } from '@apex/usage';

const picodollars = z.string().describe('10^-12 USD, a decimal string');
const armSchema = z.object({ clusters: z.int(), requests: z.int() });

/** What the randomised experiment says of a span, and what of its savings the rule would bill. */
export const experimentSchema = z.object({
  state: z.enum(['proven', 'not_estimable', 'too_wide', 'more_requests']).describe('Whether the experiment is precise enough to bill by: a half-width of at most 15% of E'),
  reason: z.string().nullable().describe('Why nothing can be estimated'),
  arms: z.object({ treated: armSchema, control: armSchema }),
  clusters: z.int().describe('Conversations: what is assigned as a whole'),
  crossedClusters: z.int().describe('Conversations that changed arm because the share of controls was changed; they count where they began'),
  estimatePicodollars: picodollars.nullable().describe('E: what the treated requests would have cost untreated, less what they cost'),
  interval: z.object({ lowPicodollars: picodollars, highPicodollars: picodollars }).nullable().describe('95%, cluster-robust'),
  halfWidthShare: z.number().nullable().describe('The interval’s half-width / E; null where E is not positive'),
  billedPicodollars: picodollars.describe('What this span by itself would bill by: the fee is a share of it'),
  deniedPicodollars: picodollars.describe('Claimed by receipts, not borne out by the experiment, and never billed'),
  carriedPicodollars: picodollars.describe('Claimed by receipts, not proven yet, and not billed yet'),
  costOfProofPicodollars: picodollars.nullable().describe('What was not saved on the requests held out as controls. Shown, never billed'),
  strata: z.array(z.object({ models: z.array(z.string()), controls: z.int(), treated: z.int(), controlRequests: z.int(), treatedRequests: z.int(), estimatePicodollars: picodollars })),
});

export type ExperimentView = z.output<typeof experimentSchema>;

export function experimentView(result: ExperimentResult, claimed: ClaimedSavings): ExperimentView {
  const { billedPd, deniedPd, carry, proof } = billedSavings({ period: '', claimed, carried: [], experiment: result });
  const estimate = result.kind === 'estimated' ? result : null;
  const { arms, crossed } = result;
  return {
    state: proof,
    reason: result.kind === 'not_estimable' ? result.message : null,
    arms,
    clusters: arms.treated.clusters + arms.control.clusters,
    crossedClusters: crossed,
    estimatePicodollars: estimate && String(estimate.savingPd),
    interval: estimate && { lowPicodollars: String(estimate.lowPd), highPicodollars: String(estimate.highPd) },
    halfWidthShare: estimate && estimate.savingPd > 0n ? Number(estimate.halfWidthPd) / Number(estimate.savingPd) : null,
    billedPicodollars: String(billedPd),
    deniedPicodollars: String(deniedPd),
    carriedPicodollars: String(carry.reduce((sum, period) => sum + period.savingPd - period.billedPd, 0n)),
    costOfProofPicodollars: estimate && String(estimate.costOfProofPd),
    strata: (estimate?.strata ?? []).map(({ savingPd, models, ...counts }) => ({ models: [...models], ...counts, estimatePicodollars: String(savingPd) })),
  };
}
