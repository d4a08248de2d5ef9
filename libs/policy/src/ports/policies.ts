import { type PolicySnapshot } from '../core/policy-document.js';

/** What is in force now. From memory, without I/O. */
export abstract class ActivePolicies {
  /** The customer's own policy, else everybody's. */
  abstract of(customerId: string): PolicySnapshot;
  /** The customer's secret of the period that this instant is in; null while it is not known here. */
  abstract secretAt(customerId: string, atMs: number): Buffer | null;
}
