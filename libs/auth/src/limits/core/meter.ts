import { type BillingMonth } from './billing-month.js';
import { type MeterGrant, type MeterKind, type MeterReport } from './meter-sync.js';

/** What limits a request: `budget` of the customer or the key, `platform_budget` of what the platform's keys spend for it. */
export const LIMIT_NAMES = ['requests', 'tokens', 'concurrency', 'budget', 'platform_budget'] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export interface MeterSpec {
  readonly id: string;
  readonly name: LimitName;
  readonly scope: 'customer' | 'key';
  readonly kind: MeterKind;
  readonly limit: number;
  /** Of a key's: whose meters they are. */
  readonly meterId: string | null;
  readonly anchorDay: number;
  /** Of a budget: the month it is for, and Unix ms at which the next one's begins. */
  readonly month: BillingMonth | null;
  readonly endsAt: number | null;
}

/** Of a limit, the part of it that one process takes in advance at most: what it does not use it holds from others. */
const LARGEST_PART = 8;
/** Where little is asked for, enough for the next few requests all the same. */
const FIRST_PART = 50;
const FEW = 16;
const NEARLY_ALL = 0.9;
/** How long a refusal is believed without asking again. */
const BELIEVED_MS = 100;
const PD_PER_MICRO = 1_000_000;

/**
 * One process' dealings with one meter. It holds a part of the limit, gives of it to requests without asking anybody, and
 * tells from time to time what was used. What it holds, and what it used and has not told, is always within what it was
 * granted, but for what had to be let through: requests that no limit may stop, and usage beyond what was reserved.
 */
export class Meter {
  /** Held, and nobody's yet. */
  private free = 0;
  /** Promised to requests under way. */
  private promised = 0;
  private used = 0;
  private told = 0;
  /** Asked for since the last beat, and between the two before it. */
  private recent = 0;
  private before = 0;
  /** Of requests that wait for this meter. */
  private missing = 0;
  private last: MeterGrant | null = null;
  private lastAt = -Infinity;
  /** From this amount on it was refused, as far as is known. */
  private refused = Infinity;
  private believedUntil = -Infinity;
  private retryAt = -Infinity;
  /** Of the micro-dollars counted so far, what was not yet spent: amounts are rounded up once, not each. */
  private prepaidPd = 0;
  private floor: number | null = null;

  constructor(public spec: MeterSpec) {
    if (spec.kind === 'total' && spec.month === null) this.floor = 0;
  }

  has(amount: number): boolean {
    return this.free >= amount;
  }

  /** Nobody has as much, as far as is known. */
  isFull(amount: number): boolean {
    return this.free < amount && (amount > this.spec.limit || amount >= this.refused);
  }

  /** Whether a refusal needs no second opinion. */
  isSure(amount: number, nowMs: number): boolean {
    return amount > this.spec.limit || nowMs < this.believedUntil;
  }

  /** Gives to a request what it is to settle. Returns how much of it was in hand: less where no limit may stop it. */
  promise(amount: number): number {
    const covered = Math.min(this.free, amount);
    this.free -= covered;
    this.promised += amount;
    this.recent += amount;
    return covered;
  }

  /** It was asked for, and is not given. */
  miss(amount: number): void {
    this.recent += amount;
  }

  /** A request is over that was promised `amount`, `covered` of it in hand, and has used `used`. */
  settle(amount: number, covered: number, used: number): void {
    this.promised -= amount;
    this.used += used;
    this.free = Math.max(0, this.free + covered - used);
    if (covered > used) this.refused = Infinity;
  }

  /** Picodollars as the micro-dollars that they are beyond those counted already. */
  microUsdOf(costPd: number): number {
    const due = costPd - this.prepaidPd;
    const micro = Math.max(0, Math.ceil(due / PD_PER_MICRO));
    this.prepaidPd = micro * PD_PER_MICRO - due;
    return micro;
  }

  /** Used without a promise. */
  count(used: number): void {
    this.used += used;
  }

  /** A request waits until this much is in hand, or refused. */
  wait(amount: number): void {
    this.missing += amount;
  }

  /** A little while has passed. */
  beat(): void {
    this.before = this.recent;
    this.recent = 0;
  }

  /** Whether there is something that others, or requests here, should know soon. */
  isDue(): boolean {
    const untold = this.used - this.told;
    const { limit } = this.spec;
    if (untold > limit / 100 || (this.refused !== Infinity && this.demand() > 0)) return true;
    const tight = this.last !== null && this.last.used + this.last.held + untold > limit / 2;
    return tight && (untold > 0 || this.free > this.part());
  }

  /** Enough for now, but not for long. */
  isLow(): boolean {
    return this.refused === Infinity && this.free < this.part() / 4;
  }

  /** Nothing here that others could miss. */
  isIdle(): boolean {
    return this.free === 0 && this.promised === 0 && this.used === this.told && this.missing === 0;
  }

  /** What to tell and to ask. What is free beyond what will be needed soon is given up with it. */
  report(): MeterReport {
    const part = this.part();
    const keep = Math.min(this.free, Math.max(part, this.missing));
    // What is given up may be asked for again.
    if (keep < this.free) this.refused = Infinity;
    this.free = keep;
    const need = Math.max(0, this.missing - keep);
    this.missing = 0;
    return { id: this.spec.id, kind: this.spec.kind, limit: this.spec.limit, from: this.told, to: this.used, hold: this.promised + keep, want: Math.max(need, part - keep), need, floor: this.floor };
  }

  /** @param report the one that this answers */
  take(report: MeterReport, grant: MeterGrant, nowMs: number): void {
    this.last = grant;
    this.lastAt = nowMs;
    if (!grant.known) {
      this.missing += report.need;
      return;
    }
    if (grant.heard) {
      this.told = Math.max(this.told, report.to);
      this.floor = null;
    }
    this.free += grant.granted;
    const full = grant.granted < report.need || (grant.granted === 0 && report.want > 0);
    this.refused = full ? this.free + 1 : Infinity;
    if (!full) return;
    this.retryAt = nowMs + grant.retryAfterMs;
    this.believedUntil = report.need > 0 ? Math.min(this.retryAt, nowMs + BELIEVED_MS) : -Infinity;
  }

  /** The books have it that so much was spent. */
  learn(floor: number): void {
    this.floor = Math.max(this.floor ?? 0, floor);
  }

  /** Nobody knew what was used of it before, and nobody has told since. */
  get isUnknown(): boolean {
    return this.last?.known === false && this.floor === null;
  }

  /** By everybody, as it was last told. */
  usedByAll(): number {
    return this.last === null ? 0 : this.spec.kind === 'gauge' ? this.last.held - this.free : this.last.used;
  }

  /** What is left for everybody, as far as this process knows. */
  remaining(): number {
    const { limit } = this.spec;
    if (this.last === null) return limit;
    return Math.max(0, Math.min(limit, limit - this.last.used - this.last.held + this.free));
  }

  /** What was spent leaves no room for this much: it is no use to wait for those under way. */
  isSpent(amount: number): boolean {
    return this.spec.kind === 'total' && (this.last?.used ?? 0) + amount > this.spec.limit;
  }

  /** When this much may be there. */
  retryAfterMs(amount: number, nowMs: number): number {
    if (this.isSpent(amount)) return Math.max(1_000, (this.spec.endsAt ?? nowMs) - nowMs);
    return Math.max(1, this.retryAt - nowMs);
  }

  resetMs(nowMs: number): number {
    if (this.spec.endsAt !== null) return Math.max(0, this.spec.endsAt - nowMs);
    return this.last === null ? 0 : Math.max(0, this.lastAt + this.last.resetMs - nowMs);
  }

  private demand(): number {
    return Math.max(this.recent, this.before);
  }

  /** How much is good to have in hand: twice what is given out between two beats, nothing once nobody asks. */
  private part(): number {
    const demand = this.demand() + this.missing;
    if (demand === 0) return 0;
    const { limit, name, kind } = this.spec;
    const first = Math.ceil(limit / FIRST_PART);
    // What is left of a budget at its end is nobody's in advance: it would be refused to others.
    if (kind === 'total') return this.last !== null && this.last.used + this.last.held > limit * NEARLY_ALL ? 0 : first;
    return Math.min(Math.ceil(limit / LARGEST_PART), Math.max(2 * demand, name === 'requests' ? Math.min(first, FEW) : first));
  }
}
