import { datedPrice, priceAt } from './dated-prices.js';

const at = (text: string) => Date.parse(text);
const labelAt = (prices: Parameters<typeof priceAt>[0], text: string) => priceAt(prices, at(text))?.label;

describe('priceAt', () => {
  it('changes at UTC midnight of the start date', () => {
    const prices = [datedPrice(undefined, 1), datedPrice({ type: 'start_date', start_date: '2025-06-10' }, 2)];
    expect(labelAt(prices, '2025-06-09T23:59:59.999Z')).toBe('base');
    expect(labelAt(prices, '2025-06-10T00:00:00.000Z')).toBe('2025-06-10');
  });

  it('lets the last one that applies win', () => {
    const prices = [
      datedPrice(undefined, 1),
      datedPrice({ type: 'start_date', start_date: '2025-01-01' }, 2),
      datedPrice({ type: 'time_of_date', start_time: '01:00:00Z', end_time: '04:00:00Z' }, 3),
    ];
    expect(labelAt(prices, '2024-05-05T01:00:00Z')).toBe('01:00:00Z-04:00:00Z');
    expect(labelAt(prices, '2025-05-05T04:00:00Z')).toBe('2025-01-01');
  });

  it('takes the first before all of them', () => {
    const prices = [datedPrice({ type: 'start_date', start_date: '2025-01-01' }, 1), datedPrice({ type: 'start_date', start_date: '2026-01-01' }, 2)];
    expect(labelAt(prices, '2020-01-01T00:00:00Z')).toBe('2025-01-01');
    expect(priceAt([], 0)).toBeNull();
  });

  it('knows windows across midnight, zones and fractions', () => {
    const night = [datedPrice(undefined, 1), datedPrice({ type: 'time_of_date', start_time: '22:00:00Z', end_time: '02:00:00Z' }, 2)];
    expect(['21:59:59.999', '22:00:00', '00:00:00', '01:59:59.999', '02:00:00'].map((time) => priceAt(night, at(`2026-01-01T${time}Z`))?.value)).toEqual([1, 2, 2, 2, 1]);
    const beijing = [datedPrice(undefined, 1), datedPrice({ type: 'time_of_date', start_time: '09:00:00.500+08:00', end_time: '12:00:00+08:00' }, 2)];
    expect(['01:00:00.499', '01:00:00.500', '03:59:59', '04:00:00'].map((time) => priceAt(beijing, at(`2026-01-01T${time}Z`))?.value)).toEqual([1, 2, 2, 1]);
  });

  it('refuses conditions it cannot read', () => {
    expect(() => datedPrice({ type: 'start_date', start_date: 'soon' }, 1)).toThrow(RangeError);
    expect(() => datedPrice({ type: 'time_of_date', start_time: '1am', end_time: '02:00:00Z' }, 1)).toThrow(RangeError);
  });
});
