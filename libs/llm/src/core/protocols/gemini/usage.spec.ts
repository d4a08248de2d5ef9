import fc from 'fast-check';
import { usages } from '../../dialogue/dialogue.fakes.js';
import { readGeminiUsage, writeGeminiUsage } from './usage.js';

const zero = { promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };

describe('readGeminiUsage', () => {
  it('counts thoughts as output beside the candidates, the cache within the prompt, and what tools brought in as input', () => {
    expect(
      readGeminiUsage({ promptTokenCount: 1000, cachedContentTokenCount: 800, toolUsePromptTokenCount: 50, candidatesTokenCount: 20, thoughtsTokenCount: 300, totalTokenCount: 1370, trafficType: 'ON_DEMAND' }),
    ).toEqual({ promptTokens: 1050, cachedTokens: 800, cacheWriteTokens: 0, completionTokens: 320, reasoningTokens: 300 });
  });

  it('takes what is absent for the zero that proto3 leaves out, and keeps an explicit one', () => {
    expect(readGeminiUsage({ promptTokenCount: 7 })).toEqual({ ...zero, promptTokens: 7 });
    expect(readGeminiUsage({ promptTokenCount: 7, candidatesTokenCount: 0, cachedContentTokenCount: 0, totalTokenCount: 7 })).toEqual({ ...zero, promptTokens: 7 });
    expect(readGeminiUsage({ promptTokenCount: 0, totalTokenCount: 0, thoughtsTokenCount: null })).toEqual(zero);
    expect(readGeminiUsage({ promptTokenCount: -0, candidatesTokenCount: -0, totalTokenCount: -0 })).toEqual(zero);
  });

  it.each([
    undefined,
    null,
    [],
    'usage',
    {},
    { candidatesTokenCount: 5 },
    { promptTokenCount: '7' },
    { promptTokenCount: -1 },
    { promptTokenCount: 1.5 },
    { promptTokenCount: 7, candidatesTokenCount: Number.NaN },
    { promptTokenCount: 7, thoughtsTokenCount: {} },
    { promptTokenCount: 7, cachedContentTokenCount: 8 },
    { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 9 },
    { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 11 },
    { promptTokenCount: 7, candidatesTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 10 },
  ])('makes nothing of %j', (usage) => {
    expect(readGeminiUsage(usage)).toBeNull();
  });

  it('trusts no sum that a number cannot hold', () => {
    expect(readGeminiUsage({ promptTokenCount: 0, candidatesTokenCount: Number.MAX_SAFE_INTEGER, thoughtsTokenCount: 1 })).toBeNull();
  });

  it('never throws, and what it gives adds up', () => {
    const count = fc.oneof(fc.nat(100), fc.constant(undefined), fc.anything());
    const shape = fc.record({ promptTokenCount: fc.oneof(fc.nat(100), fc.anything()), cachedContentTokenCount: count, toolUsePromptTokenCount: count, candidatesTokenCount: count, thoughtsTokenCount: count, totalTokenCount: count });
    fc.assert(
      fc.property(fc.oneof(shape, fc.anything()), (metadata) => {
        const usage = readGeminiUsage(metadata);
        if (usage === null) return;
        expect(Object.values(usage).every((value: number) => Number.isSafeInteger(value) && value >= 0)).toBe(true);
        expect(usage.cachedTokens).toBeLessThanOrEqual(usage.promptTokens);
        expect(usage.reasoningTokens).toBeLessThanOrEqual(usage.completionTokens);
        const { totalTokenCount: total } = metadata as { totalTokenCount?: number | null };
        if (total != null) expect(usage.promptTokens + usage.completionTokens).toBe(total + 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads what it writes; cache writes stay within the prompt', () => {
    fc.assert(fc.property(usages(), (usage) => expect(readGeminiUsage(writeGeminiUsage(usage))).toEqual({ ...usage, cacheWriteTokens: 0 })));
  });
});
