import Anthropic from '@anthropic-ai/sdk';
import { type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent } from '../../dialogue/codec.js';
import { foldEvents } from '../../dialogue/dialogue.fakes.js';
import { formatSse } from '../../dialogue/sse.js';
import { basicStream, overloadedEvent, refusalStream, thinkingStream, toolStream } from './golden/streams.fakes.js';
import { anthropicMessagesCodec as codec } from './index.js';

const OPTIONS = { includeUsage: false, model: 'the-model-asked-for', created: 7, id: 'fallback' };

function read(stream: readonly SseEvent[]): AnswerEvent[] {
  const decoder = codec.createStreamDecoder();
  return [...stream.flatMap((event) => decoder.push(event)), ...decoder.finish()];
}

function written(events: readonly AnswerEvent[]): SseEvent[] {
  const encoder = codec.createStreamEncoder(OPTIONS);
  return events.flatMap((event) => encoder.push(event));
}

const wire = (type: string, body: unknown = {}): SseEvent => ({ event: type, data: JSON.stringify({ type, ...(body as object) }) });
const at = { candidate: 0, part: 0 };

describe('the stream decoder', () => {
  it('reads the basic example, event by event', () => {
    const decoder = codec.createStreamDecoder();
    expect(basicStream.map((event) => decoder.push(event))).toEqual([
      [
        { type: 'start', id: 'msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY', model: 'claude-opus-4-6', created: 0 },
        { type: 'usage', usage: { promptTokens: 25, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 1, reasoningTokens: 0 } },
      ],
      [{ type: 'part_start', ...at, start: { type: 'text' } }],
      [],
      [{ type: 'delta', ...at, delta: { type: 'text', text: 'Hello' } }],
      [{ type: 'delta', ...at, delta: { type: 'text', text: '!' } }],
      [{ type: 'part_end', ...at }],
      [
        { type: 'stop', candidate: 0, reason: 'stop', stopSequence: null },
        { type: 'usage', usage: { promptTokens: 25, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 15, reasoningTokens: 0 } },
      ],
      [{ type: 'end' }],
    ]);
    expect(decoder.finish()).toEqual([]);
  });

  it('reads tool calls, with `{}` for one that came without arguments, and counts caches once', () => {
    expect(foldEvents(read(toolStream))).toEqual({
      id: 'msg_014p7gG3wDgGV9EUtLvnow3U',
      model: 'claude-opus-4-8',
      created: 0,
      candidates: [
        {
          index: 0,
          parts: [
            { type: 'text', text: "Okay, let's check the weather" },
            { type: 'tool_call', id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6', name: 'get_weather', arguments: '{"location": "San Francisco, CA"}' },
            { type: 'tool_call', id: 'toolu_02', name: 'get_time', arguments: '{}' },
          ],
          stop: 'tool_calls',
          stopSequence: null,
        },
      ],
      usage: { promptTokens: 2572, cachedTokens: 2000, cacheWriteTokens: 100, completionTokens: 89, reasoningTokens: 0 },
    });
  });

  it('reads thinking with its signature, redacted thinking and a stop sequence', () => {
    expect(foldEvents(read(thinkingStream))).toMatchObject({
      candidates: [
        {
          parts: [
            { type: 'thinking', text: 'I need to find the GCD of 1071 and 462.\n1071 = 2 × 462 + 147', signature: { by: 'anthropic-messages', value: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds==' } },
            { type: 'redacted_thinking', data: { by: 'anthropic-messages', value: 'EmwKAhgBEgy3va3pzix==' } },
            { type: 'text', text: 'It is 21.' },
          ],
          stop: 'stop_sequence',
          stopSequence: 'END',
        },
      ],
      usage: { completionTokens: 60, reasoningTokens: 50 },
    });
  });

  it('reads why the provider declined', () => {
    expect(foldEvents(read(refusalStream)).candidates).toEqual([{ index: 0, parts: [{ type: 'refusal', text: 'This could enable cyber harm.' }], stop: 'refusal', stopSequence: null }]);
  });

  it('reads inputs and texts that come whole with the start of their block', () => {
    const stream = [
      basicStream[0]!,
      wire('content_block_start', { index: 0, content_block: { type: 'text', text: 'Hi' } }),
      wire('content_block_stop', { index: 0 }),
      wire('content_block_start', { index: 1, content_block: { type: 'tool_use', id: 't', name: 'f', input: { a: 1 } } }),
      wire('content_block_stop', { index: 1 }),
      wire('message_delta', { delta: { stop_reason: 'tool_use' } }),
    ];
    // Without its message_stop the stream is whole all the same: it said why it stopped.
    expect(foldEvents(read(stream)).candidates[0]?.parts).toEqual([
      { type: 'text', text: 'Hi' },
      { type: 'tool_call', id: 't', name: 'f', arguments: '{"a":1}' },
    ]);
  });

  it('ends with the error that the provider tells, and with one where the stream breaks off', () => {
    const error = { httpStatus: 529, kind: 'overloaded', message: 'Overloaded', code: null, param: null };
    expect(read([...basicStream.slice(0, 4), overloadedEvent, ...basicStream.slice(4)]).at(-1)).toEqual({ type: 'error', error });
    expect(read([overloadedEvent])).toEqual([{ type: 'error', error }]);
    for (let length = 0; length < basicStream.length - 2; length += 1) expect(read(basicStream.slice(0, length)).at(-1)).toMatchObject({ type: 'error', error: { kind: 'server', code: 'upstream_interrupted' } });
  });

  const [start] = basicStream as [SseEvent];
  const block = wire('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  it.each<[string, SseEvent[]]>([
    ['JSON that is cut', [{ event: 'message_start', data: '{"type":' }]],
    ['no object', [{ event: 'message_start', data: '[]' }]],
    ['two starts', [start, start]],
    ['a start without a message', [wire('message_start')]],
    ['no start', [block]],
    ['a delta without its block', [start, wire('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'x' } })]],
    ["a delta of another block's", [start, block, wire('content_block_delta', { index: 1, delta: { type: 'text_delta', text: 'x' } })]],
    ["a delta of another kind's", [start, block, wire('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{' } })]],
    ['a delta that is not known', [start, block, wire('content_block_delta', { index: 0, delta: { type: 'video_delta' } })]],
    ['a block that nothing asked for', [start, wire('content_block_start', { index: 0, content_block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} } })]],
    ['blocks that interleave', [start, block, block]],
    ['a stop within a block', [start, block, wire('message_delta', { delta: { stop_reason: 'end_turn' } })]],
    ['a stop reason that is not known', [start, wire('message_delta', { delta: { stop_reason: 'bored' } })]],
    ['an end without a stop', [start, wire('message_stop')]],
  ])('refuses %s', (_name, stream) => {
    expect(() => read(stream)).toThrow(ProtocolViolation);
  });
});

describe('the stream encoder', () => {
  it('writes an OpenAI-like stream as the API would, the usage at its end', () => {
    const usage = { promptTokens: 100, cachedTokens: 60, cacheWriteTokens: 10, completionTokens: 20, reasoningTokens: 5 };
    const encoder = codec.createStreamEncoder(OPTIONS);
    const events: AnswerEvent[] = [
      { type: 'start', id: 'chatcmpl-1', model: 'gpt-5', created: 1 },
      { type: 'part_start', ...at, start: { type: 'tool_call', id: 'call_1', name: 'f' } },
      { type: 'delta', ...at, delta: { type: 'arguments', text: '{"a"' } },
      { type: 'delta', ...at, delta: { type: 'arguments', text: ':1}' } },
      { type: 'part_end', ...at },
      { type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null },
      { type: 'usage', usage: { ...usage, completionTokens: 5 } },
      { type: 'usage', usage },
      { type: 'end' },
    ];
    const out = events.map((event) => encoder.push(event).map(({ event: name, data }): unknown => ({ name, ...(JSON.parse(data) as object) })));
    expect(out).toMatchObject([
      [{ name: 'message_start', type: 'message_start', message: { id: 'chatcmpl-1', type: 'message', role: 'assistant', model: 'the-model-asked-for', content: [], stop_reason: null, usage: { input_tokens: 0, output_tokens: 0 } } }],
      [{ name: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'call_1', name: 'f', input: {} } }],
      [{ name: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"a"' } }],
      [{ name: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: ':1}' } }],
      [{ name: 'content_block_stop', index: 0 }],
      [],
      [],
      [],
      [
        { name: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { input_tokens: 30, cache_creation_input_tokens: 10, cache_read_input_tokens: 60, output_tokens: 20, output_tokens_details: { thinking_tokens: 5 } } },
        { name: 'message_stop' },
      ],
    ]);
  });

  it('tells the first of several candidates, an id of its own where there is none, and errors', () => {
    const other = { candidate: 1, part: 0 };
    expect(written([{ type: 'part_start', ...other, start: { type: 'text' } }, { type: 'part_end', ...other }, { type: 'stop', candidate: 1, reason: 'stop', stopSequence: null }])).toEqual([]);
    expect(written([{ type: 'start', id: '', model: 'm', created: 0 }])[0]?.data).toContain('"id":"fallback"');
    expect(written([{ type: 'error', error: { httpStatus: 503, kind: 'overloaded', message: 'Busy', code: null, param: null } }])).toEqual([{ event: 'error', data: '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}' }]);
  });

  it.each([
    ['basic', basicStream],
    ['tools', toolStream],
    ['thinking', thinkingStream],
    ['refusal', refusalStream],
  ])('gives back what it was read from: %s', (_name, stream) => {
    expect(foldEvents(read(written(read(stream))))).toEqual({ ...foldEvents(read(stream)), model: OPTIONS.model });
  });

  it("is understood by the provider's own SDK", async () => {
    const text = (stream: readonly SseEvent[]): string => stream.map(formatSse).join('');
    const final = async (stream: readonly SseEvent[]) => {
      const fetch = (): Promise<Response> => Promise.resolve(new Response(text(stream), { headers: { 'content-type': 'text/event-stream' } }));
      const client = new Anthropic({ apiKey: 'k', fetch, maxRetries: 0, baseURL: 'http://127.0.0.1:9' });
      return client.messages.stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }).finalMessage();
    };
    const message = await final(written(read(toolStream)));
    expect(message).toMatchObject({
      model: OPTIONS.model,
      content: [
        { type: 'text', text: "Okay, let's check the weather" },
        { type: 'tool_use', id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6', name: 'get_weather', input: { location: 'San Francisco, CA' } },
        { type: 'tool_use', id: 'toolu_02', name: 'get_time', input: {} },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 472, cache_creation_input_tokens: 100, cache_read_input_tokens: 2000, output_tokens: 89 },
    });
    expect(codec.decodeAnswer(message)).toEqual({ ...foldEvents(read(toolStream)), model: OPTIONS.model, candidates: [expect.anything()] });
    expect(await final(written(read(thinkingStream)))).toMatchObject({ content: [{ type: 'thinking', signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds==' }, { type: 'redacted_thinking' }, { type: 'text', text: 'It is 21.' }], stop_reason: 'stop_sequence', stop_sequence: 'END' });
    expect(await final(written(read(refusalStream)))).toMatchObject({ content: [], stop_reason: 'refusal', stop_details: { explanation: 'This could enable cyber harm.' } });
    await expect(final(written([{ type: 'start', id: 'a', model: 'm', created: 0 }, { type: 'error', error: { httpStatus: 529, kind: 'overloaded', message: 'Busy', code: null, param: null } }]))).rejects.toThrow(/overloaded_error/);
  });
});
