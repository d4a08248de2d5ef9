import fc from 'fast-check';
import { type TokenUsage } from '../usage.types.js';
import { MECHANISMS, type QuotedRates, type ReceiptInputs, SPENDING_KINDS, type Spending, VOID_REASONS } from './receipt.types.js';

/** Everything that can be a receipt's inputs, for property tests. */

export const usage: fc.Arbitrary<TokenUsage> = fc
  .record({ uncached: fc.nat(200_000), cachedTokens: fc.nat(50_000), cacheWriteTokens: fc.nat(50_000), visible: fc.nat(20_000), reasoningTokens: fc.nat(20_000) })
  .map(({ uncached, cachedTokens, cacheWriteTokens, visible, reasoningTokens }) => ({
    promptTokens: uncached + cachedTokens + cacheWriteTokens,
    cachedTokens,
    cacheWriteTokens,
    completionTokens: visible + reasoningTokens,
    reasoningTokens,
  }));

const rate = fc.nat(150_000_000);

export const rates: fc.Arbitrary<QuotedRates> = fc.record({
  input: rate,
  cacheRead: rate,
  cacheWrite: rate,
  output: rate,
  reasoning: rate,
  request: fc.nat(10_000_000),
  denominator: fc.constantFrom(1, 1, 1, 10, 1_000),
  priceVersion: fc.constantFrom('2026-11-01', '2026-11-20'),
});

export const spending: fc.Arbitrary<Spending> = fc.record({ kind: fc.constantFrom(...SPENDING_KINDS), id: fc.uuid(), costPd: fc.nat(1_000_000_000_000) });

export const voidReasons = fc.constantFrom(...VOID_REASONS);

const clusters = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });

export const receiptInputs: fc.Arbitrary<ReceiptInputs> = fc
  .record({
    model: fc.constantFrom('gpt-4o-mini', 'claude-sonnet-4-5'),
    arm: fc.constantFrom('treated', 'treated', 'control'),
    cluster: clusters,
    promptCostPd: fc.nat(1_000_000_000),
    maxTokens: fc.option(fc.nat(4_096)),
    baseline: fc.record({ usage, rates }),
    lengthRatioPpm: fc.oneof(fc.constant(1_000_000), fc.nat(1_000_000)),
    acted: fc.subarray([...MECHANISMS]),
    steps: fc.array(fc.record({ usage, rates: fc.option(rates) }), { minLength: MECHANISMS.length, maxLength: MECHANISMS.length }),
    spent: fc.uniqueArray(spending, { maxLength: 4, selector: ({ kind, id }) => `${kind} ${id}` }),
    voidReason: fc.option(voidReasons),
  })
  .map(({ model, arm, cluster, promptCostPd, maxTokens, baseline, lengthRatioPpm, acted, steps, spent, voidReason }) => ({
    v: 1,
    provider: 'openai',
    requestedModel: model,
    servedModel: model,
    arm: arm as 'treated' | 'control',
    cluster,
    covariates: { promptCostPd, requestedModel: model, maxTokens },
    policyId: '01956c00-0000-7000-8000-00000000beef',
    policyVersion: 1,
    baseline,
    lengthRatioPpm,
    steps: arm === 'control' ? [] : acted.map((mechanism, index) => ({ mechanism, ...steps[index]! })),
    spent,
    voidReason,
  }));
