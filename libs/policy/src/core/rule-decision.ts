import { type Mechanism, MECHANISMS } from '@apex/usage';
import { type Decision, type DecisionRequest, type Reason } from '../ports/decision-layer.js';
import { type PolicySnapshot } from './policy-document.js';

/**
 * The decision that follows from the policy's knobs alone. On a control nothing acts, whatever the request asks for: a
 * control that could be talked out of being one would be none.
 */
export function decideByRules(request: DecisionRequest, policy: PolicySnapshot, isKilled: (mechanism: Mechanism) => boolean): { readonly decision: Decision; readonly reasons: readonly Reason[] } {
  const { mechanisms } = policy.document;
  const reasons = MECHANISMS.map((mechanism): Reason => {
    const no = (reason: Reason['reason']): Reason => ({ mechanism, use: false, reason });
    if (!mechanisms[mechanism].enabled) return no('policy');
    if (isKilled(mechanism)) return no('kill_switch');
    if (request.arm === 'control') return no('control');
    if (mechanism !== 'exact_cache') return { mechanism, use: true, reason: 'allowed' };
    if (request.cacheHeader === 'off') return no('header');
    if (request.deterministic || mechanisms.exact_cache.sampled) return { mechanism, use: true, reason: 'allowed' };
    return request.cacheHeader === null ? no('sampled') : { mechanism, use: true, reason: 'asked_for' };
  });
  const uses = (wanted: Mechanism): boolean => reasons.some(({ mechanism, use }) => mechanism === wanted && use);
  const { minTokens, minRecurrences } = mechanisms.prompt_cache;
  return {
    decision: {
      policyId: policy.id,
      policyVersion: policy.version,
      arm: request.arm,
      exactCache: uses('exact_cache') ? { ttlSeconds: mechanisms.exact_cache.ttlSeconds } : null,
      promptCache: uses('prompt_cache') ? { minTokens, minRecurrences } : null,
    },
    reasons,
  };
}
