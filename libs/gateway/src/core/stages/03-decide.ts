import { type TrafficRouter } from '@apex/flags';
import { type PlanDeps, planFor } from '../plan.js';
import { type PromptCaching } from '../prompt-cache/prompt-caching.js';
import { type Admitted, type Authenticated, type Cohort, type Decided, type Plan, type Received } from '../types.js';

/** Which path a request takes, and why where it is not the gateway. */
export function assignCohort(request: Authenticated, traffic: TrafficRouter): Cohort {
  if (request.path === 'direct') return { cohort: 'direct', reason: 'direct_path' };
  const assignment = traffic.assign({ customerId: request.key.customerId, keyId: request.key.keyId, session: request.labels.session });
  return assignment.cohort === 'gateway' ? { cohort: 'gateway', reason: null } : assignment;
}

export interface DecideDeps extends PlanDeps {
  readonly traffic: TrafficRouter;
  readonly promptCache: Pick<PromptCaching, 'begin'>;
  /** Told of an error that should not be possible, and in which request. */
  readonly onDefect: (error: unknown, request: Received) => void;
}

/** What will be done with an admitted request. */
export function decide(request: Admitted, deps: DecideDeps): Decided {
  const { cohort, reason } = assignCohort(request, deps.traffic);
  const plan = cohort === 'gateway' ? safePlanFor(request, deps) : null;
  return { ...request, cohort: plan?.decision.arm === 'control' ? 'control' : cohort, reason, plan, promptCache: deps.promptCache.begin(request, plan) };
}

/** A decision that cannot be made must not cost the answer: the request is served as asked, and nothing is claimed. */
function safePlanFor(request: Admitted, deps: DecideDeps): Plan | null {
  try {
    return planFor(request, deps);
  } catch (error) {
    deps.onDefect(error, request);
    return null;
  }
}
