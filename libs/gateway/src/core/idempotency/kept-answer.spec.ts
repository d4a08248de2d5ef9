import fc from 'fast-check';
import { type KeptAnswer, decodeAnswer, encodeAnswer } from './kept-answer.js';
import { keyUse } from './key-use.js';

describe('a kept answer', () => {
  it('comes out as it went in', () => {
    const answers = fc.record<KeptAnswer>({
      status: fc.integer({ min: 200, max: 299 }),
      headers: fc.array(fc.string({ unit: 'binary' })),
      streamed: fc.boolean(),
      body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(fc.property(answers, (answer) => expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)));
  });

  it('of another version is refused', () => {
    const encoded = encodeAnswer({ status: 200, headers: [], streamed: false, body: Buffer.from('x') });
    encoded[0] = 9;
    expect(() => decodeAnswer(encoded)).toThrow('unknown version');
  });
});

describe('the use of a key', () => {
  const request = (customerId: string, body: string) => ({
    key: { customerId, keyId: 'k', tier: 'early' as const, scopes: new Set(['inference'] as const) },
    surface: 'chat.completions' as const,
    path: 'gateway' as const,
    headers: {},
    body: Buffer.from(body),
  });

  it('is equal exactly where customer, key and body are', () => {
    const text = fc.string({ minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.tuple(text, text, text), fc.tuple(text, text, text), (one, two) => {
        const [use, other] = [one, two].map(([customer, key, body]) => keyUse(request(customer, body), key)!);
        expect(use!.slot === other!.slot).toBe(one[0] === two[0] && one[1] === two[1]);
        expect(use!.fingerprint === other!.fingerprint).toBe(one.join('\0') === two.join('\0'));
      }),
    );
  });

  it('tells nothing of the key, the customer or the body', () => {
    const use = keyUse(request('acme', 'secret body'), 'order-4711')!;
    expect(JSON.stringify(use)).not.toMatch(/acme|4711|secret/);
  });
});
