import fc from 'fast-check';
import { type CachedAnswer } from './cached-answer.js';
import { recorded } from './exact-cache.fakes.js';
import { SharingQueue } from './sharing-queue.js';

const answer = (hash: string, customerId = 'acme', bytes = 10): CachedAnswer => ({ ...recorded('x'.repeat(bytes)), customerId, hash, requestedModel: 'm', tags: [], storedAt: 0, expiresAt: 1, epoch: 0 });
const hashesOf = (answers: readonly CachedAnswer[]): string[] => answers.map(({ hash }) => hash);

describe('SharingQueue', () => {
  it('gives answers in the order in which they came, a few at a time', () => {
    const queue = new SharingQueue();
    for (const hash of ['1', '2', '3']) expect(queue.offer(answer(hash))).toBe(true);
    expect(hashesOf(queue.take(2, 1_000))).toEqual(['1', '2']);
    expect(hashesOf(queue.take(2, 1_000))).toEqual(['3']);
    expect(queue.take(2, 1_000)).toEqual([]);
  });

  it('gives no more bytes than are asked for, and a larger answer alone', () => {
    const queue = new SharingQueue();
    for (const [hash, bytes] of [['1', 60], ['2', 60], ['3', 500], ['4', 10]] as const) queue.offer(answer(hash, 'acme', bytes));
    expect([queue.take(9, 100), queue.take(9, 100), queue.take(9, 100), queue.take(9, 100)].map(hashesOf)).toEqual([['1'], ['2'], ['3'], ['4']]);
  });

  it('passes over what there is no room for, and gives it first once it is asked for again', () => {
    const queue = new SharingQueue(4);
    for (const [hash, customer] of [['1', 'a'], ['2', 'a'], ['3', 'b'], ['4', 'b']] as const) queue.offer(answer(hash, customer));
    expect(queue.offer(answer('5', 'c'))).toBe(false);
    expect(queue.again(answer('5', 'c'))).toBe(true);
    // It takes the place of the newest of those that were asked for once, which is passed over instead.
    expect(hashesOf(queue.take(9, 1_000))).toEqual(['5', '1', '2', '3']);
    expect(queue.again(answer('4', 'b'))).toBe(true);
    expect(hashesOf(queue.take(9, 1_000))).toEqual(['4']);
    expect(queue.passedOverCount).toBe(2);
  });

  it('gives nothing twice because it is asked for again', () => {
    const queue = new SharingQueue(2);
    queue.offer(answer('1', 'a'));
    queue.offer(answer('2', 'b'));
    queue.offer(answer('3', 'c'));
    expect(queue.again(answer('1', 'a'))).toBe(false);
    expect([queue.again(answer('3', 'c')), queue.again(answer('3', 'c'))]).toEqual([true, false]);
    expect(hashesOf(queue.take(9, 1_000))).toEqual(['3', '1']);
  });

  it('leaves half of the room to others, by number and by bytes', () => {
    const byNumber = new SharingQueue(10);
    for (let i = 0; i < 100; i++) byNumber.offer(answer(`loud ${i}`, 'loud'));
    for (let i = 0; i < 5; i++) expect(byNumber.offer(answer(`quiet ${i}`, 'quiet'))).toBe(true);
    const byBytes = new SharingQueue(1_000, 100);
    for (let i = 0; i < 100; i++) byBytes.offer(answer(`loud ${i}`, 'loud'));
    for (let i = 0; i < 5; i++) expect(byBytes.offer(answer(`quiet ${i}`, 'quiet'))).toBe(true);
    expect([byNumber.size, byBytes.size]).toEqual([10, 10]);
  });

  it('makes room for a customer whose part is full among their own', () => {
    const queue = new SharingQueue(4);
    for (const [hash, customer] of [['1', 'loud'], ['2', 'loud'], ['3', 'loud'], ['4', 'quiet']] as const) queue.offer(answer(hash, customer));
    expect(queue.again(answer('3', 'loud'))).toBe(true);
    expect(hashesOf(queue.take(9, 1_000))).toEqual(['3', '1', '4']);
  });

  it('gives each answer at most once for each time it was let in, within its bounds, and all of them in the end', () => {
    const step = fc.record({ what: fc.constantFrom('offer', 'offer', 'again', 'take'), customer: fc.constantFrom('a', 'b', 'c'), hash: fc.nat(20), bytes: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const queue = new SharingQueue(8, 200);
        let letIn = 0;
        let taken = 0;
        for (const { what, customer, hash, bytes } of steps) {
          if (what === 'take') taken += queue.take(3, 100).length;
          else {
            const before = queue.size;
            const waits = queue[what](answer(`${customer} ${hash}`, customer, bytes));
            letIn += queue.size - before;
            if (!waits) expect(queue.size).toBeLessThanOrEqual(before);
          }
          expect(queue.size).toBeLessThanOrEqual(8);
          expect(queue.size).toBe(letIn - taken);
        }
        while (queue.size > 0) taken += queue.take(3, 100).length;
        expect(taken).toBe(letIn);
        expect(queue.take(1, 1)).toEqual([]);
      }),
    );
  });
});
