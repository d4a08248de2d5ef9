import { type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { foldEvents } from '../../dialogue/dialogue.fakes.js';
import { AZURE, DEEPSEEK, GEMINI, OPENROUTER, VLLM } from './golden/compatible.js';
import { REFUSAL_STREAM, TEXT_STREAM, TOOLS_STREAM } from './golden/openai.js';
import { ChatStreamDecoder } from './stream-decoder.js';

/** What each event means, one list for each; the last is what the end of the stream means. */
function eventByEvent(stream: readonly string[]): AnswerEvent[][] {
  const decoder = new ChatStreamDecoder();
  return [...stream.map((data) => [...decoder.push({ event: null, data })]), [...decoder.finish()]];
}
const answerOf = (stream: readonly string[]) => foldEvents(eventByEvent(stream).flat());
const at = { candidate: 0, part: 0 };
const chunk = (delta: unknown, finish_reason: unknown = null, index: unknown = 0): string => JSON.stringify({ id: 'c', created: 1, model: 'm', choices: [{ index, delta, finish_reason }] });
const call = (piece: object): string => chunk({ tool_calls: [piece] });
const begun = { index: 0, id: 'call_a', function: { name: 'f', arguments: '' } };

describe("OpenAI's streams, event by event", () => {
  it('text', () => {
    expect(eventByEvent(TEXT_STREAM)).toEqual([
      [{ type: 'start', id: 'chatcmpl-123', model: 'gpt-4o-mini', created: 1694268190 }],
      [{ type: 'part_start', ...at, start: { type: 'text' } }, { type: 'delta', ...at, delta: { type: 'text', text: 'Hello' } }],
      [{ type: 'part_end', ...at }, { type: 'stop', candidate: 0, reason: 'stop', stopSequence: null }],
      [{ type: 'end' }],
      [],
    ]);
  });

  it('two tool calls in parallel, whose pieces leave as they come, and the usage', () => {
    const second = { candidate: 0, part: 1 };
    expect(eventByEvent(TOOLS_STREAM)).toEqual([
      [
        { type: 'start', id: 'chatcmpl-123', model: 'gpt-4o-mini', created: 1694268190 },
        { type: 'part_start', ...at, start: { type: 'tool_call', id: 'call_DdmO9pD3xa9XTPNJ32zg2hcA', name: 'get_weather' } },
      ],
      [{ type: 'delta', ...at, delta: { type: 'arguments', text: '{"' } }],
      [{ type: 'delta', ...at, delta: { type: 'arguments', text: 'location":"Paris"}' } }],
      [{ type: 'part_end', ...at }, { type: 'part_start', ...second, start: { type: 'tool_call', id: 'call_lX9Jm4yvaPqYQuA9vTRH2FKN', name: 'get_weather' } }],
      [{ type: 'delta', ...second, delta: { type: 'arguments', text: '{"location":"Rome"}' } }],
      [{ type: 'part_end', ...second }, { type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null }],
      [{ type: 'usage', usage: { promptTokens: 20, cachedTokens: 16, cacheWriteTokens: 0, completionTokens: 33, reasoningTokens: 0 } }],
      [{ type: 'end' }],
      [],
    ]);
  });

  it('a refusal, which ends with `stop`', () => {
    expect(answerOf(REFUSAL_STREAM).candidates).toEqual([{ index: 0, parts: [{ type: 'refusal', text: "I'm very sorry, but I can't assist with that." }], stop: 'refusal', stopSequence: null }]);
  });
});

describe("compatible providers' streams", () => {
  it.each([
    ['DeepSeek', DEEPSEEK, { parts: [{ type: 'thinking', text: '9.8 is greater.', signature: null }, { type: 'text', text: '9.8' }], stop: 'stop', stopSequence: null }, { promptTokens: 16, cachedTokens: 10, cacheWriteTokens: 0, completionTokens: 40, reasoningTokens: 30 }],
    [
      'OpenRouter',
      OPENROUTER,
      { parts: [{ type: 'thinking', text: 'Let me see.', signature: { by: 'anthropic-messages', value: 'c2ln' } }, { type: 'redacted_thinking', data: { by: 'anthropic-messages', value: 'ZW5j' } }, { type: 'text', text: 'Yes.' }], stop: 'stop', stopSequence: null },
      { promptTokens: 5, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 9, reasoningTokens: 0 },
    ],
    ['Azure', AZURE, { parts: [{ type: 'text', text: 'Color' }], stop: 'refusal', stopSequence: null }, null],
    ['Gemini', GEMINI, { parts: [{ type: 'tool_call', id: 'call_a', name: 'f', arguments: '{"x":1}', signature: 'c2ln' }, { type: 'tool_call', id: 'call_b', name: 'g', arguments: '{"y":2}' }], stop: 'tool_calls', stopSequence: null }, null],
    ['vLLM', VLLM, { parts: [{ type: 'text', text: 'one two' }], stop: 'stop_sequence', stopSequence: ' three' }, { promptTokens: 5, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 3, reasoningTokens: 0 }],
  ])('%s', (_name, stream, candidate, usage) => {
    const answer = answerOf(stream);
    expect(answer.candidates).toEqual([{ index: 0, ...candidate }]);
    expect(answer.usage).toEqual(usage);
    expect(answer.id).not.toBe('');
  });
});

describe('what goes wrong within a stream', () => {
  it.each([
    ['OpenAI', { error: { message: 'The server had an error', type: 'server_error', param: null, code: null } }, { httpStatus: 500, kind: 'server', code: 'server_error' }],
    ['a limit', { error: { message: 'slow down', type: 'requests', param: null, code: 'rate_limit_exceeded' } }, { httpStatus: 429, kind: 'rate_limit', code: 'rate_limit_exceeded' }],
    ['OpenRouter', { id: 'gen', choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }], error: { code: 502, message: 'Provider disconnected' } }, { httpStatus: 502, kind: 'server', code: null }],
    ['Ollama', { error: 'model runner has unexpectedly stopped' }, { httpStatus: 500, kind: 'server', code: null }],
  ])('an error of %s is the last event', (_name, body, error) => {
    const decoder = new ChatStreamDecoder();
    decoder.push({ event: null, data: chunk({ role: 'assistant', content: 'x' }) });
    expect(decoder.push({ event: 'error', data: JSON.stringify(body) })).toEqual([{ type: 'error', error: expect.objectContaining(error) as object }]);
    expect(decoder.push({ event: null, data: chunk({ content: 'y' }) })).toEqual([]);
    expect(decoder.push({ event: null, data: '[DONE]' })).toEqual([]);
    expect(decoder.finish()).toEqual([]);
  });

  it('an end that comes too early is an error, before the first chunk as well', () => {
    const interrupted = [{ type: 'error', error: expect.objectContaining({ httpStatus: 502, code: 'upstream_interrupted' }) as object }];
    expect(new ChatStreamDecoder().finish()).toEqual(interrupted);
    expect(eventByEvent([chunk({ role: 'assistant', content: 'x' })]).at(-1)).toEqual(interrupted);
    // One of two choices has not ended.
    expect(eventByEvent([chunk({ content: 'x' }, null, 1), chunk({ content: 'x' }, 'stop')]).at(-1)).toEqual(interrupted);
  });

  it('a stream without `[DONE]` whose answer is whole has ended', () => {
    expect(eventByEvent([chunk({ content: 'x' }, 'stop')]).at(-1)).toEqual([{ type: 'end' }]);
  });

  it('a reason that is said twice, and an unreadable usage, change nothing', () => {
    const counted = JSON.stringify({ id: 'c', created: 1, model: 'm', choices: [], usage: { prompt_tokens: -1, completion_tokens: 2 } });
    expect(answerOf([chunk({ content: 'x' }, 'length'), chunk({}, 'length'), counted, '[DONE]'])).toMatchObject({ usage: null, candidates: [{ stop: 'length' }] });
  });

  it('an answer that forced a tool ends with `stop`, and has called it', () => {
    expect(answerOf([call(begun), chunk({}, 'stop'), '[DONE]']).candidates[0]).toMatchObject({ stop: 'tool_calls', parts: [{ arguments: '{}' }] });
  });

  it.each([
    ['no JSON', ['{"id":']],
    ['no object', ['[]']],
    ['choices that are no list', ['{"choices":{}}']],
    ['a choice that is no object', ['{"choices":[1]}']],
    ['an index that is none', [chunk({}, null, -1)]],
    ['more choices than there can be', [chunk({}, null, 4_000_000)]],
    ['a delta that is no object', [chunk('x')]],
    ['content that is no text', [chunk({ content: 7 })]],
    ['tool calls that are no list', [chunk({ tool_calls: {} })]],
    ['a tool call that is no object', [chunk({ tool_calls: ['x'] })]],
    ['a tool call without an id', [call({ index: 0, function: { name: 'f' } })]],
    ['a tool call without a name', [call({ index: 0, id: 'call_a', function: {} })]],
    ['arguments that are no text', [call(begun), call({ index: 0, function: { arguments: 7 } })]],
    ['calls that interleave', [call(begun), call({ ...begun, index: 1, id: 'call_b' }), call({ index: 0, function: { arguments: '{}' } })]],
    ['calls that interleave and repeat their ids', [call(begun), call({ ...begun, index: 1, id: 'call_b' }), call(begun)]],
    ['an unknown reason', [chunk({}, 'exploded')]],
    ['a choice that goes on after its end', [chunk({}, 'stop'), chunk({ content: 'x' })]],
    ['`[DONE]` before the answer is', [chunk({ content: 'x' }), '[DONE]']],
    ['`[DONE]` alone', ['[DONE]']],
  ])('%s breaks the protocol', (_name, stream) => {
    expect(() => eventByEvent(stream)).toThrow(ProtocolViolation);
  });
});
