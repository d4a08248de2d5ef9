import { MeterState } from '../core/meter-state.js';
import { type MeterGrant, type MeterReport } from '../core/meter-sync.js';
import { LimitStore } from '../ports/limit-store.js';

interface CustomerMeters {
  readonly meters: Map<string, MeterState>;
  usedAt: number;
}

/** After so long without a word a customer's windows are empty, and its totals stand in the books. */
const FORGET_MS = 600_000;
const MAX_CUSTOMERS = 50_000;

/** The meters of one process: all there is without Redis, and what it goes on by while Redis is away. */
export class LocalLimitStore extends LimitStore {
  private readonly customers = new Map<string, CustomerMeters>();
  private lookedAt = 0;

  constructor(
    private readonly now: () => number,
    /** Among how many processes limits are divided. */
    private readonly shares: () => number = () => 1,
  ) {
    super();
  }

  override sync(customerId: string, reports: readonly MeterReport[]): Promise<readonly MeterGrant[]> {
    const now = this.now();
    return Promise.resolve(reports.map((report) => this.meter(customerId, report, now).sync(report, this.shares(), now)));
  }

  /** What was told to all and heard from all. */
  mirror(customerId: string, reports: readonly MeterReport[], grants: readonly MeterGrant[]): void {
    const now = this.now();
    for (const [i, report] of reports.entries()) this.meter(customerId, report, now).mirror(report, grants[i]!, now);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  private meter(customerId: string, { id, kind }: MeterReport, now: number): MeterState {
    this.forget(now);
    let customer = this.customers.get(customerId);
    if (customer === undefined) this.customers.set(customerId, (customer = { meters: new Map(), usedAt: now }));
    customer.usedAt = now;
    let meter = customer.meters.get(id);
    if (meter === undefined) customer.meters.set(id, (meter = new MeterState(kind)));
    return meter;
  }

  private forget(now: number): void {
    if (Math.abs(now - this.lookedAt) < FORGET_MS && this.customers.size < MAX_CUSTOMERS) return;
    this.lookedAt = now;
    for (const [id, { usedAt }] of this.customers) if (Math.abs(now - usedAt) > FORGET_MS) this.customers.delete(id);
    // Whoever is left is busy; the books, and Redis when it is back, know the rest.
    if (this.customers.size >= MAX_CUSTOMERS) this.customers.clear();
  }
}
