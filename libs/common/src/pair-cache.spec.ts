import fc from 'fast-check';
import { PairCache } from './pair-cache.js';

describe('PairCache', () => {
  it('never holds more than its capacity, and always the last value set', () => {
    const part = fc.string({ maxLength: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(part, part, fc.integer())), (capacity, writes) => {
        const cache = new PairCache<number>(capacity);
        const held = new Map<string, number>();
        for (const [group, key, value] of writes) {
          if (cache.size >= capacity) held.clear();
          cache.set(group, key, value);
          held.set(JSON.stringify([group, key]), value);
          expect(cache.get(group, key)).toBe(value);
          expect(cache.size).toBe(held.size);
          expect([...cache.groups].flatMap(([name, values]) => [...values].map(([each, kept]) => [JSON.stringify([name, each]), kept])).sort()).toEqual([...held].sort());
          expect(cache.size).toBeLessThanOrEqual(capacity);
        }
      }),
    );
  });

  it('keeps pairs apart that would read the same joined', () => {
    const cache = new PairCache<number>(10);
    cache.set('a', 'bc', 1);
    expect(cache.get('ab', 'c')).toBeUndefined();
    expect(cache.get('a', 'bc')).toBe(1);
  });

  it('forgets everything when it is full or told to', () => {
    const cache = new PairCache<number>(2);
    cache.set('a', 'x', 1);
    cache.set('b', 'x', 2);
    cache.set('c', 'x', 3);
    expect([cache.get('a', 'x'), cache.get('b', 'x'), cache.get('c', 'x')]).toEqual([undefined, undefined, 3]);
    cache.clear();
    expect([cache.get('c', 'x'), cache.size]).toEqual([undefined, 0]);
  });
});
