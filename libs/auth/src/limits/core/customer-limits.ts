import { type LimitStore } from '../ports/limit-store.js';
import { type Admission, type Claim, type LimitUse } from '../ports/limiter.js';
import { type SpendBook } from '../ports/spend-book.js';
import { type BillingMonth, billingMonthAt } from './billing-month.js';
import { type KeyTerms } from './limits.js';
import { type LimitName, Meter, type MeterSpec } from './meter.js';
import { meterSpecs, spenderOf, wouldSpec } from './meter-specs.js';
import { amountOf, type Held, HeldReservation, isHard, stateOf, statesOf } from './reservation.js';

export interface CustomerLimitsDeps {
  readonly store: LimitStore;
  readonly book: SpendBook;
  readonly now: () => number;
  readonly onTrouble: (what: string, error: unknown) => void;
  readonly limited: Record<LimitName, number>;
  readonly wouldHaveBeenLimited: Record<LimitName, number>;
}

/** What a key's requests are counted on. */
export interface MeterSet {
  readonly customer: CustomerLimits;
  readonly meters: readonly Meter[];
}

interface Waiting {
  readonly meters: readonly Meter[];
  readonly claim: Claim;
  readonly enforced: boolean;
  readonly done: (admission: Admission) => void;
}

/** In beats: what is held is renewed well before its lease ends; the books are asked now and then; then nobody is left. */
const RENEW_BEATS = 15;
const BOOKS_BEATS = 1_500;
const RETIRE_BEATS = 300;

/** One customer's meters in this process, its keys' among them. */
export class CustomerLimits {
  private readonly meters = new Map<string, Meter>();
  private readonly counted = new Map<string, Meter>();
  /** Which of `counted` a limit has this month: it is asked for with each request beyond a limit that is not in force. */
  private readonly wouldBe = new WeakMap<MeterSpec, { readonly month: BillingMonth; readonly meter: Meter }>();
  private waiting: Waiting[] = [];
  /** To be asked for although nothing is to be said of them. */
  private asked: Meter[] = [];
  private running: Promise<void> | null = null;
  private sinceSync = 0;
  private sinceBooks = 0;
  private sinceUse = 0;
  /** Forgotten: whoever still has it looks for its successor. */
  retired = false;

  constructor(
    private readonly customerId: string,
    private readonly deps: CustomerLimitsDeps,
  ) {}

  meterSet(terms: KeyTerms, withKey = true): MeterSet {
    const month = billingMonthAt(this.deps.now(), terms.billingAnchorDay);
    return { customer: this, meters: meterSpecs(terms, month, withKey).map((spec) => this.meter(this.meters, spec)) };
  }

  reserve({ meters }: MeterSet, claim: Claim, enforced: boolean, done: (admission: Admission) => void): void {
    this.sinceUse = 0;
    const request = { meters, claim, enforced, done };
    const now = this.deps.now();
    let waits = false;
    let soft: Meter | null = null;
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      const amount = amountOf(meter, claim);
      if (meter.has(amount)) continue;
      const full = meter.isFull(amount);
      if (!isHard(meter, enforced)) soft ??= full ? meter : null;
      else if (full && meter.isSure(amount, now)) return this.refuse(meter, request);
      else waits = true;
    }
    if (!waits) return this.admit(request, soft);
    this.waiting.push(request);
    void this.flush();
  }

  async use(terms: KeyTerms, withKey: boolean): Promise<readonly LimitUse[]> {
    this.sinceUse = 0;
    const { meters } = this.meterSet(terms, withKey);
    const month = billingMonthAt(this.deps.now(), terms.billingAnchorDay);
    const would = meters.map((meter) => this.would(meter, month));
    this.asked.push(...meters, ...would);
    // The round that is under way may have passed them by: its end begins another.
    await this.flush();
    const now = this.deps.now();
    return meters.map((meter, i) => ({ ...stateOf(meter, now), scope: meter.spec.scope, kind: meter.spec.kind, used: meter.usedByAll(), wouldHaveBeenLimited: would[i]!.usedByAll() }));
  }

  /** Every little while. @returns false once nothing is left to remember */
  beat(): boolean {
    this.sinceSync++;
    this.sinceUse++;
    if (++this.sinceBooks >= BOOKS_BEATS) {
      this.sinceBooks = 0;
      for (const meter of this.meters.values()) if (meter.spec.kind === 'total' && !meter.isIdle()) void this.learn(meter);
      this.forgetPast();
    }
    let due = false;
    let idle = true;
    for (const meter of this.all()) {
      meter.beat();
      due ||= meter.isDue();
      idle &&= meter.isIdle();
    }
    if (this.running === null && (due || (!idle && this.sinceSync >= RENEW_BEATS))) void this.flush();
    this.retired = idle && this.running === null && this.waiting.length === 0 && this.sinceUse >= RETIRE_BEATS;
    return !this.retired;
  }

  /** Gives up what is held, and tells what was used. */
  async handIn(): Promise<void> {
    await this.running;
    for (const meter of this.all()) {
      meter.beat();
      meter.beat();
    }
    await this.flush();
  }

  /** Everybody who asks while a round is under way shares the next one. */
  private flush(): Promise<void> {
    this.running ??= this.rounds();
    return this.running;
  }

  private async rounds(): Promise<void> {
    do await this.round();
    while (this.waiting.length > 0 || this.asked.length > 0);
    // In the same turn as the last look: whoever comes later begins anew.
    this.running = null;
  }

  private async round(): Promise<void> {
    const { waiting, asked } = this;
    this.waiting = [];
    this.asked = [];
    this.sinceSync = 0;
    try {
      for (const { meters, claim, enforced } of waiting) {
        for (const meter of meters) {
          const amount = amountOf(meter, claim);
          if (isHard(meter, enforced)) meter.wait(amount);
        }
      }
      const meters = [...this.all()].filter((meter) => !meter.isIdle() || meter.isDue() || asked.includes(meter));
      await this.sync(meters);
      const unknown = meters.filter((meter) => meter.isUnknown);
      if (unknown.length > 0) {
        await Promise.all(unknown.map((meter) => this.learn(meter)));
        await this.sync(unknown);
      }
      for (const request of waiting) this.decide(request);
    } catch (error) {
      // What goes wrong here is nobody's request's fault.
      this.deps.onTrouble('limits', error);
      for (const request of waiting) this.admit(request, null);
    }
  }

  private async sync(meters: readonly Meter[]): Promise<void> {
    if (meters.length === 0) return;
    const reports = meters.map((meter) => meter.report());
    const grants = await this.deps.store.sync(this.customerId, reports);
    const now = this.deps.now();
    for (const [i, meter] of meters.entries()) meter.take(reports[i]!, grants[i]!, now);
  }

  /** Where neither Redis nor the books can tell, the month begins with nothing; the books are asked again later. */
  private async learn(meter: Meter): Promise<void> {
    const { spec } = meter;
    if (spec.month === null) return;
    try {
      meter.learn(await this.deps.book.spent(this.customerId, spenderOf(spec), spec.month));
    } catch (error) {
      this.deps.onTrouble('what was spent so far cannot be read', error);
      if (meter.isUnknown) meter.learn(0);
    }
  }

  /** After a round that asked for it: there is enough now, or there is none. */
  private decide(request: Waiting): void {
    const { meters, claim, enforced } = request;
    const lacking = meters.find((meter) => isHard(meter, enforced) && !meter.has(amountOf(meter, claim)));
    if (lacking !== undefined) return this.refuse(lacking, request);
    const soft = meters.find((meter) => !isHard(meter, enforced) && meter.isFull(amountOf(meter, claim)));
    this.admit(request, soft ?? null);
  }

  /** @param soft what would have refused it */
  private admit({ meters, claim, enforced, done }: Waiting, soft: Meter | null): void {
    const held: Held[] = [];
    let low = false;
    for (let i = 0; i < meters.length; i++) {
      const meter = meters[i]!;
      const amount = amountOf(meter, claim);
      if (soft !== null && !isHard(meter, enforced)) {
        // Had it been refused it would have used nothing; but what is spent is spent.
        meter.miss(amount);
        if (meter.spec.kind === 'total') held.push({ meter, amount: 0, covered: 0 });
        continue;
      }
      const covered = meter.promise(amount);
      if (meter.spec.name === 'requests') meter.settle(1, covered, 1);
      else held.push({ meter, amount, covered });
      low ||= meter.isLow();
    }
    if (soft !== null) this.countWould(soft);
    if (low && this.running === null) void this.flush();
    done({ ok: true, reservation: new HeldReservation(held, enforced ? meters : [], this.deps.now) });
  }

  private refuse(meter: Meter, { meters, claim, enforced, done }: Waiting): void {
    const { name, scope, limit } = meter.spec;
    const now = this.deps.now();
    const amount = amountOf(meter, claim);
    meter.miss(amount);
    this.deps.limited[name]++;
    done({ ok: false, limited: { name, scope, limit, retryAfterMs: meter.retryAfterMs(amount, now), spent: meter.isSpent(amount), states: enforced ? statesOf(meters, now) : [] } });
  }

  private countWould(meter: Meter): void {
    this.deps.wouldHaveBeenLimited[meter.spec.name]++;
    this.would(meter, billingMonthAt(this.deps.now(), meter.spec.anchorDay)).count(1);
  }

  private would({ spec }: Meter, month: BillingMonth): Meter {
    const known = this.wouldBe.get(spec);
    if (known?.month === month) return known.meter;
    const meter = this.meter(this.counted, wouldSpec(spec, month));
    this.wouldBe.set(spec, { month, meter });
    return meter;
  }

  private meter(among: Map<string, Meter>, spec: MeterSpec): Meter {
    let meter = among.get(spec.id);
    if (meter === undefined) among.set(spec.id, (meter = new Meter(spec)));
    meter.spec = spec;
    return meter;
  }

  /** Budgets of months that are over, once nothing is to be said of them any more. */
  private forgetPast(): void {
    const now = this.deps.now();
    for (const among of [this.meters, this.counted]) {
      for (const [id, meter] of among) if (meter.spec.endsAt !== null && meter.spec.endsAt < now && meter.isIdle()) among.delete(id);
    }
  }

  private *all(): Generator<Meter> {
    yield* this.meters.values();
    yield* this.counted.values();
  }
}
