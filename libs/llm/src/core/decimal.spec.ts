import fc from 'fast-check';
import { decimalOf, divideHalfEven, shiftToInteger } from './decimal.js';

describe('decimalOf', () => {
  it.each([
    [0, 0n, 0],
    [30, 30n, 0],
    [0.15, 15n, 2],
    [0.0028, 28n, 4],
    [1e-7, 1n, 7],
    [1.5e-9, 15n, 10],
    [1e21, 10n ** 21n, 0],
  ])('reads %d as it is written', (value, digits, decimals) => {
    expect(decimalOf(value)).toEqual({ digits, decimals });
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (value) => {
    expect(() => decimalOf(value)).toThrow(RangeError);
  });

  it('gives back every double', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
        const { digits, decimals } = decimalOf(value);
        expect(Number(`${digits}e-${decimals}`)).toBe(value + 0);
      }),
    );
  });

  it('does not shift away what it cannot hold', () => {
    expect(shiftToInteger({ digits: 15n, decimals: 2 }, 6)).toBe(150_000n);
    expect(() => shiftToInteger({ digits: 15n, decimals: 7 }, 6)).toThrow(RangeError);
  });
});

describe('divideHalfEven', () => {
  it.each([
    [5n, 10n, 0n],
    [15n, 10n, 2n],
    [25n, 10n, 2n],
    [35n, 10n, 4n],
    [26n, 10n, 3n],
    [24n, 10n, 2n],
    [7n, 1n, 7n],
  ])('%d / %d = %d', (numerator, denominator, expected) => {
    expect(divideHalfEven(numerator, denominator)).toBe(expected);
  });

  it('is never further than a half away', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 1n, max: 10n ** 15n }), (numerator, denominator) => {
        const distance = 2n * (divideHalfEven(numerator, denominator) * denominator - numerator);
        expect(distance <= denominator && -distance <= denominator).toBe(true);
      }),
    );
  });
});
