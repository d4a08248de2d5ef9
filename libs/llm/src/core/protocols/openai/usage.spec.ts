import fc from 'fast-check';
import { readOpenAiUsage } from './usage.js';

const zero = { promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };

describe('readOpenAiUsage', () => {
  it("reads OpenAI's own form in full", () => {
    expect(
      readOpenAiUsage({
        prompt_tokens: 2006,
        completion_tokens: 300,
        total_tokens: 2306,
        prompt_tokens_details: { cached_tokens: 1920, cache_write_tokens: 50, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 256, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
      }),
    ).toEqual({ promptTokens: 2006, cachedTokens: 1920, cacheWriteTokens: 50, completionTokens: 300, reasoningTokens: 256 });
  });

  it('does without details, and with details that are null', () => {
    const expected = { ...zero, promptTokens: 10, completionTokens: 5 };
    expect(readOpenAiUsage({ prompt_tokens: 10, completion_tokens: 5 })).toEqual(expected);
    expect(readOpenAiUsage({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: null, completion_tokens_details: { reasoning_tokens: null } })).toEqual(expected);
  });

  it('reads embeddings', () => {
    expect(readOpenAiUsage({ prompt_tokens: 8, total_tokens: 8 })).toEqual({ ...zero, promptTokens: 8 });
    expect(readOpenAiUsage({ prompt_tokens: 8, total_tokens: 9 })).toBeNull();
  });

  it('keeps an explicit zero', () => {
    expect(readOpenAiUsage({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })).toEqual(zero);
    expect(readOpenAiUsage({ prompt_tokens: 9, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 0 }, prompt_cache_hit_tokens: 9 })).toEqual({ ...zero, promptTokens: 9 });
  });

  it.each([
    ['DeepSeek', { prompt_tokens: 100, completion_tokens: 1, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }, 64, 0],
    ['Moonshot', { prompt_tokens: 100, completion_tokens: 1, cached_tokens: 30 }, 30, 0],
    ['OpenRouter', { prompt_tokens: 194, completion_tokens: 2, total_tokens: 196, prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 100, audio_tokens: 0 }, cost: 0.95 }, 0, 100],
    ['LiteLLM', { prompt_tokens: 50, completion_tokens: 2, cache_read_input_tokens: 20, cache_creation_input_tokens: 10 }, 20, 10],
    ['Qwen', { prompt_tokens: 50, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 20, cache_creation_input_tokens: 30 } }, 20, 30],
  ])('reads the caches of %s', (_name, usage, cachedTokens, cacheWriteTokens) => {
    expect(readOpenAiUsage(usage)).toMatchObject({ cachedTokens, cacheWriteTokens });
  });

  it('adds reasoning that is told outside of the completion: xAI in the details, Gemini in the total alone', () => {
    expect(
      readOpenAiUsage({ prompt_tokens: 32, completion_tokens: 9, total_tokens: 135, completion_tokens_details: { reasoning_tokens: 94 } }),
    ).toEqual({ ...zero, promptTokens: 32, completionTokens: 103, reasoningTokens: 94 });
    expect(readOpenAiUsage({ prompt_tokens: 20, completion_tokens: 151, total_tokens: 553 })).toEqual({ ...zero, promptTokens: 20, completionTokens: 533, reasoningTokens: 382 });
  });

  it.each([
    undefined,
    null,
    'usage',
    7,
    [],
    {},
    { completion_tokens: 5 },
    { prompt_tokens: '10', completion_tokens: 5 },
    { prompt_tokens: -1, completion_tokens: 5 },
    { prompt_tokens: 1.5, completion_tokens: 5 },
    { prompt_tokens: Number.NaN, completion_tokens: 5 },
    { prompt_tokens: 2 ** 60, completion_tokens: 5 },
    { prompt_tokens: 10, completion_tokens: -5 },
    { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 11 } },
    { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 6, cache_write_tokens: 6 } },
    { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: [] },
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, completion_tokens_details: { reasoning_tokens: 6 } },
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 14 },
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 20, completion_tokens_details: { reasoning_tokens: 3 } },
    { prompt_tokens: 10, total_tokens: 10, completion_tokens_details: { reasoning_tokens: 3 } },
  ])('makes nothing of %j', (usage) => {
    expect(readOpenAiUsage(usage)).toBeNull();
  });

  it('never throws, and what it gives is coherent and adds up to the total', () => {
    const field = fc.oneof(fc.nat(200), fc.constant(undefined), fc.constant(null), fc.anything());
    const shape = fc.record({
      prompt_tokens: fc.oneof(fc.nat(200), fc.anything()),
      completion_tokens: field,
      total_tokens: field,
      prompt_cache_hit_tokens: field,
      prompt_tokens_details: fc.oneof(fc.record({ cached_tokens: field, cache_write_tokens: field }), fc.anything()),
      completion_tokens_details: fc.oneof(fc.record({ reasoning_tokens: field }), fc.anything()),
    });
    fc.assert(
      fc.property(fc.oneof(shape, fc.anything()), (usage) => {
        const read = readOpenAiUsage(usage);
        if (read === null) return;
        expect(Object.values(read).every((count: number) => Number.isSafeInteger(count) && count >= 0)).toBe(true);
        expect(read.cachedTokens + read.cacheWriteTokens).toBeLessThanOrEqual(read.promptTokens);
        expect(read.reasoningTokens).toBeLessThanOrEqual(read.completionTokens);
        const { total_tokens: total } = usage as { total_tokens?: number | null };
        if (total != null) expect(read.promptTokens + read.completionTokens).toBe(total);
      }),
      { numRuns: 2_000 },
    );
  });
});
