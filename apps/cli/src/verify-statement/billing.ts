import { type Json, type JsonObject } from './canonical.js';
import { halfEven } from './receipt.js';

/** Periods that are pooled at most, the current one included. */
const POOLED = 3;
const CENT = 10_000_000_000n;
const MINIMUM_CENTS = 50n;
export const LINES = ['vbp', 'bvm', 'passthrough'] as const;

export interface Carried {
  readonly periodStart: string;
  readonly saving: bigint;
  readonly lossless: bigint;
  readonly billed: bigint;
}

/** The experiment's figures, as the statement has them. */
export interface StatedEstimate {
  readonly saving: bigint;
  readonly low: bigint;
  readonly high: bigint;
  readonly halfWidth: bigint;
  readonly lengthZ: number;
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** What is billed of what was claimed (docs/statement-format.md, "What is billed"). */
export function billed(periodStart: string, claimed: { readonly saving: bigint; readonly lossless: bigint }, carried: readonly Carried[], estimate: StatedEstimate | null) {
  const before = carried.reduce((all, one) => all + one.billed, 0n);
  const proof = estimate === null ? 'not_estimable' : estimate.halfWidth * 100n > estimate.saving * 15n ? 'too_wide' : estimate.lengthZ > 2.326 ? 'more_requests' : 'proven';
  if (proof === 'proven') {
    const saving = claimed.saving + carried.reduce((all, one) => all + one.saving, 0n);
    const entitled = min(saving, estimate!.low);
    return { proof, billed: entitled - before, denied: saving - entitled, lapsed: 0n, carry: [] as Carried[] };
  }
  const possible = estimate === null ? null : (estimate.high > 0n ? estimate.high : 0n) - before;
  const lossless = min(claimed.saving, claimed.lossless);
  const amount = possible === null ? lossless : min(lossless, possible);
  const all = [...carried, { periodStart, ...claimed, billed: amount }];
  const lapsed = all.slice(0, Math.max(0, all.length - POOLED + 1)).reduce((sum, one) => sum + one.saving - one.billed, 0n);
  return { proof, billed: amount, denied: 0n, lapsed, carry: all.slice(-(POOLED - 1)) };
}

/** Half-even; the one rounding. */
export const inCents = (amount: bigint): bigint => (amount < 0n ? -halfEven(-amount, CENT) : halfEven(amount, CENT));

/** The invoice's lines and sums (docs/statement-format.md, "The invoice"). */
export function invoice(own: readonly bigint[], broughtForward: readonly bigint[], credit: bigint, platformFee: bigint): JsonObject {
  const exact = own.map((amount, index) => amount + broughtForward[index]!);
  const cents = exact.map((amount) => (amount > 0n ? inCents(amount) : 0n));
  const due = cents.reduce((all, one) => all + one, 0n);
  const usable = credit > 0n ? credit / CENT : 0n;
  const used = min(due, usable);
  const fee = inCents(platformFee);
  const waits = due > used && due - used + fee < MINIMUM_CENTS;
  const lines = LINES.map((kind, index): Json => {
    const charged = waits ? 0n : cents[index]!;
    return {
      kind,
      ownPicodollars: String(own[index]),
      broughtForwardPicodollars: String(broughtForward[index]),
      exactPicodollars: String(exact[index]),
      cents: Number(charged),
      residualPicodollars: String(charged === 0n ? 0n : exact[index]! - charged * CENT),
      carriedForwardPicodollars: String(charged === 0n ? exact[index] : 0n),
    };
  });
  return {
    lines,
    dueCents: waits ? 0 : Number(due),
    creditPicodollars: String(credit),
    creditCents: waits ? 0 : Number(used),
    chargedCents: waits ? 0 : Number(due - used),
    platformFeeCents: Number(fee),
  };
}
