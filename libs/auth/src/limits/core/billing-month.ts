/** A customer's billing month, [from, to), Unix ms. It begins at 00:00 UTC on the anchor's day. */
export interface BillingMonth {
  readonly from: number;
  readonly to: number;
  /** The day it begins: `2026-11-05`. */
  readonly name: string;
}

/** @param anchorDay 1 to 28, so that every month has it */
export function billingMonthAt(nowMs: number, anchorDay: number): BillingMonth {
  const last = latest.get(anchorDay);
  // Asked for each request, and the answer changes once a month.
  if (last !== undefined && nowMs >= last.from && nowMs < last.to) return last;
  const month = monthAt(nowMs, anchorDay);
  latest.set(anchorDay, month);
  return month;
}

/** One for each of 28 days. */
const latest = new Map<number, BillingMonth>();

function monthAt(nowMs: number, anchorDay: number): BillingMonth {
  const now = new Date(nowMs);
  const month = now.getUTCMonth() - (now.getUTCDate() < anchorDay ? 1 : 0);
  const from = Date.UTC(now.getUTCFullYear(), month, anchorDay);
  return { from, to: Date.UTC(now.getUTCFullYear(), month + 1, anchorDay), name: new Date(from).toISOString().slice(0, 10) };
}
