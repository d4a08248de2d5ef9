import fc from 'fast-check';
import { canonicalJson } from './canonical-json.js';
import { adjustmentHash, findBreak, type Link, receiptHash, seal, type Sealable } from './chain.js';
import { receiptInputs } from './receipt.fakes.js';
import { computeReceipt } from './receipt.js';

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
const sealables: fc.Arbitrary<Sealable[]> = fc.array(fc.record({ kind: fc.constantFrom('receipt', 'adjustment'), id: fc.uuid(), contentHash: hex }), { minLength: 1, maxLength: 12 });

describe('canonicalJson', () => {
  it('has one spelling for a value, however its members are ordered', () => {
    const shuffledKeys = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(shuffledKeys) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).reverse().map(([name, member]) => [name, shuffledKeys(member)])) : value;
    const value = fc.letrec((tie) => ({ any: fc.oneof({ depthSize: 'small' }, fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.array(tie('any')), fc.dictionary(fc.string(), tie('any'))) })).any;
    fc.assert(
      fc.property(value, (given) => {
        expect(canonicalJson(shuffledKeys(given))).toBe(canonicalJson(given));
        expect(JSON.parse(canonicalJson(given))).toEqual(given);
      }),
    );
  });

  it('spells as RFC 8785 does, and refuses what is not whole', () => {
    expect(canonicalJson({ '\u20ac': 'Euro', '\r': 1, b: [true, null, -0], a: undefined, '1': '\u000f\n"\\' })).toBe('{"\\r":1,"1":"\\u000f\\n\\"\\\\","b":[true,null,0],"\u20ac":"Euro"}');
    expect(() => canonicalJson({ a: 0.1 })).toThrow(RangeError);
    expect(() => canonicalJson([2 ** 53])).toThrow(RangeError);
  });
});

describe('a chain', () => {
  it('holds in whatever pieces it was sealed', () => {
    fc.assert(
      fc.property(fc.array(sealables, { minLength: 1, maxLength: 4 }), (pieces) => {
        const links: Link[] = [];
        for (const piece of pieces) links.push(...seal('acme', links.at(-1) ?? null, piece));
        expect(links).toEqual(seal('acme', null, pieces.flat()));
        expect(findBreak('acme', null, links)).toBeNull();
        expect(findBreak('other', null, links)).toMatchObject({ seq: 1 });
      }),
    );
  });

  it('breaks where a link is changed, taken out, doubled or moved', () => {
    fc.assert(
      fc.property(sealables, fc.nat(), hex, (items, pick, otherHash) => {
        const links = seal('acme', null, items);
        const at = pick % links.length;
        const changed = links.map((link, index) => (index === at ? { ...link, contentHash: otherHash } : link));
        expect(findBreak('acme', null, changed)).toMatchObject({ seq: at + 1 });
        if (at < links.length - 1) expect(findBreak('acme', null, links.toSpliced(at, 1))).toMatchObject({ seq: at + 1 });
        expect(findBreak('acme', null, links.toSpliced(at, 0, links[at]!))).toMatchObject({ seq: at + 2 });
        if (links.length > 1) expect(findBreak('acme', null, [links[1]!, links[0]!, ...links.slice(2)])).not.toBeNull();
      }),
    );
  });
});

describe('the hash of a receipt', () => {
  const of = (inputs: Parameters<typeof computeReceipt>[2]) => computeReceipt('01956c00-0000-7000-8000-000000000001', 'acme', inputs);

  it('is the same after a trip through JSON, and another one after any change', () => {
    fc.assert(
      fc.property(receiptInputs, receiptInputs, (inputs, other) => {
        const receipt = of(inputs);
        expect(receiptHash(JSON.parse(JSON.stringify(receipt)) as typeof receipt)).toBe(receiptHash(receipt));
        expect(receiptHash({ ...receipt, savingPd: receipt.savingPd + 1 })).not.toBe(receiptHash(receipt));
        if (JSON.stringify(inputs) !== JSON.stringify(other)) expect(receiptHash(of(other))).not.toBe(receiptHash(receipt));
      }),
    );
  });

  it('differs from that of an adjustment with the same id', () => {
    expect(adjustmentHash('a', 'b', 'acme', { kind: 'void', reason: 'rejected' })).not.toBe(adjustmentHash('a', 'c', 'acme', { kind: 'void', reason: 'rejected' }));
  });
});
