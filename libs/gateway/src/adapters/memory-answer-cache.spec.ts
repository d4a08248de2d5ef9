import fc from 'fast-check';
import { type CachedAnswer } from '../core/cache/cached-answer.js';
import { recorded } from '../core/cache/exact-cache.fakes.js';
import { MemoryAnswerCache } from './memory-answer-cache.js';

const answer = (customerId: string, hash: string, bytes = 0): CachedAnswer => ({ ...recorded('x'.repeat(bytes)), customerId, hash, requestedModel: 'm', tags: [], storedAt: 0, expiresAt: 1, epoch: 0 });
/** An empty answer takes this much. */
const ENTRY = 1_024 + 128;

describe('MemoryAnswerCache', () => {
  it('forgets what was not used for the longest time', () => {
    const cache = new MemoryAnswerCache(4 * ENTRY);
    for (const hash of ['1', '2']) cache.put(answer('a', hash));
    for (const hash of ['1', '2']) cache.put(answer('b', hash));
    expect(cache.get({ customerId: 'a', hash: '1' })).not.toBeNull();
    cache.put(answer('c', '1'));
    expect(['1', '2'].map((hash) => cache.get({ customerId: 'a', hash }) !== null)).toEqual([true, false]);
  });

  it('lets one customer fill half of the room, and forget nothing but its own', () => {
    const cache = new MemoryAnswerCache(8 * ENTRY);
    for (const hash of ['1', '2', '3']) cache.put(answer('quiet', hash));
    for (let i = 0; i < 1_000; i++) cache.put(answer('loud', String(i)));
    for (const hash of ['1', '2', '3']) expect(cache.get({ customerId: 'quiet', hash })).not.toBeNull();
    expect(cache.size).toEqual({ answers: 7, bytes: 7 * ENTRY });
    cache.put(answer('loud', 'too large', 4 * ENTRY));
    expect(cache.get({ customerId: 'loud', hash: 'too large' })).toBeNull();
    expect(cache.size.answers).toBe(7);
  });

  it('never gives one customer what is another\'s, and keeps its books whatever comes', () => {
    const step = fc.record({ what: fc.constantFrom('put', 'get', 'drop'), customerId: fc.constantFrom('a', 'b', 'c'), hash: fc.constantFrom('1', '2', '3', '4', '5'), bytes: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new MemoryAnswerCache(10_000);
        const put = new Map<string, CachedAnswer>();
        for (const { what, customerId, hash, bytes } of steps) {
          const one = answer(customerId, hash, bytes);
          if (what === 'put') put.set(`${customerId}${hash}`, one);
          if (what === 'put') cache.put(one);
          else if (what === 'drop') cache.drop(one);
          else {
            const got = cache.get(one);
            if (got !== null) expect(got).toBe(put.get(`${customerId}${hash}`));
          }
          const held = ['a', 'b', 'c'].flatMap((c) => ['1', '2', '3', '4', '5'].map((h) => ({ customerId: c, hash: h }))).filter((slot) => cache.get(slot) !== null);
          expect(cache.size.answers).toBe(held.length);
          expect(cache.size.bytes).toBe(held.reduce((sum, slot) => sum + ENTRY + put.get(`${slot.customerId}${slot.hash}`)!.chunks[0]!.length, 0));
          expect(cache.size.bytes).toBeLessThanOrEqual(10_000);
        }
      }),
    );
  });
});
