import { BoundedMap } from './bounded-map.js';

describe('BoundedMap', () => {
  it('keeps what was used lately, within its weight', () => {
    const map = new BoundedMap<string>(20, (value) => value.length);
    for (const key of ['a', 'b', 'c', 'd', 'e']) map.set(key, 'four');
    expect(map.get('a')).toBeUndefined();
    expect(map.get('e')).toBe('four');
    expect(map.size).toBeLessThanOrEqual(5);
  });

  it('forgets what is deleted, in either generation, and has its room again', () => {
    const map = new BoundedMap<string>(16, (value) => value.length);
    for (const key of ['a', 'b', 'c']) map.set(key, 'four');
    expect([map.delete('a'), map.delete('c'), map.delete('z')]).toEqual([true, true, false]);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 'four', undefined]);
    map.set('d', 'four');
    expect([map.get('b'), map.get('d')]).toEqual(['four', 'four']);
  });
});
