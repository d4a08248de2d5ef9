import { type Arm, type Mechanism } from '@apex/usage';
import { type PolicySnapshot } from '../core/policy-document.js';

/** What of a request the decision may look at: nothing that was done to it, and not its text. */
export interface DecisionRequest {
  readonly customerId: string;
  readonly model: string;
  /** The answer is the same each time: temperature 0, a seed, or no sampling at all (embeddings). */
  readonly deterministic: boolean;
  /** `x-apex-cache` */
  readonly cacheHeader: 'off' | 'exact' | 'semantic' | null;
  /** Of the experiment; see `clusterOf`. */
  readonly cluster: string;
  readonly arm: Arm;
}

export interface Decision {
  readonly policyId: string;
  readonly policyVersion: number;
  readonly arm: Arm;
  readonly exactCache: { readonly ttlSeconds: number } | null;
  readonly promptCache: { readonly minTokens: number; readonly minRecurrences: number } | null;
}

/** Why a mechanism may or may not act; a stable word for people and programs. */
export interface Reason {
  readonly mechanism: Mechanism;
  readonly use: boolean;
  readonly reason: 'allowed' | 'asked_for' | 'policy' | 'kill_switch' | 'control' | 'header' | 'sampled';
}

/** Says what may be done for a request. Synchronous, without I/O, in microseconds; it never fails. */
export abstract class DecisionLayer {
  abstract decide(request: DecisionRequest, policy: PolicySnapshot): Decision;
  /** The same decision with its reasons, for people. */
  abstract explain(request: DecisionRequest, policy: PolicySnapshot): { readonly decision: Decision; readonly reasons: readonly Reason[] };
}
