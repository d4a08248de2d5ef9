import { type ActivePolicies, armOf, clusterOf, type DecisionLayer, letsAnythingAct } from '@apex/policy';
import { firstUserMessage, isDeterministic, maxTokensOf } from './surfaces/traits.js';
import { type Admitted, type Plan } from './types.js';

export interface PlanDeps {
  readonly policies: ActivePolicies;
  readonly decisions: DecisionLayer;
}

/**
 * The plan for a request on the gateway path; null where the customer's policy has no mechanism on, or the period's secret
 * is not known here yet: then nothing acts, nothing is claimed, and the request is served as asked.
 */
export function planFor(request: Admitted, { policies, decisions }: PlanDeps): Plan | null {
  const { customerId, keyId } = request.key;
  const secret = policies.secretAt(customerId, request.receivedAt);
  if (secret === null) return null;
  const policy = policies.of(customerId);
  if (!letsAnythingAct(policy.document)) return null;
  const { body, top, headers } = request;
  const cluster = clusterOf(customerId, keyId, request.labels.session, firstUserMessage(body, top));
  const cache = headers['x-apex-cache'];
  const decision = decisions.decide(
    {
      customerId,
      model: request.call.model,
      deterministic: isDeterministic(request.surface, body, top),
      cacheHeader: cache === 'off' || cache === 'exact' || cache === 'semantic' ? cache : null,
      cluster,
      arm: armOf(secret, cluster, policy.document.experiment.controlPpm),
    },
    policy,
  );
  return { decision, cluster, maxTokens: maxTokensOf(body, top) };
}
