import { type TrafficRouter } from '@apex/flags';
import { type PlanDeps, planFor } from '../plan.js';
import { type PromptCaching } from '../prompt-cache/prompt-caching.js';
import { type Admitted, type Authenticated, type Cohort, type Decided } from '../types.js';

/** Which path a request takes, and why where it is not the gateway. */
export function assignCohort(request: Authenticated, traffic: TrafficRouter): Cohort {
  if (request.path === 'direct') return { cohort: 'direct', reason: 'direct_path' };
  const assignment = traffic.assign({ customerId: request.key.customerId, keyId: request.key.keyId, session: request.labels.session });
  return assignment.cohort === 'gateway' ? { cohort: 'gateway', reason: null } : assignment;
}

export interface DecideDeps extends PlanDeps {
  readonly traffic: TrafficRouter;
  readonly promptCache: Pick<PromptCaching, 'begin'>;
}

/** What will be done with an admitted request. */
export function decide(request: Admitted, deps: DecideDeps): Decided {
  const { cohort, reason } = assignCohort(request, deps.traffic);
  const plan = cohort === 'gateway' ? planFor(request, deps) : null;
  return { ...request, cohort: plan?.decision.arm === 'control' ? 'control' : cohort, reason, plan, promptCache: deps.promptCache.begin(request, plan) };
}
