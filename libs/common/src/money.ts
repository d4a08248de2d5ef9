/**
 * Money is an integer number of picodollars (10^-12 USD).
 * One request's amount is a `number`: exact below 2^53 pd = $9,007. Sums are `bigint`.
 */
export type Picodollars = number;

export const PICODOLLARS_PER_USD = 1_000_000_000_000n;
const PICODOLLARS = Number(PICODOLLARS_PER_USD);

/** A decimal string of US dollars with all twelve places, e.g. `0.000123450000`. Exact. */
export function formatUsd(amount: Picodollars | bigint): string {
  // What nearly every request costs; without the detour over bigint it is several times as fast.
  if (typeof amount === 'number' && Number.isInteger(amount) && amount >= 0 && amount < PICODOLLARS) return `0.${amount.toString().padStart(12, '0')}`;
  const value = BigInt(amount);
  const sign = value < 0n ? '-' : '';
  const abs = value < 0n ? -value : value;
  return `${sign}${abs / PICODOLLARS_PER_USD}.${(abs % PICODOLLARS_PER_USD).toString().padStart(12, '0')}`;
}

/** Throws a `RangeError` for an amount that a JS number cannot hold exactly: a wrong sum must never be stored. */
export function assertExact(amount: Picodollars): Picodollars {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`not an exact amount of picodollars: ${amount}`);
  return amount;
}
