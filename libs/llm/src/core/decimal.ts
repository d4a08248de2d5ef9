/** A non-negative decimal, exactly: `digits` / 10^`decimals`. */
export interface Decimal {
  readonly digits: bigint;
  readonly decimals: number;
}

const NUMBER = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/**
 * The decimal that a catalogue wrote, from the number that JSON made of it. JavaScript prints the shortest decimal
 * that reads back as the same double, which for every price of at most 15 significant digits is the one written.
 * @throws RangeError for a negative or non-finite number.
 */
export function decimalOf(value: number): Decimal {
  const match = NUMBER.exec(String(value));
  if (match === null) throw new RangeError(`not a price: ${value}`);
  const fraction = match[2] ?? '';
  const decimals = fraction.length - Number(match[3] ?? 0);
  const digits = BigInt(`${match[1]}${fraction}`);
  return decimals >= 0 ? { digits, decimals } : { digits: digits * 10n ** BigInt(-decimals), decimals: 0 };
}

/** `decimal` x 10^`places`, which must be whole. */
export function shiftToInteger({ digits, decimals }: Decimal, places: number): bigint {
  if (places < decimals) throw new RangeError(`${digits}e-${decimals} has more than ${places} decimals`);
  return digits * 10n ** BigInt(places - decimals);
}

/** `numerator` / `denominator` to the nearest whole number, halves to the even one. Both are non-negative. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  if (twice < denominator) return quotient;
  if (twice > denominator) return quotient + 1n;
  return quotient % 2n === 0n ? quotient : quotient + 1n;
}
