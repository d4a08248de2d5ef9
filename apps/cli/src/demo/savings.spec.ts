import { computeReceipt, MECHANISMS, type QuotedRates, type ReceiptInputs, type SavingsSums } from '@apex/usage';
import fc from 'fast-check';
import { receiptInWords } from './receipt-in-words.js';
import { type Savings, savingsInWords } from './savings.js';
import { usd } from './words.js';

const ID = '019aac00-0000-7000-8000-000000000001';
const RATES: QuotedRates = { input: 150_000, cacheRead: 75_000, cacheWrite: null, output: 600_000, reasoning: 600_000, request: 0, denominator: 1, priceVersion: '2026-11-01' };
const USAGE = { promptTokens: 1_200, cachedTokens: 200, cacheWriteTokens: 0, completionTokens: 50, reasoningTokens: 0 };
const HIT: ReceiptInputs = {
  v: 1,
  provider: 'openai',
  requestedModel: 'gpt-4o-mini',
  servedModel: null,
  arm: 'treated',
  cluster: 'c',
  covariates: { promptCostPd: 1, requestedModel: 'gpt-4o-mini', maxTokens: null },
  policyId: ID,
  policyVersion: 1,
  baseline: { usage: USAGE, rates: RATES },
  lengthRatioPpm: 1_000_000,
  steps: [{ mechanism: 'exact_cache', usage: USAGE, rates: null }],
  spent: [],
  voidReason: null,
};
const words = (changes: Partial<ReceiptInputs> = {}): string => receiptInWords(computeReceipt(ID, 'demo', { ...HIT, ...changes }));
const paid = { kind: 'attempt', id: ID, costPd: 195_000_000 } as const;

/** Receipts of all kinds: any usage and rates, any mechanisms, paid for or not, void or not. */
const rate = fc.nat(150_000_000);
const usage = fc.tuple(fc.nat(200_000), fc.nat(50_000), fc.nat(50_000), fc.nat(20_000), fc.nat(20_000)).map(([uncached, cachedTokens, cacheWriteTokens, visible, reasoningTokens]) => ({ promptTokens: uncached + cachedTokens + cacheWriteTokens, cachedTokens, cacheWriteTokens, completionTokens: visible + reasoningTokens, reasoningTokens }));
const rates: fc.Arbitrary<QuotedRates> = fc.record({ input: rate, cacheRead: rate, cacheWrite: rate, output: rate, reasoning: rate, request: fc.nat(10_000_000), denominator: fc.constantFrom(1, 10, 1_000), priceVersion: fc.constant('v1') });
const receiptInputs: fc.Arbitrary<ReceiptInputs> = fc
  .record({ usage, rates, lengthRatioPpm: fc.nat(1_000_000), acted: fc.subarray([...MECHANISMS]), costPd: fc.nat(1_000_000_000_000), voidReason: fc.constantFrom(null, null, 'error', 'rejected', 'regenerated', 'judged_worse', 'false_hit') })
  .map(({ usage: used, rates: quoted, lengthRatioPpm, acted, costPd, voidReason }) => ({ ...HIT, baseline: { usage: used, rates: quoted }, lengthRatioPpm, steps: acted.map((mechanism) => ({ mechanism, usage: used, rates: null })), spent: [{ kind: 'attempt', id: ID, costPd }], voidReason }));

describe('usd', () => {
  it.each([[0, '$0.00'], [150_000_000_000, '$0.15'], [-1, '-$0.000000000001'], [1_234_500_000_000n, '$1.2345']] as const)('writes %p exactly', (amount, text) => {
    expect(usd(amount)).toBe(text);
  });
});

describe('a receipt in words', () => {
  it('goes from tokens and prices to what Apex would get of it', () => {
    expect(words().split('\n').map((one) => one.replaceAll(/ +/g, ' ').trim())).toEqual([
      expect.stringContaining(`request ${ID}`),
      '1. Without Apex it would have cost what gpt-4o-mini costs (openai, price list 2026-11-01):',
      '1,000 prompt tokens x $0.15 per million = $0.00015',
      '200 prompt tokens, cached by the provider x $0.075 per million = $0.000015',
      '50 tokens of the answer x $0.60 per million = $0.00003',
      'baseline = $0.000195',
      '2. With Apex it did cost nothing: nobody was paid for it.',
      'actual = $0.00',
      '3. The difference is what was saved: $0.000195 - $0.00 = $0.000195.',
      expect.stringMatching(/^exact cache = \$0\.000195 the very same request/),
      expect.stringMatching(/^4\. It is billable: .* 20% of it would be \$0\.000039, and \$0\.000156 stays with you\./),
      expect.stringContaining('the same, to the picodollar'),
    ]);
  });

  it('claims nothing where nothing was saved', () => {
    expect(words({ steps: [], spent: [paid] })).toMatch(/cost the same[^]*Nothing was saved, so there is nothing to bill/);
    expect(words({ steps: [], spent: [paid], arm: 'control' })).toContain('held out to compare with');
    expect(words({ voidReason: 'rejected', spent: [paid] })).toMatch(/not billable: you rejected the answer. It claims nothing, and counts as -\$0\.000195/);
    const dear = words({ spent: [{ ...paid, costPd: 200_000_000 }] });
    expect(dear).toContain('nothing is billed for it, and $0.000005 is taken off');
    expect(dear).not.toContain('20%');
  });

  it('says so when a receipt does not follow from its inputs', () => {
    expect(receiptInWords({ ...computeReceipt(ID, 'demo', HIT), savingPd: 7 })).toContain('NOT the same');
  });

  it('has words for every receipt, whose lines add up to the baseline', () => {
    fc.assert(
      fc.property(receiptInputs, (inputs) => {
        const receipt = computeReceipt(ID, 'demo', inputs);
        const text = receiptInWords(receipt);
        expect(text).toContain('the same, to the picodollar');
        expect(text.includes('Apex\'s 20%')).toBe(receipt.status === 'billable' && receipt.savingPd > 0 && inputs.steps.length > 0);
        if (inputs.steps.length === 0) return;
        const amounts = text.split('\n').slice(2, text.split('\n').findIndex((one) => one.trim().startsWith('baseline'))).map((one) => BigInt(one.split('= ')[1]!.replace('$', '').replace(/\.(\d+)$/, (_all, decimals: string) => decimals.padEnd(12, '0'))));
        expect(amounts.reduce((sum, one) => sum + one, 0n)).toBe(BigInt(receipt.baselinePd));
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe('savings in words', () => {
  const nothing = { receipts: 0, savingPicodollars: '0' };
  const total: SavingsSums = {
    receipts: 1_250,
    void: 0,
    baselinePicodollars: '1000000000',
    actualPicodollars: '800000000',
    savingPicodollars: '200000000',
    overheadPicodollars: '0',
    mechanisms: { ...(Object.fromEntries(MECHANISMS.map((mechanism) => [mechanism, nothing])) as SavingsSums['mechanisms']), exact_cache: { receipts: 238, savingPicodollars: '200000000' } },
  };
  const arms = { treated: { clusters: 948, requests: 1_185 }, control: { clusters: 52, requests: 65 } };
  const experiment: Savings['experiment'] = {
    state: 'too_wide',
    reason: null,
    arms,
    estimatePicodollars: '190123456',
    interval: { lowPicodollars: '-50000000', highPicodollars: '400000000' },
    halfWidthShare: 1.18,
    billedPicodollars: '200000000',
    carriedPicodollars: '0',
    costOfProofPicodollars: '10000000',
  };

  it('are told by mechanism, with the interval of the experiment', () => {
    const text = savingsInWords({ total, experiment });
    expect(text).toContain('Saved      $0.0002 net, by 1,250 receipts: 20.0% of the $0.001 that it would have cost');
    expect(text).toMatch(/exact cache +\$0\.0002 {3}238 requests/);
    expect(text).not.toContain('prompt cache ');
    expect(text).toContain('52 of 1,000 conversations were held out');
    expect(text).toContain('$0.00019 less; 95% interval -$0.00005 to $0.0004');
    expect(text).toContain('half-width is 118% of that: not proven before it is 15%');
    expect(text).toContain('a share of $0.0002; $0.00 waits');
    expect(savingsInWords({ total, experiment: { ...experiment, state: 'proven', halfWidthShare: 0.1 } })).toContain('10% of that: proven');
  });

  it('say when there is nothing to say', () => {
    const none = { ...total, receipts: 0, baselinePicodollars: '0', savingPicodollars: '0', mechanisms: { ...total.mechanisms, exact_cache: nothing } };
    const text = savingsInWords({ total: none, experiment: { ...experiment, state: 'not_estimable', reason: 'No request was assigned.', estimatePicodollars: null, interval: null, halfWidthShare: null, costOfProofPicodollars: null } });
    expect(text).toContain('no mechanism acted');
    expect(text).toContain('nothing can be said yet: No request was assigned.');
  });
});
