import { Odds } from './odds.js';

/** A prefix that was sent. */
export interface Sight {
  lastAt: number;
  times: number;
  /** Unix ms until which the provider has it in its cache, as far as its answers tell. */
  liveUntil: number;
  /** Unix ms until which a call that is to write it may not have begun to: another one would write it as well. */
  writingUntil: number;
  /** Whom it concerns whether it comes again in time. */
  hope: Odds | null;
}

/**
 * Which prefixes come again within a provider's time to live, and how sure it is that others will: counted over what was
 * sent, whether or not it was cached. Bounded in memory; what came last stays.
 */
export class Recurrence {
  /** In the order in which they were seen last. */
  private readonly sights = new Map<string, Sight>();
  private readonly odds = new Map<string, Odds>();

  constructor(
    private readonly ttlMs: number,
    private readonly maxSights = 200_000,
    private readonly maxOdds = 20_000,
  ) {}

  /** Sees a prompt by the names of its prefixes; answers how each stands now, and how many of them had been seen before. */
  see(names: readonly string[], nowMs: number): { readonly sights: readonly Sight[]; readonly known: number } {
    this.forget(nowMs);
    let known = 0;
    const sights = names.map((name, index) => {
      let sight = this.sights.get(name);
      if (sight === undefined) sight = { lastAt: nowMs, times: 1, liveUntil: 0, writingUntil: 0, hope: null };
      else {
        this.sights.delete(name);
        known = index + 1;
        sight.lastAt = nowMs;
        sight.times++;
        sight.hope?.decide(true, nowMs);
        sight.hope = null;
      }
      this.sights.set(name, sight);
      return sight;
    });
    return { sights, known };
  }

  /** Waits whether this prefix comes again. */
  expect(sight: Sight, odds: Odds): void {
    if (sight.hope !== null) return;
    sight.hope = odds;
    odds.hope();
  }

  oddsOf(name: string, nowMs: number): Odds {
    let odds = this.odds.get(name);
    if (odds === undefined) {
      if (this.odds.size >= this.maxOdds) this.odds.delete(this.odds.keys().next().value!);
      odds = new Odds(nowMs);
    } else this.odds.delete(name);
    this.odds.set(name, odds);
    return odds.age(nowMs);
  }

  get size(): number {
    return this.sights.size;
  }

  private forget(nowMs: number): void {
    for (const [name, sight] of this.sights) {
      if (this.sights.size <= this.maxSights && sight.lastAt + this.ttlMs > nowMs) return;
      sight.hope?.decide(false, nowMs);
      this.sights.delete(name);
    }
  }
}
