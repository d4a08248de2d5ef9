import { assertExact } from '@apex/common';
import { type AssignedRequest, type ClusterTotals, type Opening } from './experiment.types.js';

/**
 * A period's experiment as sums: one entry for each cluster, none for requests. Requests may come in any order and in any
 * number of pieces (`merge`); the result is the same, exactly. A request that is added twice counts twice: receipts are
 * unique by their request.
 */
export class ExperimentAccumulator {
  private readonly totals = new Map<string, ClusterTotals>();

  /**
   * @param period names the assignment: each period has its own secret, so that a cluster of two periods is two clusters, and
   * accumulators of several periods merge into a pooled experiment
   */
  constructor(private readonly period: string) {}

  /** @throws RangeError for an amount that is not a whole number of picodollars */
  add({ requestId, cluster, arm, covariates, actualPd }: AssignedRequest): void {
    this.addTotals(cluster, { requests: 1, controlRequests: arm === 'control' ? 1 : 0, actualPd: BigInt(assertExact(actualPd)), opening: { requestId, arm, covariates } });
  }

  /** Sums that were made elsewhere, in the store for instance. */
  addTotals(cluster: string, totals: ClusterTotals): void {
    this.put(`${this.period} ${cluster}`, totals);
  }

  /** Takes in what another one has seen: another part of this period's requests, or another period's. */
  merge(other: ExperimentAccumulator): void {
    for (const [key, totals] of other.totals) this.put(key, totals);
  }

  /** In an order that does not depend on how they came. */
  clusters(): ClusterTotals[] {
    return [...this.totals.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, totals]) => totals);
  }

  private put(key: string, totals: ClusterTotals): void {
    const known = this.totals.get(key);
    this.totals.set(key, known === undefined ? totals : together(known, totals));
  }
}

function together(a: ClusterTotals, b: ClusterTotals): ClusterTotals {
  return { requests: a.requests + b.requests, controlRequests: a.controlRequests + b.controlRequests, actualPd: a.actualPd + b.actualPd, opening: earlier(a.opening, b.opening) };
}

const earlier = (a: Opening, b: Opening): Opening => (b.requestId < a.requestId ? b : a);
