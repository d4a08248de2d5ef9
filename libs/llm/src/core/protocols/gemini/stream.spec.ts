import fc from 'fast-check';
import { type AnswerEvent } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { foldEvents, mutated, StreamedError } from '../../dialogue/dialogue.fakes.js';
import { BLOCKED_PROMPT, ERRORS, STREAM } from './golden/examples.js';
import { geminiCodec } from './index.js';

const OPTIONS = { includeUsage: false, model: 'shown', created: 1, id: 'ours' };

function decode(chunks: readonly unknown[]): AnswerEvent[] {
  const decoder = geminiCodec.createStreamDecoder();
  return [...chunks.flatMap((chunk) => decoder.push({ event: null, data: typeof chunk === 'string' ? chunk : JSON.stringify(chunk) })), ...decoder.finish()];
}

function encode(events: readonly AnswerEvent[]): unknown[] {
  const encoder = geminiCodec.createStreamEncoder(OPTIONS);
  return events.flatMap((event) => encoder.push(event)).map(({ event, data }) => {
    expect(event).toBeNull();
    return JSON.parse(data) as unknown;
  });
}

const chunk = (parts: readonly object[], more: object = {}): object => ({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }] });
const at = (part: number): { candidate: number; part: number } => ({ candidate: 0, part });
const usage = (completionTokens: number, cachedTokens = 0): AnswerEvent => ({ type: 'usage', usage: { promptTokens: 31, cachedTokens, cacheWriteTokens: 0, completionTokens, reasoningTokens: 59 } });

describe("Gemini's streams, read", () => {
  it('tells event by event what each chunk brought, at once', () => {
    const decoder = geminiCodec.createStreamDecoder();
    const told = STREAM.map((data) => decoder.push({ event: null, data }));
    expect(told).toEqual([
      [
        { type: 'start', id: 'Zm9v', model: 'gemini-3-flash-preview', created: 0 },
        { type: 'part_start', ...at(0), start: { type: 'thinking' } },
        { type: 'delta', ...at(0), delta: { type: 'text', text: '**Planning**\n\n' } },
      ],
      [{ type: 'delta', ...at(0), delta: { type: 'text', text: 'I need the weather.' } }],
      [{ type: 'part_end', ...at(0) }, { type: 'part_start', ...at(1), start: { type: 'text' } }, { type: 'delta', ...at(1), delta: { type: 'text', text: 'Let me' } }],
      [{ type: 'delta', ...at(1), delta: { type: 'text', text: ' look.' } }],
      [
        { type: 'part_end', ...at(1) },
        { type: 'part_start', ...at(2), start: { type: 'tool_call', id: 'call_Zm9v_0', name: 'get_weather', signature: 'EsIB' } },
        { type: 'delta', ...at(2), delta: { type: 'arguments', text: '{"city":"Paris"}' } },
        { type: 'part_end', ...at(2) },
        { type: 'part_start', ...at(3), start: { type: 'tool_call', id: 'call_Zm9v_1', name: 'get_weather' } },
        { type: 'delta', ...at(3), delta: { type: 'arguments', text: '{"city":"Bern"}' } },
        { type: 'part_end', ...at(3) },
      ],
      [],
    ]);
    expect(decoder.finish()).toEqual([{ type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null }, usage(100, 16), { type: 'end' }]);
    expect(decoder.finish()).toEqual([]);
  });

  it('counts what is cumulative once: the last usage is the whole, and one that cannot be trusted is none', () => {
    expect(foldEvents(decode([...STREAM, { usageMetadata: { promptTokenCount: 31, totalTokenCount: 30 } }])).usage).toBeNull();
    expect(foldEvents(decode(STREAM)).usage).toEqual({ promptTokens: 31, cachedTokens: 16, cacheWriteTokens: 0, completionTokens: 100, reasoningTokens: 59 });
  });

  it('takes a signature wherever it comes: with the thought, after it, on text, alone', () => {
    const parts = (chunks: readonly object[]): unknown => foldEvents(decode([...chunks, chunk([], { finishReason: 'STOP' })])).candidates[0]?.parts;
    expect(parts([chunk([{ text: 'a', thought: true }]), chunk([{ text: 'b', thought: true, thoughtSignature: 's' }]), chunk([{ text: 'c', thought: true }])])).toEqual([{ type: 'thinking', text: 'ab', signature: { by: 'gemini', value: 's' } }, { type: 'thinking', text: 'c', signature: null }]);
    expect(parts([chunk([{ text: 'a', thought: true }]), chunk([{ text: '', thought: true, thoughtSignature: 's' }])])).toEqual([{ type: 'thinking', text: 'a', signature: { by: 'gemini', value: 's' } }]);
    expect(parts([chunk([{ text: 'a' }]), chunk([{ text: 'b', thoughtSignature: 's' }]), chunk([{ text: 'c' }])])).toEqual([{ type: 'text', text: 'ab' }, { type: 'thinking', text: '', signature: { by: 'gemini', value: 's' } }, { type: 'text', text: 'c' }]);
    expect(parts([chunk([{ text: 'a' }]), chunk([{ thoughtSignature: 's' }])])).toEqual([{ type: 'text', text: 'a' }, { type: 'thinking', text: '', signature: { by: 'gemini', value: 's' } }]);
    expect(parts([chunk([{ text: 'a' }]), chunk([{ text: '', thought: true }]), chunk([{ text: 'b' }])])).toEqual([{ type: 'text', text: 'ab' }]);
  });

  it('keeps candidates apart, and bears with a model that says STOP in every chunk', () => {
    const both = (first: string, second: string): object => ({ candidates: [{ content: { parts: [{ text: first }] }, finishReason: 'STOP' }, { content: { parts: [{ text: second }] }, finishReason: 'STOP', index: 1 }] });
    expect(foldEvents(decode([both('a', 'x'), both('b', 'y')])).candidates).toMatchObject([{ index: 0, parts: [{ text: 'ab' }] }, { index: 1, parts: [{ text: 'xy' }] }]);
  });

  it('tells of a blocked prompt and of a filter', () => {
    expect(foldEvents(decode([BLOCKED_PROMPT]))).toMatchObject({ candidates: [{ index: 0, parts: [], stop: 'refusal' }], usage: { promptTokens: 9 } });
    expect(foldEvents(decode([{ promptFeedback: { blockReason: 'OTHER', blockReasonMessage: 'No.' } }])).candidates).toMatchObject([{ parts: [{ type: 'refusal', text: 'No.' }], stop: 'refusal' }]);
    expect(foldEvents(decode([chunk([{ text: 'a' }]), { candidates: [{ finishReason: 'PROHIBITED_CONTENT', finishMessage: 'Stop it.' }] }])).candidates).toMatchObject([{ parts: [{ text: 'a' }, { type: 'refusal', text: 'Stop it.' }], stop: 'refusal' }]);
  });

  it('ends with an error where the provider tells of one, and says nothing after it', () => {
    const events = decode([STREAM[0], ERRORS.overloaded, STREAM[1]]);
    expect(events.at(-1)).toEqual({ type: 'error', error: { httpStatus: 503, kind: 'overloaded', message: 'The model is overloaded. Please try again later.', code: 'UNAVAILABLE', param: null } });
    expect(decode([{ error: { message: 'x' } }])).toMatchObject([{ type: 'error', error: { httpStatus: 500, kind: 'server' } }]);
  });

  it('does not take a stream that was cut for a whole one', () => {
    for (const cut of [[], STREAM.slice(0, 5), [{ usageMetadata: { promptTokenCount: 1 } }]]) expect(() => foldEvents(decode(cut))).toThrow(StreamedError);
    expect(() => foldEvents(decode([{ candidates: [{ finishReason: 'STOP' }, { index: 1 }] }]))).toThrow('ended before its answer did');
  });

  it.each(['', '{', '[]', '1', '[DONE]', '{"candidates":{}}', '{"candidates":[{"content":{"parts":[{"inlineData":{}}]}}]}'])('does not take %s for a chunk', (data) => {
    expect(() => decode([data])).toThrow(ProtocolViolation);
  });

  it('never throws anything else, and keeps to the order of events, whatever comes', () => {
    const broken = mutated(STREAM.map((data) => JSON.parse(data) as unknown));
    fc.assert(
      fc.property(broken, (chunks) => {
        try {
          foldEvents(decode(Array.isArray(chunks) ? chunks.map((one) => JSON.stringify(one)) : ['']));
        } catch (error) {
          if (!(error instanceof StreamedError)) expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
      { numRuns: 4_000 },
    );
  });
});

describe("Gemini's streams, written", () => {
  const start: AnswerEvent = { type: 'start', id: 'theirs', model: 'm', created: 2 };
  const named = { modelVersion: 'shown', responseId: 'theirs' };
  const said = (part: object): object => ({ candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }], ...named });

  it('sends each delta of text as it comes, and a call when it is whole', () => {
    const encoder = geminiCodec.createStreamEncoder(OPTIONS);
    const events: [AnswerEvent, unknown[]][] = [
      [start, []],
      [{ type: 'part_start', ...at(0), start: { type: 'thinking' } }, []],
      [{ type: 'delta', ...at(0), delta: { type: 'text', text: 'hm' } }, [said({ text: 'hm', thought: true })]],
      [{ type: 'delta', ...at(0), delta: { type: 'signature', signature: { by: 'gemini', value: 's' } } }, []],
      [{ type: 'part_end', ...at(0) }, [said({ text: '', thought: true, thoughtSignature: 's' })]],
      [{ type: 'part_start', ...at(1), start: { type: 'text' } }, []],
      [{ type: 'delta', ...at(1), delta: { type: 'text', text: 'a' } }, [said({ text: 'a' })]],
      [{ type: 'part_end', ...at(1) }, []],
      [{ type: 'part_start', ...at(2), start: { type: 'tool_call', id: 'i', name: 'f', signature: 't' } }, []],
      [{ type: 'delta', ...at(2), delta: { type: 'arguments', text: '{"a"' } }, []],
      [{ type: 'delta', ...at(2), delta: { type: 'arguments', text: ':1}' } }, []],
      [{ type: 'part_end', ...at(2) }, [said({ functionCall: { id: 'i', name: 'f', args: { a: 1 } }, thoughtSignature: 't' })]],
      [{ type: 'stop', candidate: 0, reason: 'tool_calls', stopSequence: null }, [{ candidates: [{ content: { parts: [], role: 'model' }, finishReason: 'STOP', index: 0 }], ...named }]],
      [usage(60), []],
      [{ type: 'end' }, [{ usageMetadata: { promptTokenCount: 31, candidatesTokenCount: 1, thoughtsTokenCount: 59, totalTokenCount: 91 }, ...named }]],
    ];
    for (const [event, chunks] of events) expect(encoder.push(event).map(({ data }) => JSON.parse(data) as unknown)).toEqual(chunks);
  });

  it('puts a usage that is known into the chunk that stops, and takes its own id where there is none', () => {
    expect(encode([{ type: 'start', id: '', model: 'm', created: 2 }, usage(60), { type: 'stop', candidate: 0, reason: 'length', stopSequence: null }, { type: 'end' }])).toEqual([
      { candidates: [{ content: { parts: [], role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }], usageMetadata: { promptTokenCount: 31, candidatesTokenCount: 1, thoughtsTokenCount: 59, totalTokenCount: 91 }, modelVersion: 'shown', responseId: 'ours' },
    ]);
  });

  it('tells a refusal as the message of the stop, and as text where the stop is no refusal or more is said', () => {
    const refusal = (part: number, text: string): AnswerEvent[] => [{ type: 'part_start', ...at(part), start: { type: 'refusal' } }, { type: 'delta', ...at(part), delta: { type: 'text', text } }, { type: 'part_end', ...at(part) }];
    const stop = (reason: 'stop' | 'refusal'): AnswerEvent => ({ type: 'stop', candidate: 0, reason, stopSequence: null });
    expect(encode([start, ...refusal(0, 'a'), ...refusal(1, 'b'), stop('refusal')])).toEqual([
      said({ text: 'a' }),
      { candidates: [{ content: { parts: [], role: 'model' }, finishReason: 'SAFETY', finishMessage: 'b', index: 0 }], ...named },
    ]);
    expect(encode([start, ...refusal(0, 'a'), stop('stop')])).toMatchObject([{ candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' }] }]);
  });

  it('does not lose arguments that are no object', () => {
    expect(encode([start, { type: 'part_start', ...at(0), start: { type: 'tool_call', id: 'i', name: 'f' } }, { type: 'delta', ...at(0), delta: { type: 'arguments', text: '{"a' } }, { type: 'part_end', ...at(0) }, { type: 'stop', candidate: 0, reason: 'length', stopSequence: null }])).toMatchObject([
      { candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'Malformed function call: f({"a)' }] },
    ]);
  });

  it('tells of an error', () => {
    expect(encode([start, { type: 'error', error: { httpStatus: 503, kind: 'overloaded', message: 'x', code: null, param: null } }])).toEqual([
      { error: { code: 503, message: 'x', status: 'UNAVAILABLE', details: [{ '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: 'theirs' }] } },
    ]);
  });
});
