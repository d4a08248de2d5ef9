import fc from 'fast-check';
import { median, medianDifference, medianRatio, rotated, spread } from './stats.js';

describe('median', () => {
  it('is the middle value, or the mean of the middle two', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 9])).toBe(9.5);
  });

  it('refuses an empty list', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('does not depend on order, does not change its input, and has half of the values on each side', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
      const copy = [...values];
      const middle = median(values);
      expect(values).toEqual(copy);
      expect(median([...values].reverse())).toBe(middle);
      expect(values.filter((v) => v <= middle).length * 2).toBeGreaterThanOrEqual(values.length);
      expect(values.filter((v) => v >= middle).length * 2).toBeGreaterThanOrEqual(values.length);
    }));
  });
});

describe('pairs of rounds', () => {
  it('compares inside each round: a machine that slows down for a whole round leaves the ratio alone', () => {
    expect(medianRatio([80, 40, 8], [100, 50, 10])).toBeCloseTo(0.8);
    expect(medianDifference([5, 9, 7], [4, 7, 4])).toBe(2);
  });

  it('refuses lists that do not pair up', () => {
    expect(() => medianRatio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('spread', () => {
  it('is the range over the median', () => {
    expect(spread([90, 100, 110])).toBeCloseTo(0.2);
  });
});

describe('rotated', () => {
  it('lets everyone run first once in as many rounds', () => {
    expect([0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(rotated([], 2)).toEqual([]);
  });
});
