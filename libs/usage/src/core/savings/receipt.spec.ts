import fc from 'fast-check';
import { receiptInputs, rates, spending, voidReasons } from './receipt.fakes.js';
import { computeReceipt, cost, foldAdjustments } from './receipt.js';
import { type AdjustmentFact, type ReceiptInputs } from './receipt.types.js';

const ID = '01956c00-0000-7000-8000-000000000001';
const of = (inputs: ReceiptInputs) => computeReceipt(ID, 'acme', inputs);
const total = (shares: object): number => Object.values(shares).reduce((sum: number, share: number) => sum + share, 0);

describe('a receipt', () => {
  it('decomposes exactly: shares and overhead are B - A, whatever acted', () => {
    fc.assert(
      fc.property(receiptInputs, (inputs) => {
        const receipt = of(inputs);
        expect(total(receipt.shares) + receipt.overheadPd).toBe(receipt.baselinePd - receipt.actualPd);
        expect(Object.keys(receipt.shares)).toEqual(inputs.steps.map(({ mechanism }) => mechanism));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same again from its stored inputs', () => {
    fc.assert(
      fc.property(receiptInputs, (inputs) => {
        const receipt = of(inputs);
        expect(of(JSON.parse(JSON.stringify(receipt.inputs)) as ReceiptInputs)).toEqual(receipt);
      }),
    );
  });

  it('claims nothing where no mechanism acted', () => {
    fc.assert(
      fc.property(receiptInputs, (inputs) => {
        const receipt = of({ ...inputs, steps: [] });
        const besides = inputs.spent.filter(({ kind }) => kind !== 'attempt').reduce((sum, { costPd }) => sum + costPd, 0);
        expect(receipt.savingPd).toBe(receipt.status === 'void' || besides === 0 ? 0 : -besides);
      }),
    );
  });

  it('of a void request counts what was spent, and credits nothing', () => {
    fc.assert(
      fc.property(receiptInputs, voidReasons, (inputs, voidReason) => {
        const receipt = of({ ...inputs, voidReason });
        expect(receipt.status).toBe('void');
        expect(receipt.savingPd + (inputs.steps.length > 0 ? receipt.actualPd : 0)).toBe(0);
      }),
    );
  });

  it('credits a hit to its cache with all that the call would have cost', () => {
    fc.assert(
      fc.property(receiptInputs, (inputs) => {
        const { baseline } = inputs;
        const receipt = of({ ...inputs, arm: 'treated', lengthRatioPpm: 1_000_000, spent: [], voidReason: null, steps: [{ mechanism: 'exact_cache', usage: baseline.usage, rates: null }] });
        expect(receipt.shares).toEqual({ exact_cache: cost(baseline.usage, baseline.rates) });
        expect(receipt.savingPd).toBe(receipt.baselinePd);
        expect(receipt.overheadPd).toBe(0);
      }),
    );
  });

  it('never counts reasoning or length of another model into a routed baseline', () => {
    const usage = { promptTokens: 100, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 90, reasoningTokens: 30 };
    const price = { input: 10, cacheRead: 1, cacheWrite: 12, output: 100, reasoning: 100, request: 0, denominator: 1, priceVersion: 'v' };
    const [inputs] = fc.sample(receiptInputs, 1);
    const routed = of({ ...inputs!, arm: 'treated', baseline: { usage, rates: price }, lengthRatioPpm: 500_000, steps: [{ mechanism: 'routing', usage, rates: price }] });
    expect(routed.baselinePd).toBe(100 * 10 + 30 * 100);
    const asLong = of({ ...routed.inputs, lengthRatioPpm: 1_000_000 });
    expect(asLong.baselinePd).toBe(100 * 10 + 60 * 100);
  });

  it('refuses what contradicts itself', () => {
    const [inputs] = fc.sample(receiptInputs, 1);
    const step = { usage: inputs!.baseline.usage, rates: null };
    const treated = { ...inputs!, arm: 'treated' as const };
    expect(() => of({ ...treated, steps: [{ ...step, mechanism: 'exact_cache' }, { ...step, mechanism: 'routing' }] })).toThrow(RangeError);
    expect(() => of({ ...treated, steps: [{ ...step, mechanism: 'routing' }, { ...step, mechanism: 'routing' }] })).toThrow(RangeError);
    expect(() => of({ ...treated, arm: 'control', steps: [{ ...step, mechanism: 'exact_cache' }] })).toThrow(RangeError);
    expect(() => of({ ...treated, lengthRatioPpm: 1_000_001, steps: [{ ...step, mechanism: 'exact_cache' }] })).toThrow(RangeError);
    expect(() => of({ ...treated, spent: [{ kind: 'attempt', id: 'a', costPd: 0.5 }] })).toThrow(RangeError);
  });
});

describe('cost', () => {
  it('is linear in tokens and rounds once, half to even', () => {
    const tokens = (promptTokens: number) => ({ promptTokens, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 });
    const fine = { input: 5, cacheRead: null, cacheWrite: null, output: null, reasoning: null, request: 0, denominator: 10, priceVersion: 'v' };
    expect([1, 2, 3, 5, 7].map((count) => cost(tokens(count), fine))).toEqual([0, 1, 2, 2, 4]);
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), rates, (a, b, price) => {
        const whole = { ...price, denominator: 1, request: 0 };
        expect(cost(tokens(a), whole) + cost(tokens(b), whole)).toBe(cost(tokens(a + b), whole));
      }),
    );
  });
});

describe('folding adjustments', () => {
  const facts = fc.array(fc.oneof(spending.map((one): AdjustmentFact => ({ kind: 'spent', spending: one })), voidReasons.map((reason): AdjustmentFact => ({ kind: 'void', reason }))), { maxLength: 6 }).map(once);

  it('gives the same receipt in any order, and however often a fact is told', () => {
    fc.assert(
      fc.property(
        receiptInputs,
        facts.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.shuffledSubarray(all))),
        (inputs, [all, shuffled, again]) => {
          const receipt = of(inputs);
          const folded = foldAdjustments(receipt, all);
          expect(foldAdjustments(receipt, [...again, ...shuffled])).toEqual(folded);
          expect(foldAdjustments(foldAdjustments(receipt, again), shuffled)).toEqual(folded);
          expect(total(folded.shares) + folded.overheadPd).toBe(folded.baselinePd - folded.actualPd);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('adds what was spent later to A, and a reason voids', () => {
    const [inputs] = fc.sample(receiptInputs, 1);
    const receipt = of({ ...inputs!, voidReason: null });
    const judged = foldAdjustments(receipt, [{ kind: 'spent', spending: { kind: 'judge', id: 'j1', costPd: 7 } }, { kind: 'void', reason: 'judged_worse' }]);
    expect(judged).toMatchObject({ actualPd: receipt.actualPd + 7, status: 'void', reason: 'judged_worse' });
  });
});

/** One spending has one name and one amount. */
function once(facts: AdjustmentFact[]): AdjustmentFact[] {
  const seen = new Set<string>();
  return facts.filter((fact) => {
    const key = fact.kind === 'void' ? fact.reason : `${fact.spending.kind} ${fact.spending.id}`;
    return !seen.has(key) && seen.add(key);
  });
}
