import { type Mechanism, MECHANISMS } from '@apex/usage';
import { type Decision, type DecisionRequest, type Reason } from '../ports/decision-layer.js';
import { type PolicySnapshot } from './policy-document.js';

/** Whether all of a mechanism's use is stopped, whatever any policy says. */
export type IsKilled = (mechanism: Mechanism) => boolean;

/**
 * The decision that follows from the policy's knobs alone. On a control nothing acts, whatever the request asks for: a
 * control that could be talked out of being one would be none.
 */
export function decideByRules(request: DecisionRequest, policy: PolicySnapshot, isKilled: IsKilled): Decision {
  const { exact_cache: exactCache, prompt_cache: promptCache } = policy.document.mechanisms;
  return {
    policyId: policy.id,
    policyVersion: policy.version,
    arm: request.arm,
    exactCache: uses(reasonFor('exact_cache', request, policy, isKilled)) ? { ttlSeconds: exactCache.ttlSeconds } : null,
    promptCache: uses(reasonFor('prompt_cache', request, policy, isKilled)) ? { minTokens: promptCache.minTokens, minRecurrences: promptCache.minRecurrences } : null,
  };
}

/** Why each mechanism acts or does not: what `decideByRules` goes by. */
export const reasonsByRules = (request: DecisionRequest, policy: PolicySnapshot, isKilled: IsKilled): readonly Reason[] =>
  MECHANISMS.map((mechanism) => {
    const reason = reasonFor(mechanism, request, policy, isKilled);
    return { mechanism, use: uses(reason), reason };
  });

const uses = (reason: Reason['reason']): boolean => reason === 'allowed' || reason === 'asked_for';

function reasonFor(mechanism: Mechanism, request: DecisionRequest, policy: PolicySnapshot, isKilled: IsKilled): Reason['reason'] {
  const { mechanisms } = policy.document;
  if (!mechanisms[mechanism].enabled) return 'policy';
  if (isKilled(mechanism)) return 'kill_switch';
  if (request.arm === 'control') return 'control';
  if (mechanism !== 'exact_cache') return 'allowed';
  if (request.cacheHeader === 'off') return 'header';
  if (request.deterministic || mechanisms.exact_cache.sampled) return 'allowed';
  return request.cacheHeader === null ? 'sampled' : 'asked_for';
}
