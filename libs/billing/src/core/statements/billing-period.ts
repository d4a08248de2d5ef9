/** Half-open, in UTC. */
export interface BillingPeriod {
  readonly start: Date;
  readonly end: Date;
}

/** How long after a period's end its statement is closed: until then answers can be rejected, and late records arrive. */
export const CLOSES_AFTER_MS = 72 * 3_600_000;

export const closesAt = ({ end }: BillingPeriod): Date => new Date(end.getTime() + CLOSES_AFTER_MS);

/**
 * The period that follows: from where the last one ended to the next midnight of an anchor day. Where the anchor was moved
 * meanwhile it is a short one, so that periods neither overlap nor leave anything out.
 * @param anchorDay 1-28
 */
export function periodFrom(start: Date, anchorDay: number): BillingPeriod {
  const ofThisMonth = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), anchorDay);
  return { start, end: new Date(ofThisMonth > start.getTime() ? ofThisMonth : Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, anchorDay)) };
}

/** A customer's first period: the one that they were created in, whole. */
export function firstPeriod(created: Date, anchorDay: number): BillingPeriod {
  const ofThisMonth = Date.UTC(created.getUTCFullYear(), created.getUTCMonth(), anchorDay);
  return periodFrom(new Date(ofThisMonth <= created.getTime() ? ofThisMonth : Date.UTC(created.getUTCFullYear(), created.getUTCMonth() - 1, anchorDay)), anchorDay);
}
