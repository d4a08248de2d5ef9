export { PolicyModule, type PolicyConfig } from './policy.module.js';
export { PoliciesService, type PolicyChange, type PolicyStatus, type PolicyView } from './policies.service.js';
export { KILL_SWITCHES, RuleDecisionLayer } from './adapters/rule-decision-layer.js';
export { ActivePolicies } from './ports/policies.js';
export { type Decision, DecisionLayer, type DecisionRequest, type Reason } from './ports/decision-layer.js';
export { armOf, clusterOf, type Period, periodAt, secretHash } from './core/arm.js';
export { DEFAULT_POLICY, letsAnythingAct, type PolicyDocument, policyDocumentSchema, type PolicySnapshot } from './core/policy-document.js';
