import fc from 'fast-check';
import { DAY_MS, daysOf } from './buckets.js';

describe('the days of a period', () => {
  it('cover it without a gap, begin at UTC midnight, and are no more than needed', () => {
    const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) });
    fc.assert(
      fc.property(instant, fc.integer({ min: 1, max: 40 * DAY_MS }), (from, length) => {
        const days = [...daysOf(new Date(from), new Date(from + length))].map((day) => day.getTime());
        expect(days.every((day) => day % DAY_MS === 0)).toBe(true);
        expect(days.every((day, index) => index === 0 || day === days[index - 1]! + DAY_MS)).toBe(true);
        expect(days[0]).toBeLessThanOrEqual(from);
        expect(days[0]! + DAY_MS).toBeGreaterThan(from);
        expect(days.at(-1)).toBeLessThan(from + length);
        expect(days.at(-1)! + DAY_MS).toBeGreaterThanOrEqual(from + length);
      }),
    );
  });

  it('of nothing are none', () => expect([...daysOf(new Date(DAY_MS * 3), new Date(DAY_MS * 3))]).toEqual([]));
});
