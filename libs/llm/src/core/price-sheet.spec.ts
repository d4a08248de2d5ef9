import fc from 'fast-check';
import { type TokenUsage } from '@apex/usage';
import { compileSheet, costBySheet } from './price-sheet.js';

const usage = (part: Partial<TokenUsage>): TokenUsage => ({ promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0, ...part });

/** Parts never exceed their wholes. */
const anyUsage = fc
  .tuple(fc.nat(3_000_000), fc.nat(100), fc.nat(100), fc.nat(400_000), fc.nat(100))
  .map(([promptTokens, cached, write, completionTokens, reasoning]) =>
    usage({
      promptTokens,
      cachedTokens: Math.floor((promptTokens * cached) / 200),
      cacheWriteTokens: Math.floor((promptTokens * write) / 200),
      completionTokens,
      reasoningTokens: Math.floor((completionTokens * reasoning) / 100),
    }),
  );

describe('costBySheet', () => {
  it('bills each kind of token once', () => {
    const sheet = compileSheet({ input_mtok: 5, cache_read_mtok: 0.5, cache_write_mtok: 6.25, output_mtok: 30, output_reasoning_mtok: 3, requests_kcount: 12 });
    expect(costBySheet(sheet, usage({ promptTokens: 1_000, cachedTokens: 300, cacheWriteTokens: 100, completionTokens: 50, reasoningTokens: 20 }))).toBe(
      600 * 5_000_000 + 300 * 500_000 + 100 * 6_250_000 + 30 * 30_000_000 + 20 * 3_000_000 + 12_000_000_000,
    );
  });

  it('lets cached, cache-write and reasoning tokens fall back to input and output', () => {
    const sheet = compileSheet({ input_mtok: 2, output_mtok: 8 });
    expect(costBySheet(sheet, usage({ promptTokens: 10, cachedTokens: 4, cacheWriteTokens: 3, completionTokens: 5, reasoningTokens: 5 }))).toBe(10 * 2_000_000 + 5 * 8_000_000);
  });

  it('bills the whole request by the tier that its prompt has passed', () => {
    const sheet = compileSheet({ input_mtok: { base: 1, tiers: [{ start: 200, price: 2 }, { start: 100, price: 1.5 }] }, output_mtok: 10 });
    expect([100, 101, 200, 201].map((promptTokens) => costBySheet(sheet, usage({ promptTokens, completionTokens: 1 })))).toEqual([
      100 * 1_000_000 + 10_000_000,
      101 * 1_500_000 + 10_000_000,
      200 * 1_500_000 + 10_000_000,
      201 * 2_000_000 + 10_000_000,
    ]);
  });

  it('rounds rates finer than a picodollar once, half-even', () => {
    const sheet = compileSheet({ input_mtok: 0.0000005, output_mtok: 0.0000015 });
    expect([1, 3, 5].map((promptTokens) => costBySheet(sheet, usage({ promptTokens })))).toEqual([0, 2, 2]);
    // 2 x 0.5 + 1 x 1.5 = 2.5, and 2 is the even one; rounding each part would give 1 + 2.
    expect(costBySheet(sheet, usage({ promptTokens: 2, completionTokens: 1 }))).toBe(2);
  });

  it('reads a float artefact of a catalogue as it stands', () => {
    expect(costBySheet(compileSheet({ input_mtok: 0.18000000000000002 }), usage({ promptTokens: 1_000_000 }))).toBe(180_000_000_000);
  });

  it('says so when a used kind of token has no rate, and prices what has one', () => {
    const embeddings = compileSheet({ input_mtok: 0.02 });
    expect(costBySheet(embeddings, usage({ promptTokens: 8 }))).toBe(160_000);
    expect(costBySheet(embeddings, usage({ promptTokens: 8, completionTokens: 1 }))).toBe('no_rate');
    const speech = compileSheet({ audio_hours: 0.04 });
    expect(costBySheet(speech, usage({ promptTokens: 8 }))).toBe('no_rate');
    expect(costBySheet(compileSheet({ input_mtok: 0, output_mtok: 0 }), usage({ promptTokens: 8, completionTokens: 9 }))).toBe(0);
  });

  it.each([
    { promptTokens: -1 },
    { promptTokens: 1.5 },
    { promptTokens: Number.NaN },
    { promptTokens: 5, cachedTokens: 3, cacheWriteTokens: 3 },
    { completionTokens: 1, reasoningTokens: 2 },
    { promptTokens: 5, cachedTokens: -1 },
    { promptTokens: Number.MAX_SAFE_INTEGER },
  ])('makes no amount of %j', (part) => {
    expect(costBySheet(compileSheet({ input_mtok: 3, output_mtok: 15 }), usage(part))).toBe('not_exact');
    expect(costBySheet(compileSheet({ input_mtok: 3.00000001, output_mtok: 15 }), usage(part))).toBe('not_exact');
  });

  it('is the exact sum for any usage and any rates, whichever arithmetic serves it', () => {
    const micro = fc.nat(700_000_000); // a rate in millionths of a dollar per million tokens = pd per token
    fc.assert(
      fc.property(micro, micro, micro, micro, anyUsage, (input, read, write, output, u) => {
        const sheet = compileSheet({ input_mtok: input / 1e6, cache_read_mtok: read / 1e6, cache_write_mtok: write / 1e6, output_mtok: output / 1e6 });
        const expected =
          BigInt(u.promptTokens - u.cachedTokens - u.cacheWriteTokens) * BigInt(input) +
          BigInt(u.cachedTokens) * BigInt(read) +
          BigInt(u.cacheWriteTokens) * BigInt(write) +
          BigInt(u.completionTokens) * BigInt(output);
        const cost = costBySheet(sheet, u);
        expect(cost === 'not_exact' ? cost : BigInt(cost as number)).toBe(expected > BigInt(Number.MAX_SAFE_INTEGER) ? 'not_exact' : expected);
      }),
    );
  });
});
