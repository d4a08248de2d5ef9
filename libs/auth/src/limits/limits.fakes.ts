import { LeasedLimiter } from './adapters/leased-limiter.js';
import { LimitStore } from './ports/limit-store.js';
import { type Admission, type Claim } from './ports/limiter.js';
import { TermsStore } from './ports/terms-store.js';
import { SpendBook } from './ports/spend-book.js';
import { type KeyTerms, type Limits, NO_LIMITS } from './core/limits.js';
import { MeterState } from './core/meter-state.js';
import { type MeterGrant, type MeterReport } from './core/meter-sync.js';

export class FixedTerms extends TermsStore {
  termsVersion = 1;
  private readonly terms: KeyTerms;

  constructor(terms: Partial<Omit<KeyTerms, 'customer' | 'key'>> & { readonly customer?: Partial<Limits>; readonly key?: Partial<Limits> }) {
    super();
    this.terms = { platformBudgetMicroUsd: null, meterId: 'key', billingAnchorDay: 1, ...terms, customer: { ...NO_LIMITS, ...terms.customer }, key: { ...NO_LIMITS, ...terms.key } };
  }

  keyTerms(): KeyTerms {
    return this.terms;
  }
  tierOf(): null {
    return null;
  }
  rankOf(): null {
    return null;
  }
}

export class FixedBook extends SpendBook {
  asked = 0;
  constructor(public microUsd = 0) {
    super();
  }
  spent(): Promise<number> {
    this.asked++;
    return Promise.resolve(this.microUsd);
  }
}

/** A store in this process that any number of limiters share, each as if it were a process of its own; it can be made to count. */
export class CountingStore extends LimitStore {
  trips = 0;
  private readonly meters = new Map<string, MeterState>();

  constructor(private readonly now: () => number) {
    super();
  }

  sync(customerId: string, reports: readonly MeterReport[]): Promise<readonly MeterGrant[]> {
    this.trips++;
    return Promise.resolve(
      reports.map((report) => {
        const at = `${customerId} ${report.id}`;
        const meter = this.meters.get(at) ?? new MeterState(report.kind);
        this.meters.set(at, meter);
        return meter.sync(report, 1, this.now());
      }),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface LimiterWorld {
  now: number;
  readonly limiter: LeasedLimiter;
  readonly book: FixedBook;
  readonly troubles: string[];
  reserve(claim?: Partial<Claim>, enforced?: boolean): Promise<Admission>;
}

export function createLimiterWorld(terms: FixedTerms, makeStore: (now: () => number) => LimitStore, spent = 0): LimiterWorld {
  const book = new FixedBook(spent);
  const world: LimiterWorld = {
    now: Date.UTC(2026, 10, 23),
    book,
    troubles: [],
    limiter: new LeasedLimiter({
      terms,
      store: makeStore(() => world.now),
      book,
      now: () => world.now,
      onTrouble: (what) => void world.troubles.push(what),
    }),
    reserve: (claim = {}, enforced = true) =>
      new Promise((resolve) => {
        const key = world.limiter.of('acme', 'key');
        if (key === null) throw new Error('nothing limits this key');
        key.reserve({ tokens: 0, microUsd: 0, platformMicroUsd: 0, ...claim }, enforced, resolve);
      }),
  };
  return world;
}
