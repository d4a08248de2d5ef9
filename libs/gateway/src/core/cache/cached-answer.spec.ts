import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { ContentBox, NONCE_BYTES } from '@apex/auth';
import { type CachedAnswer, decodeCached, encodeCached, isFresh } from './cached-answer.js';
import { recorded } from './exact-cache.fakes.js';

const slot = { customerId: 'acme', hash: 'a'.repeat(64) };
const answer = (change: Partial<CachedAnswer> = {}): CachedAnswer => ({ ...recorded(), ...slot, requestedModel: 'fast', tags: ['x'], storedAt: 1_000, expiresAt: 2_000, epoch: 1_795_000_000_000_000, ...change });

describe('a cached answer', () => {
  it('comes back as it was, chunk by chunk', () => {
    const chunk = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 10 }), fc.boolean(), fc.option(fc.string()), fc.array(fc.string()), fc.string(), (chunks, streamed, contentType, tags, model) => {
        const given = answer({ chunks, streamed, contentType, tags, model });
        expect(decodeCached(encodeCached(given), slot)).toEqual(given);
      }),
    );
  });

  it('is refused for any other customer or key', () => {
    const bytes = encodeCached(answer());
    expect(() => decodeCached(bytes, { ...slot, customerId: 'other' })).toThrow('another request');
    expect(() => decodeCached(bytes, { ...slot, hash: 'b'.repeat(64) })).toThrow('another request');
  });

  it('is refused when it is cut off, too long, of another version or not an answer', () => {
    const bytes = encodeCached(answer());
    for (let at = 0; at < bytes.length; at++) expect(() => decodeCached(bytes.subarray(0, at), slot)).toThrow();
    expect(() => decodeCached(Buffer.concat([bytes, Buffer.of(1)]), slot)).toThrow('cut off');
    expect(() => decodeCached(Buffer.concat([Buffer.of(2), bytes.subarray(1)]), slot)).toThrow('version');
    expect(() => decodeCached(encodeCached(answer({ status: 500 })), slot)).toThrow();
    expect(() => decodeCached(encodeCached(answer({ usage: { ...answer().usage, promptTokens: -1 } })), slot)).toThrow();
  });

  it('that is sealed opens in its own place only, and not with a single bit changed', () => {
    const box = new ContentBox(randomBytes(32)).derive('cached answers');
    const sealed = box.seal(encodeCached(answer()), 'acme\na', randomBytes(NONCE_BYTES));
    expect(decodeCached(box.open(sealed, 'acme\na'), slot)).toEqual(answer());
    for (const place of ['acme\nb', 'other\na', 'acme']) expect(() => box.open(sealed, place)).toThrow();
    for (let at = 0; at < sealed.length; at += 7) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      expect(() => box.open(changed, 'acme\na')).toThrow();
    }
  });

  it.each([
    [1_500, 10_000, true],
    [2_000, 10_000, false],
    [1_500, 400, false],
    // A clock was put back.
    [-60_000, 10_000_000, false],
    [-58_000, 10_000_000, true],
  ])('at %d with a time to live of %d ms is fresh: %j', (now, ttlMs, fresh) => {
    expect(isFresh(answer(), ttlMs, now)).toBe(fresh);
  });
});
