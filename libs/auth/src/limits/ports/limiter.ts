import { type LimitName } from '../core/meter.js';
import { type MeterKind } from '../core/meter-sync.js';

/** What a request may use at most, as far as its limits want to know. */
export interface Claim {
  readonly tokens: number;
  readonly microUsd: number;
  /** Of it, what a platform key may spend. */
  readonly platformMicroUsd: number;
}

/** What it has used. */
export interface Usage {
  readonly tokens: number;
  readonly costPd: number;
  readonly platformCostPd: number;
}

/** One kind of limit as the client is told of it: the one that leaves the least. */
export interface LimitState {
  readonly name: LimitName;
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/** A request that was let through. */
export interface Reservation {
  /** Once; what was reserved and not used is there for others at once. */
  settle(usage: Usage): void;
  /** The limits that are in force for it; none while they are only counted. */
  states(): readonly LimitState[];
}

export interface Limited {
  readonly name: LimitName;
  readonly scope: 'customer' | 'key';
  readonly limit: number;
  readonly retryAfterMs: number;
  /** Of a budget: it is used up until the month ends; false: what is left is promised to requests under way. */
  readonly spent: boolean;
  readonly states: readonly LimitState[];
}

export type Admission = { readonly ok: true; readonly reservation: Reservation } | { readonly ok: false; readonly limited: Limited };

/** The limits of one key, its customer's among them. */
export interface KeyLimiter {
  /** Whether anything here counts tokens, money, or the money of platform keys. What is not counted need not be claimed. */
  readonly counts: { readonly tokens: boolean; readonly budget: boolean; readonly platformBudget: boolean };
  /**
   * Reserves all that is claimed, or nothing. `done` is called once: in the same turn wherever this process has enough in
   * hand, else after one round trip to Redis that many share. It is never called later than that for Redis being away.
   * @param enforced false: only the platform's budget refuses anybody; what the others would refuse is counted
   */
  reserve(claim: Claim, enforced: boolean, done: (admission: Admission) => void): void;
}

/** One meter's state, over all processes. */
export interface LimitUse extends LimitState {
  readonly scope: 'customer' | 'key';
  readonly kind: MeterKind;
  /** In the window, in the month, or under way. */
  readonly used: number;
  /** This billing month, requests that it would have refused had limits been enforced. */
  readonly wouldHaveBeenLimited: number;
}

/** Reserves before the call, settles after it. In memory; nothing on a request's path but what `reserve` says. */
export abstract class Limiter {
  /** null: nothing limits this key. */
  abstract of(customerId: string, keyId: string): KeyLimiter | null;
  /** How it stands with this customer's limits, and with the key's if one is named. */
  abstract use(customerId: string, keyId: string | null): Promise<readonly LimitUse[]>;
  /** Requests let through by this process that a limit would have refused, by its name. */
  abstract get wouldHaveBeenLimited(): Readonly<Record<LimitName, number>>;
  /** Requests that were refused, by the name of the limit. */
  abstract get limited(): Readonly<Record<LimitName, number>>;
}
