import { billingMonthAt } from '../core/billing-month.js';
import { CustomerLimits, type MeterSet } from '../core/customer-limits.js';
import { isUnlimited } from '../core/limits.js';
import { LIMIT_NAMES, type LimitName } from '../core/meter.js';
import { type LimitStore } from '../ports/limit-store.js';
import { type TermsStore } from '../ports/terms-store.js';
import { type KeyLimiter, Limiter, type LimitUse } from '../ports/limiter.js';
import { type SpendBook } from '../ports/spend-book.js';

export interface LeasedLimiterDeps {
  readonly terms: TermsStore;
  readonly store: LimitStore;
  readonly book: SpendBook;
  readonly now: () => number;
  /** Told of what went wrong beside the requests' way. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

/** How often what was used is told, and what is not needed is given up. */
export const BEAT_MS = 200;
const MAX_KEYS = 100_000;

/**
 * Limits that hold over all processes, at next to no cost for a request: each process takes parts of a limit in advance and
 * gives of them to its requests (`core/meter.ts`); the store knows what each process holds and what was used, and never
 * gives out more than the limit.
 */
export class LeasedLimiter extends Limiter {
  private readonly customers = new Map<string, CustomerLimits>();
  private readonly keys = new Map<string, { readonly limiter: KeyLimiter | null; readonly until: number }>();
  private version = -1;
  private timer: NodeJS.Timeout | null = null;
  readonly wouldHaveBeenLimited = counters();
  readonly limited = counters();

  constructor(private readonly deps: LeasedLimiterDeps) {
    super();
  }

  start(): void {
    this.timer = setInterval(() => this.beat(), BEAT_MS);
    this.timer.unref();
  }

  /** Gives back what is held, and tells what was used. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all([...this.customers.values()].map((customer) => customer.handIn()));
  }

  override of(customerId: string, keyId: string): KeyLimiter | null {
    if (this.version !== this.deps.terms.termsVersion) {
      this.version = this.deps.terms.termsVersion;
      this.keys.clear();
    }
    const known = this.keys.get(keyId);
    // A budget is the month's: at its end the key is looked at anew.
    if (known !== undefined && this.deps.now() < known.until) return known.limiter;
    return this.look(customerId, keyId);
  }

  override async use(customerId: string, keyId: string | null): Promise<readonly LimitUse[]> {
    const terms = this.deps.terms.keyTerms(customerId, keyId);
    return terms === null ? [] : this.customer(customerId).use(terms, keyId !== null);
  }

  /** Once every `BEAT_MS`. */
  beat(): void {
    for (const [id, customer] of this.customers) if (!customer.beat()) this.customers.delete(id);
  }

  private look(customerId: string, keyId: string): KeyLimiter | null {
    const terms = this.deps.terms.keyTerms(customerId, keyId);
    const free = terms === null || (isUnlimited(terms.customer) && isUnlimited(terms.key) && terms.platformBudgetMicroUsd === null);
    const until = terms === null ? Infinity : billingMonthAt(this.deps.now(), terms.billingAnchorDay).to;
    const limiter = free ? null : this.keyLimiter(customerId, keyId);
    if (this.keys.size >= MAX_KEYS) this.keys.clear();
    this.keys.set(keyId, { limiter, until });
    return limiter;
  }

  private keyLimiter(customerId: string, keyId: string): KeyLimiter {
    const terms = this.deps.terms.keyTerms(customerId, keyId)!;
    const counts = {
      tokens: terms.customer.tokensPerMinute !== null || terms.key.tokensPerMinute !== null,
      budget: terms.customer.monthlyBudgetMicroUsd !== null || terms.key.monthlyBudgetMicroUsd !== null,
      platformBudget: terms.platformBudgetMicroUsd !== null,
    };
    let set: MeterSet | null = null;
    return {
      counts,
      reserve: (claim, enforced, done) => {
        if (set === null || set.customer.retired) set = this.customer(customerId).meterSet(terms);
        set.customer.reserve(set, claim, enforced, done);
      },
    };
  }

  private customer(customerId: string): CustomerLimits {
    let customer = this.customers.get(customerId);
    if (customer === undefined) {
      customer = new CustomerLimits(customerId, { ...this.deps, limited: this.limited, wouldHaveBeenLimited: this.wouldHaveBeenLimited });
      this.customers.set(customerId, customer);
    }
    return customer;
  }
}

const counters = (): Record<LimitName, number> => Object.fromEntries(LIMIT_NAMES.map((name) => [name, 0])) as Record<LimitName, number>;
