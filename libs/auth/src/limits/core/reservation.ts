import { type Claim, type LimitState, type Reservation, type Usage } from '../ports/limiter.js';
import { type Meter } from './meter.js';

/** What one request was promised on one meter. */
export interface Held {
  readonly meter: Meter;
  readonly amount: number;
  readonly covered: number;
}

/** What a request holds on all of its meters until it is settled. */
export class HeldReservation implements Reservation {
  private settled = false;

  constructor(
    private readonly held: readonly Held[],
    private readonly inForce: readonly Meter[],
    private readonly now: () => number,
  ) {}

  settle(usage: Usage): void {
    if (this.settled) return;
    this.settled = true;
    for (let i = 0; i < this.held.length; i++) {
      const { meter, amount, covered } = this.held[i]!;
      meter.settle(amount, covered, usedOf(meter, usage));
    }
  }

  states(): readonly LimitState[] {
    return this.inForce.length === 0 ? [] : statesOf(this.inForce, this.now());
  }
}

/** Whether it refuses anybody. */
export const isHard = (meter: Meter, enforced: boolean): boolean => enforced || meter.spec.name === 'platform_budget';

/** How much of it a request claims. */
export function amountOf({ spec }: Meter, claim: Claim): number {
  switch (spec.name) {
    case 'requests':
    case 'concurrency':
      return 1;
    case 'tokens':
      // What could never be served would have to be refused for ever; it waits for an empty minute instead.
      return Math.min(claim.tokens, spec.limit);
    case 'budget':
      return claim.microUsd;
    case 'platform_budget':
      return claim.platformMicroUsd;
  }
}

function usedOf(meter: Meter, usage: Usage): number {
  switch (meter.spec.name) {
    case 'requests':
    case 'concurrency':
      return 0;
    case 'tokens':
      return usage.tokens;
    case 'budget':
      return meter.microUsdOf(usage.costPd);
    case 'platform_budget':
      return meter.microUsdOf(usage.platformCostPd);
  }
}

export const stateOf = (meter: Meter, now: number): LimitState => ({ name: meter.spec.name, limit: meter.spec.limit, remaining: meter.remaining(), resetMs: meter.resetMs(now) });

/** Of the customer's and the key's limit of one name, the one that leaves less. */
export function statesOf(meters: readonly Meter[], now: number): LimitState[] {
  const states: LimitState[] = [];
  for (const meter of meters) {
    const state = stateOf(meter, now);
    const same = states.findIndex(({ name }) => name === state.name);
    if (same < 0) states.push(state);
    else if (state.remaining < states[same]!.remaining) states[same] = state;
  }
  return states;
}
