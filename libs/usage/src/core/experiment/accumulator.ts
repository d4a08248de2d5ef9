import { assertExact } from '@apex/common';
import { ClusterTable } from './cluster-table.js';
import { type AssignedRequest, type ClusterTotals } from './experiment.types.js';

/**
 * An experiment as sums: one row for each cluster, none for requests. Requests may come in any order, one by one or added up
 * before; the result is the same, exactly. A request that is added twice counts twice: receipts are unique by their request.
 *
 * A period names an assignment: each has its own secret, so that a cluster of two periods is two clusters, and requests of
 * several periods are a pooled experiment.
 */
export class ExperimentAccumulator {
  readonly table = new ClusterTable();

  /** @throws RangeError for an amount that is not a whole number of picodollars */
  add(period: string, { requestId, cluster, arm, covariates, actualPd }: AssignedRequest): void {
    this.table.add(`${period} ${cluster}`, 1, arm === 'control' ? 1 : 0, assertExact(actualPd), { requestId, arm, covariates });
  }

  /** Sums that were made elsewhere, in the store for instance. */
  addTotals(period: string, cluster: string, { requests, controlRequests, actualPd, opening }: ClusterTotals): void {
    this.table.add(`${period} ${cluster}`, requests, controlRequests, actualPd, opening);
  }

  /** One after the other, in an order that does not depend on how they came. */
  *clusters(): Generator<ClusterTotals> {
    for (const row of this.table.sorted()) yield this.table.totals(row);
  }
}
