/** What a second call at once costs, in requests: one request in so many may be sent twice. */
const PRICE = 20;
/** The most that is saved up. */
const MOST = 10 * PRICE;

/**
 * How many requests of a route may be sent to two places at once: one in twenty, and one more; at most ten in a row.
 * Waiting for the 95th percentile and then asking a second time adds 5% to the load and takes away most of the tail
 * (J. Dean and L. A. Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013). When all are slow that rule
 * would double the load at the worst moment, so that a token bucket bounds it, as gRPC's retry throttling does (gRFC A6).
 */
export class HedgeBudget {
  private readonly savings = new Map<string, number>();

  /** The route has a request. Routes are those of the configuration, and no more of them. */
  earn(route: string): void {
    this.savings.set(route, Math.min(MOST, this.savingsOf(route) + 1));
  }

  allows(route: string): boolean {
    return this.savingsOf(route) >= PRICE;
  }

  /** Only where `allows` says so. */
  spend(route: string): void {
    this.savings.set(route, this.savingsOf(route) - PRICE);
  }

  private savingsOf(route: string): number {
    return this.savings.get(route) ?? PRICE;
  }
}
