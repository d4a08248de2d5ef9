import { PairCache } from '@apex/common';
import { type Target } from '@apex/llm';
import { type BreakerState, TargetHealth, type TargetVerdict } from './target-health.js';

export interface Choosable {
  readonly target: Target;
  readonly weight: number;
  readonly isFallback: boolean;
}

/** Targets come from configuration and from model names that callers choose: the names are bounded. */
const MAX_TARGETS = 10_000;

/** A target that fails now and then still gets some requests, or it could never show that it is well again. */
const LEAST_SCORE = 0.05;

/** The health of every target that this process has called. Cheap, and nobody else's: no process waits for another to learn. */
export class TargetBoard {
  /** By provider and model. Requests under way keep their object: what is forgotten when it is full is only the past of targets. */
  private readonly healths = new PairCache<TargetHealth>(MAX_TARGETS);

  /**
   * The candidates to try, in order: those of equal rank shuffled by weight x health, fallbacks behind them in the order
   * they were given. What is open or full is left out; what has asked for a pause comes last of all.
   */
  order<C extends Choosable>(candidates: readonly C[], nowMs: number, random: () => number): C[] {
    if (candidates.length === 1) return this.isAvailable(candidates[0]!, nowMs) ? [candidates[0]!] : [];
    const able = candidates.filter((candidate) => this.isAvailable(candidate, nowMs));
    // Weighted sampling without replacement (Efraimidis and Spirakis, 2006): the greatest u^(1/w) comes first.
    const ranked = able
      .filter(({ isFallback }) => !isFallback)
      .map((candidate) => ({ candidate, rank: random() ** (1 / (candidate.weight * Math.max(LEAST_SCORE, this.health(candidate.target).score(nowMs)))) }))
      .sort((a, b) => b.rank - a.rank)
      .map(({ candidate }) => candidate);
    const ordered = [...ranked, ...able.filter(({ isFallback }) => isFallback)];
    const cooling = ordered.filter(({ target }) => this.health(target).cooling(nowMs));
    return cooling.length === 0 ? ordered : [...ordered.filter((candidate) => !cooling.includes(candidate)), ...cooling];
  }

  /** Whether it still takes a request: others may have changed that since it was ordered. */
  isAvailable({ target }: Choosable, nowMs: number): boolean {
    return this.health(target).available(nowMs, target.provider.maxConcurrent);
  }

  /** Whether it may be troubled with a request that another one already has: nothing is known against it. */
  isWell({ target }: Choosable, nowMs: number): boolean {
    const health = this.health(target);
    return health.state(nowMs) === 'closed' && !health.cooling(nowMs) && health.available(nowMs, target.provider.maxConcurrent);
  }

  /** Seconds after which one of these may take requests again; at least 1. */
  retryAfterSeconds(candidates: readonly Choosable[], nowMs: number): number {
    const waits = candidates.map(({ target }) => this.health(target).availableIn(nowMs));
    return Math.max(1, Math.ceil(Math.min(...waits) / 1_000));
  }

  /** How many targets' breakers are in which state, by provider. Targets themselves are not named: callers choose models. */
  breakers(nowMs: number): ReadonlyMap<string, Readonly<Record<BreakerState, number>>> {
    const counts = new Map<string, Record<BreakerState, number>>();
    for (const [provider, models] of this.healths.groups) {
      const states: Record<BreakerState, number> = { closed: 0, open: 0, half_open: 0 };
      for (const health of models.values()) states[health.state(nowMs)]++;
      counts.set(provider, states);
    }
    return counts;
  }

  /** A request goes to the target; the result is told how it ended, exactly once. */
  begin(target: Target): (verdict: TargetVerdict, nowMs: number) => void {
    const health = this.health(target);
    health.begin();
    return (verdict, nowMs) => health.end(verdict, nowMs);
  }

  private health({ provider, model }: Target): TargetHealth {
    let health = this.healths.get(provider.name, model);
    if (health === undefined) this.healths.set(provider.name, model, (health = new TargetHealth()));
    return health;
  }
}
