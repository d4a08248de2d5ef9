import { type Picodollars, type Uuid } from '@apex/common';
import { type Arm, type Covariates } from '../savings/receipt.types.js';

/** A request that the experiment assigned, as its receipt has it once everything known of it is folded in. */
export interface AssignedRequest {
  /** UUIDv7: the order of ids is the order of time. */
  readonly requestId: Uuid;
  readonly cluster: string;
  readonly arm: Arm;
  readonly covariates: Covariates;
  /** A, whole: void, failed and shadow calls included (intention to treat). */
  readonly actualPd: Picodollars;
}

/**
 * The first request of a cluster. Only what is known at it is known before the treatment: later prompts of a conversation
 * contain the answers that the treatment has changed.
 */
export interface Opening {
  readonly requestId: Uuid;
  readonly arm: Arm;
  readonly covariates: Covariates;
}

/** What is kept of a cluster, however many requests it has. */
export interface ClusterTotals {
  readonly requests: number;
  /** Requests that came as controls: all or none, unless the share of controls was changed while the cluster was under way. */
  readonly controlRequests: number;
  readonly actualPd: bigint;
  readonly opening: Opening;
}

/** Requests of some requested models, compared with each other. */
export interface StratumEstimate {
  /** More than one where each by itself has too few controls. */
  readonly models: readonly string[];
  /** Clusters. */
  readonly controls: number;
  readonly treated: number;
  readonly controlRequests: number;
  readonly treatedRequests: number;
  /** N_treated x adjusted difference, rounded down. */
  readonly savingPd: bigint;
}

/** What took part, whether it can be estimated or not. */
export interface Observed {
  readonly arms: Readonly<Record<Arm, { readonly clusters: number; readonly requests: number }>>;
  /** Clusters that changed arm after their opening. They count where they began. */
  readonly crossed: number;
}

/** What the experiment says: amounts are for all treated requests together. */
export interface SavingEstimate extends Observed {
  readonly kind: 'estimated';
  /** E: the strata's, added up. */
  readonly savingPd: bigint;
  /** The 95% interval, rounded outwards. It need not lie even around E: costs are skewed. */
  readonly lowPd: bigint;
  readonly highPd: bigint;
  /** Half the interval's length, rounded up. */
  readonly halfWidthPd: bigint;
  readonly standardErrorPd: number;
  /** What was lost by holding out the controls: the saving per treated request x the controls' requests. Shown, never billed. */
  readonly costOfProofPd: bigint;
  /** A treatment that makes conversations longer may save on each request and still cost: `z` is the standardised difference. */
  readonly requestsPerCluster: { readonly treated: number; readonly control: number; readonly z: number };
  readonly strata: readonly StratumEstimate[];
}

export type NotEstimableReason = 'no_requests' | 'no_controls' | 'no_treated' | 'one_cluster' | 'too_few_controls' | 'zero_variance';

/** Why there is nothing to say yet. */
export interface NotEstimable extends Observed {
  readonly kind: 'not_estimable';
  readonly reason: NotEstimableReason;
  /** For people. */
  readonly message: string;
}

export type ExperimentResult = SavingEstimate | NotEstimable;
