import { type TrafficRouter } from '@apex/flags';
import { type Admitted, type Authenticated, type Cohort, type Decided } from '../types.js';

/** Which path a request takes, and why where it is not the gateway. */
export function assignCohort(request: Authenticated, traffic: TrafficRouter): Cohort {
  if (request.path === 'direct') return { cohort: 'direct', reason: 'direct_path' };
  const assignment = traffic.assign({ customerId: request.key.customerId, keyId: request.key.keyId, session: request.labels.session });
  return assignment.cohort === 'gateway' ? { cohort: 'gateway', reason: null } : assignment;
}

/** What will be done with an admitted request. */
export const decide = (request: Admitted, traffic: TrafficRouter): Decided => ({ ...request, ...assignCohort(request, traffic) });
