import fc from 'fast-check';
import { type Answer, type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation, type SseEvent, type StreamEncoderOptions } from '../../dialogue/codec.js';
import { answers, eventsOf, foldEvents, mutated, StreamedError } from '../../dialogue/dialogue.fakes.js';
import { formatSse, SseParser } from '../../dialogue/sse.js';
import { asRefused, EXPRESSIBLE } from './expressible.fakes.js';
import { failure, refusal, summaryAndText, toolCall, type Recording } from './golden/recordings.js';
import { openAiResponsesCodec as codec } from './index.js';

const options = (model: string): StreamEncoderOptions => ({ includeUsage: true, model, created: 7, id: 'fallback' });
const streamed = answers(EXPRESSIBLE).map(asRefused).chain((answer) => eventsOf(answer).map((events) => ({ answer, events })));

const parse = (sse: string): SseEvent[] => new SseParser().push(Buffer.from(sse));
const decode = (events: readonly SseEvent[]): AnswerEvent[] => {
  const decoder = codec.createStreamDecoder();
  return [...events.flatMap((event) => decoder.push(event)), ...decoder.finish()];
};
const encode = (events: readonly AnswerEvent[], model = 'm'): SseEvent[] => {
  const encoder = codec.createStreamEncoder(options(model));
  return events.flatMap((event) => encoder.push(event));
};
type Data = Record<string, unknown>;
const data = (event: SseEvent): Data => JSON.parse(event.data) as Data;
const event = (type: string, members: object = {}): SseEvent => ({ event: type, data: JSON.stringify({ type, ...members }) });

const created = event('response.created', { response: { id: 'resp_1', model: 'm', created_at: 1, status: 'in_progress', output: [] } });
const completed = (output: readonly object[] = [], members: object = {}): SseEvent => event('response.completed', { response: { id: 'resp_1', model: 'm', created_at: 1, status: 'completed', output, usage: null, ...members } });

describe('the decoder', () => {
  it.each<[string, Recording]>([
    ['a tool call after sealed reasoning', toolCall],
    ['a summary and text, cut off', summaryAndText],
    ['a refusal', refusal],
    ['a failure', failure],
  ])('reads a recording of %s, event by event', (_what, { sse, events }) => {
    expect(decode(parse(sse))).toEqual(events);
  });

  it('passes each delta on in the moment in which it comes', () => {
    const decoder = codec.createStreamDecoder();
    for (const one of parse(toolCall.sse)) {
      const told = decoder.push(one);
      const { type, delta } = data(one);
      if (type === 'response.function_call_arguments.delta') expect(told).toEqual([{ type: 'delta', candidate: 0, part: 1, delta: { type: 'arguments', text: delta } }]);
    }
  });

  it('puts items that come interleaved one after the other', () => {
    const call = (index: number) => ({ id: `fc_${index}`, type: 'function_call', call_id: `call_${index}`, name: 'f', arguments: '' });
    const delta = (output_index: number, text: string) => event('response.function_call_arguments.delta', { output_index, item_id: `fc_${output_index}`, delta: text });
    const done = (output_index: number, text: string) => event('response.output_item.done', { output_index, item: { ...call(output_index), arguments: text } });
    const added = (output_index: number) => event('response.output_item.added', { output_index, item: call(output_index) });
    const answer = foldEvents(decode([created, added(0), added(1), delta(1, '{"b"'), delta(0, '{"a"'), delta(1, ':2}'), done(1, '{"b":2}'), added(2), delta(0, ':1}'), delta(2, '{}'), done(0, '{"a":1}'), done(2, '{}'), completed()]));
    expect(answer.candidates[0]?.parts).toEqual([
      { type: 'tool_call', id: 'call_0', name: 'f', arguments: '{"a":1}' },
      { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{"b":2}' },
      { type: 'tool_call', id: 'call_2', name: 'f', arguments: '{}' },
    ]);
  });

  it('takes from the end of a part, of an item or of the whole what no delta brought', () => {
    const message = { type: 'message', id: 'msg', role: 'assistant', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] };
    const added = event('response.output_item.added', { output_index: 0, item: { ...message, content: [] } });
    const place = { output_index: 0, content_index: 0, item_id: 'msg' };
    const half = event('response.output_text.delta', { ...place, delta: 'Hel' });
    const streams = [
      [added, half, event('response.output_text.done', { ...place, text: 'Hello' }), completed()],
      [added, half, event('response.content_part.done', { ...place, part: message.content[0] }), completed()],
      [added, event('response.output_item.done', { output_index: 0, item: message }), completed()],
      [event('response.output_item.done', { output_index: 0, item: message }), completed()],
      [added, half, completed([message])],
      [completed([message])],
    ];
    for (const stream of streams) expect(foldEvents(decode([created, ...stream])).candidates[0]?.parts).toEqual([{ type: 'text', text: 'Hello' }]);
  });

  it('tells texts that are already told no second time, though the whole answer counts its items otherwise', () => {
    const item = (text: string) => ({ type: 'message', id: 'msg', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] });
    const stream = [created, event('response.output_item.added', { output_index: 1, item: item('') }), event('response.output_item.done', { output_index: 1, item: item('Once') }), completed([item('Once')])];
    expect(foldEvents(decode(stream)).candidates[0]?.parts).toEqual([{ type: 'text', text: 'Once' }]);
  });

  it("reads an open model's reasoning", () => {
    const place = { output_index: 0, item_id: 'rs', content_index: 0 };
    const stream = [
      created,
      event('response.output_item.added', { output_index: 0, item: { type: 'reasoning', id: 'rs', summary: [] } }),
      event('response.content_part.added', { ...place, part: { type: 'reasoning_text', text: '' } }),
      event('response.reasoning_text.delta', { ...place, delta: 'Hm' }),
      event('response.reasoning_text.done', { ...place, text: 'Hm.' }),
      event('response.content_part.done', { ...place, part: { type: 'reasoning_text', text: 'Hm.' } }),
      event('response.output_item.done', { output_index: 0, item: { type: 'reasoning', id: 'rs', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] } }),
      completed(),
      { event: null, data: '[DONE]' },
    ];
    expect(foldEvents(decode(stream)).candidates[0]?.parts).toEqual([{ type: 'thinking', text: 'Hm.', signature: null }]);
  });

  it('ends a stream that breaks off with an error, and one that is complete with nothing more', () => {
    const events = parse(toolCall.sse);
    expect(decode(events.slice(0, 6)).at(-1)).toMatchObject({ type: 'error', error: { kind: 'server', httpStatus: 502 } });
    expect(decode([])).toMatchObject([{ type: 'error' }]);
    expect(decode(events).at(-1)).toEqual({ type: 'end' });
  });

  it.each<[string, SseEvent, object]>([
    ['flat, as documented', event('error', { code: 'server_error', message: 'Oh no.', param: null }), { kind: 'server', httpStatus: 500, message: 'Oh no.', code: 'server_error' }],
    ['nested', event('error', { error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'Too long.', param: 'input' } }), { kind: 'invalid_request', httpStatus: 400, code: 'context_length_exceeded', param: 'input' }],
    ['without an event', { event: null, data: '{"error":{"message":"Overloaded","code":"overloaded"}}' }, { kind: 'overloaded', httpStatus: 503 }],
  ])('tells an error that comes %s', (_what, broken, error) => {
    const told = decode([created, broken, completed()]);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ type: 'error', error });
  });

  it('tells what a failed answer has cost', () => {
    const usage = { input_tokens: 5, output_tokens: 1, total_tokens: 6 };
    expect(decode([created, event('response.failed', { response: { id: 'resp_1', model: 'm', created_at: 1, error: { code: 'server_error', message: 'x' }, usage } })])).toMatchObject([{ type: 'start' }, { type: 'usage', usage: { promptTokens: 5 } }, { type: 'error', error: { kind: 'server' } }]);
  });

  it.each<[string, readonly SseEvent[]]>([
    ['no JSON', [{ event: 'x', data: '{' }]],
    ['no object', [{ event: 'x', data: '1' }]],
    ['a part before the response', [event('response.output_item.added', { output_index: 0, item: { type: 'message' } })]],
    ['no place', [created, event('response.output_item.added', { item: { type: 'message' } })]],
    ['an item twice', [created, event('response.output_item.added', { output_index: 0, item: { type: 'message' } }), event('response.output_item.added', { output_index: 0, item: { type: 'message' } })]],
    ['an item that nobody asked for', [created, event('response.output_item.added', { output_index: 0, item: { type: 'web_search_call' } })]],
    ['a delta without item', [created, event('response.output_text.delta', { output_index: 0, content_index: 0, delta: 'x' })]],
    ['arguments of a message', [created, event('response.output_item.added', { output_index: 0, item: { type: 'message' } }), event('response.function_call_arguments.delta', { output_index: 0, delta: 'x' })]],
    ['a delta that is no text', [created, event('response.output_item.added', { output_index: 0, item: { type: 'message' } }), event('response.output_text.delta', { output_index: 0, content_index: 0, delta: 1 })]],
    ['a delta after the end of its part', [created, event('response.output_item.added', { output_index: 0, item: { type: 'message' } }), event('response.content_part.done', { output_index: 0, content_index: 0, part: { type: 'output_text', text: 'x' } }), event('response.output_text.delta', { output_index: 0, content_index: 0, delta: 'y' })]],
  ])('throws for %s', (_what, events) => {
    expect(() => decode(events)).toThrow(ProtocolViolation);
  });

  it('gives a valid stream or a violation for whatever comes', () => {
    let violations = 0;
    let answered = 0;
    const recordings = fc.constantFrom(toolCall, summaryAndText, refusal, failure).map(({ sse }) => parse(sse));
    const broken = recordings.chain((events) =>
      fc.tuple(fc.nat(events.length - 1), fc.nat(events.length - 1), fc.constantFrom('mutate', 'drop', 'double', 'swap')).chain(([at, other, how]): fc.Arbitrary<SseEvent[]> => {
        const one = events[at] as SseEvent;
        if (how === 'mutate') return mutated(data(one)).map((changed) => events.with(at, { ...one, data: JSON.stringify(changed) }));
        if (how === 'drop') return fc.constant(events.toSpliced(at, 1));
        if (how === 'double') return fc.constant(events.toSpliced(at, 0, one));
        return fc.constant(events.with(at, events[other] as SseEvent).with(other, one));
      }),
    );
    fc.assert(
      fc.property(broken, (events) => {
        let told: AnswerEvent[];
        try {
          told = decode(events);
        } catch (error) {
          if (!(error instanceof ProtocolViolation)) throw error;
          violations += 1;
          return;
        }
        try {
          foldEvents(told);
          answered += 1;
        } catch (error) {
          if (!(error instanceof StreamedError)) throw error;
        }
      }),
      { numRuns: 4000 },
    );
    expect(violations).toBeGreaterThan(200);
    expect(answered).toBeGreaterThan(200);
  });
});

describe('the encoder', () => {
  it('tells any answer so that it is read back as it was, over the wire', () => {
    fc.assert(
      fc.property(streamed, ({ answer, events }) => {
        const bytes = Buffer.from(encode(events, answer.model).map(formatSse).join(''));
        const parser = new SseParser();
        const arrived = [...parser.push(bytes.subarray(0, bytes.length >> 1)), ...parser.push(bytes.subarray(bytes.length >> 1))];
        expect(foldEvents(decode(arrived))).toEqual(answer);
      }),
      { numRuns: 400 },
    );
  });

  it('ends with the response that the whole answer would have been', () => {
    fc.assert(
      fc.property(streamed, ({ answer, events }) => {
        const last = data(encode(events, answer.model).at(-1) as SseEvent);
        expect(last['response']).toEqual(JSON.parse(JSON.stringify(codec.encodeAnswer(answer))));
      }),
      { numRuns: 200 },
    );
  });

  it('numbers its events from 0, names them by their type and keeps ids', () => {
    fc.assert(
      fc.property(streamed, ({ events }) => {
        const sent = encode(events);
        sent.forEach((one, index) => expect(data(one)).toMatchObject({ type: one.event, sequence_number: index }));
        const ids = new Map<unknown, unknown>();
        for (const one of sent.map(data)) {
          const id = one['item_id'] ?? (one['item'] as Data | undefined)?.['id'];
          if (id === undefined) continue;
          expect(ids.get(one['output_index']) ?? id).toBe(id);
          ids.set(one['output_index'], id);
        }
        expect(new Set(ids.values()).size).toBe(ids.size);
      }),
      { numRuns: 200 },
    );
  });

  it('sends what the documentation shows', () => {
    const answer: Answer = {
      id: 'resp_1', model: 'm', created: 5,
      usage: { promptTokens: 3, cachedTokens: 1, cacheWriteTokens: 0, completionTokens: 4, reasoningTokens: 2 },
      candidates: [{ index: 0, stop: 'tool_calls', stopSequence: null, parts: [{ type: 'thinking', text: 'Hm', signature: { by: 'openai-responses', value: 'sig' } }, { type: 'redacted_thinking', data: { by: 'openai-responses', value: 'd' } }, { type: 'text', text: 'Hi' }, { type: 'refusal', text: 'No' }, { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{}' }] }],
    };
    const [events] = fc.sample(eventsOf(answer), { numRuns: 1, seed: 1 });
    const sent = encode((events ?? []).filter((one) => one.type !== 'delta'));
    expect(sent.map((one) => one.event)).toEqual([
      'response.created', 'response.in_progress',
      'response.output_item.added', 'response.output_item.done',
      'response.output_item.added', 'response.output_item.done',
      'response.output_item.added', 'response.content_part.added', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done',
      'response.output_item.added', 'response.content_part.added', 'response.refusal.done', 'response.content_part.done', 'response.output_item.done',
      'response.output_item.added', 'response.function_call_arguments.delta', 'response.function_call_arguments.done', 'response.output_item.done',
      'response.completed',
    ]);
  });

  it('sends each delta at once, and thinking as a summary', () => {
    const encoder = codec.createStreamEncoder(options('m'));
    const at = { candidate: 0, part: 0 };
    encoder.push({ type: 'start', id: 'abc-1', model: 'other', created: 5 });
    encoder.push({ type: 'part_start', ...at, start: { type: 'thinking' } });
    const place = { item_id: 'rs_abc1_0', output_index: 0, summary_index: 0 };
    expect(encoder.push({ type: 'delta', ...at, delta: { type: 'text', text: 'Hm' } }).map(data)).toEqual([
      { type: 'response.reasoning_summary_part.added', sequence_number: 3, ...place, part: { type: 'summary_text', text: '' } },
      { type: 'response.reasoning_summary_text.delta', sequence_number: 4, ...place, delta: 'Hm' },
    ]);
    expect(encoder.push({ type: 'delta', ...at, delta: { type: 'signature', signature: { by: 'openai-responses', value: 'sig' } } })).toEqual([]);
    expect(encoder.push({ type: 'part_end', ...at }).map(data)).toEqual([
      { type: 'response.reasoning_summary_text.done', sequence_number: 5, ...place, text: 'Hm' },
      { type: 'response.reasoning_summary_part.done', sequence_number: 6, ...place, part: { type: 'summary_text', text: 'Hm' } },
      { type: 'response.output_item.done', sequence_number: 7, output_index: 0, item: { id: 'rs_abc1_0', type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }], encrypted_content: 'sig' } },
    ]);
    encoder.push({ type: 'part_start', candidate: 0, part: 1, start: { type: 'tool_call', id: 'call_1', name: 'f' } });
    expect(encoder.push({ type: 'delta', candidate: 0, part: 1, delta: { type: 'arguments', text: '{"a' } }).map(data)).toEqual([{ type: 'response.function_call_arguments.delta', sequence_number: 9, item_id: 'fc_abc1_1', output_index: 1, delta: '{"a' }]);
  });

  it('takes its own id and time where the provider tells none', () => {
    expect(data(encode([{ type: 'start', id: '', model: 'x', created: 0 }])[0] as SseEvent)['response']).toMatchObject({ id: 'fallback', created_at: 7, model: 'm' });
  });

  it('tells an error, and that the response has failed; before the response began, the error alone', () => {
    const error = { httpStatus: 529, kind: 'overloaded' as const, message: 'Overloaded', code: 'overloaded_error', param: null };
    const usage: AnswerEvent = { type: 'usage', usage: { promptTokens: 3, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 } };
    const sent = encode([{ type: 'start', id: 'a', model: 'm', created: 1 }, usage, { type: 'error', error }]);
    expect(sent.slice(2).map(data)).toMatchObject([
      { type: 'error', code: 'overloaded_error', message: 'Overloaded', param: null, error: { type: 'server_error', code: 'overloaded_error', message: 'Overloaded' } },
      { type: 'response.failed', response: { status: 'failed', error: { code: 'server_error', message: 'Overloaded' }, usage: { input_tokens: 3 } } },
    ]);
    expect(encode([{ type: 'error', error }]).map((one) => one.event)).toEqual(['error']);
  });

  it('has no words for another candidate', () => {
    expect(encode([{ type: 'part_start', candidate: 1, part: 0, start: { type: 'text' } }])).toEqual([]);
  });
});
