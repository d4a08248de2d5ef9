import fc from 'fast-check';
import { usages } from '../../dialogue/dialogue.fakes.js';
import { basicStream, thinkingStream, toolStream } from './golden/streams.fakes.js';
import { AnthropicUsageMeter, readAnthropicUsage, writeAnthropicUsage } from './usage.js';

const counts = { promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };

describe('readAnthropicUsage', () => {
  it('counts what was read from and written to the cache as part of the prompt, once', () => {
    const usage = { input_tokens: 21, cache_creation_input_tokens: 1000, cache_read_input_tokens: 188_086, cache_creation: { ephemeral_5m_input_tokens: 456, ephemeral_1h_input_tokens: 544 }, output_tokens: 393, output_tokens_details: { thinking_tokens: 120 }, service_tier: 'standard' };
    expect(readAnthropicUsage(usage)).toEqual({ promptTokens: 189_107, cachedTokens: 188_086, cacheWriteTokens: 1000, completionTokens: 393, reasoningTokens: 120 });
  });

  it('does without what is null or absent, and keeps an explicit zero', () => {
    expect(readAnthropicUsage({ input_tokens: 12, output_tokens: 6 })).toEqual({ ...counts, promptTokens: 12, completionTokens: 6 });
    expect(readAnthropicUsage({ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: null, output_tokens_details: null })).toEqual(counts);
    expect(readAnthropicUsage({ input_tokens: 1, output_tokens: 0, cache_creation_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 5 } })).toMatchObject({ cacheWriteTokens: 0 });
    expect(readAnthropicUsage({ input_tokens: 1, output_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 2 } })).toMatchObject({ promptTokens: 8, cacheWriteTokens: 7 });
  });

  it('adds a compaction, which the totals leave out, and no other iteration', () => {
    const iterations = [
      { type: 'compaction', input_tokens: 180_000, output_tokens: 3500 },
      { type: 'message', input_tokens: 23_000, output_tokens: 1000 },
      { type: 'advisor_message', model: 'claude-opus-5', input_tokens: 800, output_tokens: 1600 },
    ];
    expect(readAnthropicUsage({ input_tokens: 23_000, output_tokens: 1000, iterations })).toEqual({ ...counts, promptTokens: 203_000, completionTokens: 4500 });
    expect(readAnthropicUsage({ input_tokens: 23_000, output_tokens: 1000, iterations: [{ type: 'compaction' }] })).toBeNull();
  });

  it.each([
    undefined,
    null,
    'usage',
    [],
    {},
    { input_tokens: 1 },
    { output_tokens: 1 },
    { input_tokens: '1', output_tokens: 1 },
    { input_tokens: -1, output_tokens: 1 },
    { input_tokens: 1.5, output_tokens: 1 },
    { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: -1 },
    { input_tokens: 1, output_tokens: 1, output_tokens_details: { thinking_tokens: 2 } },
    { input_tokens: Number.MAX_SAFE_INTEGER, output_tokens: 1, cache_read_input_tokens: 1 },
  ])('makes nothing of %j', (usage) => {
    expect(readAnthropicUsage(usage)).toBeNull();
  });

  it('reads what is written', () => {
    fc.assert(fc.property(usages(), (usage) => expect(readAnthropicUsage(writeAnthropicUsage(usage))).toEqual(usage)));
  });
});

describe('AnthropicUsageMeter', () => {
  const metered = (stream: readonly { event: string | null; data: string }[]): unknown[] => {
    const meter = new AnthropicUsageMeter();
    return stream.map(({ event, data }) => {
      const body = JSON.parse(data) as { usage?: unknown; message?: { usage?: unknown } };
      if (event === 'message_start' || event === 'message_delta') meter.merge((body.message ?? body).usage);
      return meter.usage();
    });
  };

  it('takes the totals of message_delta in place of those of message_start, never both', () => {
    const told = metered(toolStream);
    expect(told[0]).toEqual({ promptTokens: 2572, cachedTokens: 2000, cacheWriteTokens: 100, completionTokens: 2, reasoningTokens: 0 });
    expect(told.at(-1)).toEqual({ promptTokens: 2572, cachedTokens: 2000, cacheWriteTokens: 100, completionTokens: 89, reasoningTokens: 0 });
  });

  it('keeps what message_delta does not tell again', () => {
    expect(metered(basicStream).at(-1)).toEqual({ ...counts, promptTokens: 25, completionTokens: 15 });
    expect(metered(thinkingStream).at(-1)).toEqual({ ...counts, promptTokens: 40, completionTokens: 60, reasoningTokens: 50 });
  });

  it('takes the last of several running totals, as server tools make them grow', () => {
    const meter = new AnthropicUsageMeter();
    meter.merge({ input_tokens: 2679, cache_read_input_tokens: 0, output_tokens: 3 });
    meter.merge({ input_tokens: 5000, output_tokens: 200, cache_read_input_tokens: null });
    meter.merge({ input_tokens: 10_682, output_tokens: 510, server_tool_use: { web_search_requests: 1 } });
    expect(meter.usage()).toEqual({ ...counts, promptTokens: 10_682, completionTokens: 510 });
  });

  it('takes counts that come with message_delta only, and never throws', () => {
    const meter = new AnthropicUsageMeter();
    for (const nothing of [undefined, null, 'junk', []]) {
      meter.merge(nothing);
      expect(meter.usage()).toBeNull();
    }
    meter.merge({ input_tokens: 3, output_tokens: 0 });
    expect(meter.usage()).toEqual({ ...counts, promptTokens: 3 });
    fc.assert(
      fc.property(fc.anything(), (usage) => {
        meter.merge(usage);
        meter.usage();
      }),
    );
  });
});
