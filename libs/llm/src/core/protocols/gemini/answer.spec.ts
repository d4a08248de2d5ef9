import fc from 'fast-check';
import { type Candidate, type StopReason } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { mutated } from '../../dialogue/dialogue.fakes.js';
import { BLOCKED_PROMPT, PARALLEL_CALLS_ANSWER, THINKING_ANSWER } from './golden/examples.js';
import { geminiCodec } from './index.js';

const { decodeAnswer, encodeAnswer } = geminiCodec;

const saying = (parts: unknown, more: object = {}): object => ({ candidates: [{ content: { parts }, finishReason: 'STOP', ...more }] });
const encoded = (candidate: Partial<Candidate>): unknown =>
  (encodeAnswer({ id: 'i', model: 'm', created: 7, usage: null, candidates: [{ index: 0, parts: [], stop: 'stop', stopSequence: null, ...candidate }] })['candidates'] as unknown[])[0];

describe("Gemini's answers", () => {
  it('reads thoughts, and a signature on text as thinking after it that has nothing else', () => {
    expect(decodeAnswer(THINKING_ANSWER)).toEqual({
      id: 'Il0taoSYJ5Cez7IPlMzKqQ',
      model: 'gemini-3.5-flash',
      created: 0,
      candidates: [
        {
          index: 0,
          parts: [
            { type: 'thinking', text: "**Considering the Razor's Core**\n\nThe user asks for an explanation.", signature: null },
            { type: 'text', text: "Occam's Razor is a problem-solving principle." },
            { type: 'thinking', text: '', signature: { by: 'gemini', value: 'EjQKMgEM' } },
          ],
          stop: 'stop',
          stopSequence: null,
        },
      ],
      usage: { promptTokens: 11, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 1026, reasoningTokens: 1017 },
    });
  });

  it('reads parallel calls, with ids of its own making where there are none', () => {
    expect(decodeAnswer(PARALLEL_CALLS_ANSWER)).toMatchObject({
      candidates: [
        {
          parts: [
            { type: 'tool_call', id: 'call_h5XzaB9_0', name: 'power_disco_ball', arguments: '{"power":true}', signature: 'CiQB0e2Kb1' },
            { type: 'tool_call', id: 'call_h5XzaB9_1', name: 'start_music', arguments: '{"energetic":true,"loud":true}' },
            { type: 'tool_call', id: 'own', name: 'dim_lights', arguments: '{}' },
          ],
          stop: 'tool_calls',
        },
      ],
      usage: { promptTokens: 120, cachedTokens: 100, completionTokens: 48, reasoningTokens: 0 },
    });
  });

  it('makes ids that strict clients take, that differ between candidates, and that do without an id of the answer', () => {
    const call = { content: { parts: [{ functionCall: { name: 'a' } }] }, finishReason: 'STOP' };
    const idsOf = (responseId?: string): unknown => decodeAnswer({ candidates: [call, { ...call, index: 1 }], responseId }).candidates.flatMap(({ parts }) => parts.map((part) => part.type === 'tool_call' && part.id));
    expect(idsOf()).toEqual(['call_0', 'call_1_0']);
    expect(idsOf('ab')).toEqual(['call_ab_0', 'call_ab_1_0']);
    for (const id of idsOf('ä/'.repeat(20) + 'x'.repeat(60)) as string[]) expect(id).toMatch(/^call_x{22}_[01_]{1,3}$/);
  });

  it('reads a prompt that was blocked as a refusal', () => {
    expect(decodeAnswer(BLOCKED_PROMPT)).toMatchObject({ id: 'aa', candidates: [{ index: 0, parts: [], stop: 'refusal' }], usage: { promptTokens: 9 } });
    expect(decodeAnswer({ promptFeedback: { blockReason: 'OTHER', blockReasonMessage: 'No.' } })).toMatchObject({ candidates: [{ parts: [{ type: 'refusal', text: 'No.' }], stop: 'refusal' }], usage: null });
  });

  it.each<[string, StopReason, string | null]>([
    ['STOP', 'stop', null],
    ['FINISH_REASON_UNSPECIFIED', 'stop', null],
    ['MAX_TOKENS', 'length', null],
    ['CONTINUATION', 'length', null],
    ['SAFETY', 'refusal', null],
    ['RECITATION', 'refusal', null],
    ['LANGUAGE', 'refusal', null],
    ['BLOCKLIST', 'refusal', null],
    ['PROHIBITED_CONTENT', 'refusal', null],
    ['SPII', 'refusal', null],
    ['IMAGE_SAFETY', 'refusal', null],
    ['OTHER', 'refusal', null],
    ['MALFORMED_FUNCTION_CALL', 'refusal', 'MALFORMED_FUNCTION_CALL'],
    ['UNEXPECTED_TOOL_CALL', 'refusal', 'UNEXPECTED_TOOL_CALL'],
    ['SOMETHING_NEW', 'refusal', 'SOMETHING_NEW'],
  ])('reads %s as %s', (finishReason, stop, text) => {
    const refusal = text === null ? [] : [{ type: 'refusal', text }];
    expect(decodeAnswer(saying([{ text: 'a' }], { finishReason }))).toMatchObject({ candidates: [{ stop, parts: [{ type: 'text', text: 'a' }, ...refusal] }] });
  });

  it('tells why it refused, and does not call a cut-off call a call', () => {
    expect(decodeAnswer(saying([], { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'Malformed function call: print(' }))).toMatchObject({ candidates: [{ parts: [{ type: 'refusal', text: 'Malformed function call: print(' }], stop: 'refusal' }] });
    expect(decodeAnswer(saying([{ functionCall: { name: 'a' } }], { finishReason: 'MAX_TOKENS' }))).toMatchObject({ candidates: [{ stop: 'length' }] });
    expect(decodeAnswer({ candidates: [{ finishReason: 'STOP' }], createTime: '2026-11-22T10:00:00.5Z' })).toMatchObject({ created: 1_795_341_600, candidates: [{ parts: [], stop: 'stop' }] });
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['no candidates', {}],
    ['an empty list of them', { candidates: [] }],
    ['candidates that are none', { candidates: [1] }],
    ['two of one index', { candidates: [{ index: 1 }, { index: 1 }] }],
    ['an index that is none', { candidates: [{ index: -1 }] }],
    ['content that is text', { candidates: [{ content: 'x' }] }],
    ['a text that is a number', saying([{ text: 1 }])],
    ['a picture', saying([{ inlineData: { mimeType: 'image/png', data: 'AA==' } }])],
    ['code that ran', saying([{ executableCode: { code: '1' } }])],
    ['a call without a name', saying([{ functionCall: { args: {} } }])],
    ['arguments that are a list', saying([{ functionCall: { name: 'a', args: [] } }])],
    ['arguments in pieces', saying([{ functionCall: { name: 'a', partialArgs: [] } }])],
    ['a reason that is a number', { candidates: [{ finishReason: 1 }] }],
  ])('does not take %s for an answer', (_name, body) => {
    expect(() => decodeAnswer(body)).toThrow(ProtocolViolation);
  });

  it('writes what it has words for, and the nearest for the rest', () => {
    expect(encoded({ parts: [{ type: 'text', text: 'a' }], stop: 'stop_sequence', stopSequence: '\n' })).toEqual({ content: { parts: [{ text: 'a' }], role: 'model' }, finishReason: 'STOP', index: 0 });
    expect(encoded({ stop: 'context' })).toMatchObject({ finishReason: 'MAX_TOKENS' });
    expect(encoded({ stop: 'pause' })).toMatchObject({ finishReason: 'CONTINUATION' });
    expect(encoded({ parts: [{ type: 'refusal', text: 'a' }, { type: 'refusal', text: 'b' }], stop: 'refusal' })).toEqual({ content: { parts: [{ text: 'a' }], role: 'model' }, finishReason: 'SAFETY', finishMessage: 'b', index: 0 });
    expect(encoded({ parts: [{ type: 'refusal', text: 'a' }] })).toMatchObject({ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' });
    expect(encoded({ parts: [{ type: 'text', text: 'a' }, { type: 'tool_call', id: 'i', name: 'f', arguments: '{"a":' }], stop: 'tool_calls' })).toEqual({
      content: { parts: [{ text: 'a' }], role: 'model' }, finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'Malformed function call: f({"a":)', index: 0,
    });
  });

  it('reads any broken body, or says that it is none, and throws nothing else', () => {
    for (const example of [THINKING_ANSWER, PARALLEL_CALLS_ANSWER, BLOCKED_PROMPT])
      fc.assert(
        fc.property(fc.oneof({ weight: 5, arbitrary: mutated(example) }, { weight: 1, arbitrary: fc.anything() }), (body) => {
          try {
            encodeAnswer(decodeAnswer(body));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
          }
        }),
        { numRuns: 2_000 },
      );
  });
});
