import fc from 'fast-check';
import type OpenAI from 'openai';
import { type Answer } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { answers, mutated } from '../../dialogue/dialogue.fakes.js';
import { asRefused, EXPRESSIBLE } from './expressible.fakes.js';
import { openAiResponsesCodec as codec } from './index.js';

/** As the documentation shows it: developers.openai.com/api/reference/resources/responses/methods/create. */
const documented = {
  id: 'resp_67cc', object: 'response', created_at: 1741476542, status: 'completed', completed_at: 1741476543, error: null, incomplete_details: null, instructions: null, max_output_tokens: null, model: 'gpt-4.1-2025-04-14',
  output: [
    { id: 'rs_1', type: 'reasoning', content: [], summary: [{ type: 'summary_text', text: 'A' }, { type: 'summary_text', text: 'B' }], encrypted_content: 'gAAA' },
    { id: 'rs_2', type: 'reasoning', summary: [] },
    { type: 'message', id: 'msg_67cc', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'In a peaceful grove...', annotations: [] }, { type: 'output_text', text: ' The end.', annotations: [] }] },
    { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '', status: 'completed' },
  ],
  parallel_tool_calls: true, previous_response_id: null, reasoning: { effort: null, summary: null }, store: true, temperature: 1.0, text: { format: { type: 'text' } }, tool_choice: 'auto', tools: [], top_p: 1.0, truncation: 'disabled',
  usage: { input_tokens: 36, input_tokens_details: { cached_tokens: 10 }, output_tokens: 87, output_tokens_details: { reasoning_tokens: 7 }, total_tokens: 123 },
  user: null, metadata: {},
};

const answer = (members: Partial<Answer['candidates'][number]>): Answer => ({ id: 'resp_1', model: 'm', created: 1, usage: null, candidates: [{ index: 0, parts: [], stop: 'stop', stopSequence: null, ...members }] });

describe('decodeAnswer', () => {
  it('reads the documented answer', () => {
    expect(codec.decodeAnswer(documented)).toEqual({
      id: 'resp_67cc',
      model: 'gpt-4.1-2025-04-14',
      created: 1741476542,
      usage: { promptTokens: 36, cachedTokens: 10, cacheWriteTokens: 0, completionTokens: 87, reasoningTokens: 7 },
      candidates: [
        {
          index: 0,
          parts: [
            { type: 'thinking', text: 'A\n\nB', signature: { by: 'openai-responses', value: 'gAAA' } },
            { type: 'text', text: 'In a peaceful grove...' },
            { type: 'text', text: ' The end.' },
            { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{}' },
          ],
          stop: 'tool_calls',
          stopSequence: null,
        },
      ],
    });
  });

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'refusal'],
    ['max_messages', 'pause'],
    ['something new', 'length'],
  ])('takes incomplete for %s as %s', (reason, stop) => {
    expect(codec.decodeAnswer({ ...documented, status: 'incomplete', incomplete_details: { reason } }).candidates[0]?.stop).toBe(stop);
  });

  it("reads an open model's reasoning", () => {
    const output = [{ type: 'reasoning', id: 'rs', summary: [], content: [{ type: 'reasoning_text', text: 'Let me see.' }] }];
    expect(codec.decodeAnswer({ ...documented, output }).candidates[0]?.parts).toEqual([{ type: 'thinking', text: 'Let me see.', signature: null }]);
  });

  it.each([
    ['nothing', null],
    ['an answer that failed', { ...documented, status: 'failed', error: { code: 'server_error', message: 'Sorry.' } }],
    ['an answer that is not finished', { ...documented, status: 'in_progress' }],
    ['no output', { ...documented, output: undefined }],
    ['no id', { ...documented, id: undefined }],
    ['an item that nobody asked for', { ...documented, output: [{ type: 'web_search_call', id: 'ws' }] }],
    ['an unknown content', { ...documented, output: [{ type: 'message', content: [{ type: 'output_audio' }] }] }],
    ['a type nested deep', { ...documented, output: [{ type: JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown }] }],
    ['a call without id', { ...documented, output: [{ type: 'function_call', name: 'f', arguments: '{}' }] }],
  ])('throws for %s', (_what, body) => {
    expect(() => codec.decodeAnswer(body)).toThrow(ProtocolViolation);
  });

  it('gives an answer or a violation for whatever comes', () => {
    let violations = 0;
    fc.assert(
      fc.property(mutated(documented), (body) => {
        try {
          expect(codec.decodeAnswer(body).candidates).toHaveLength(1);
        } catch (error) {
          if (!(error instanceof ProtocolViolation)) throw error;
          violations += 1;
        }
      }),
      { numRuns: 3000 },
    );
    expect(violations).toBeGreaterThan(300);
  });
});

describe('encodeAnswer', () => {
  it('is read back as it was', () => {
    fc.assert(
      fc.property(answers(EXPRESSIBLE).map(asRefused), (one) => expect(codec.decodeAnswer(JSON.parse(JSON.stringify(codec.encodeAnswer(one))))).toEqual(one)),
      { numRuns: 400 },
    );
  });

  it("has every member that the SDK's type promises", () => {
    const encoded = codec.encodeAnswer(answer({ parts: [{ type: 'text', text: 'x' }, { type: 'tool_call', id: 'c', name: 'f', arguments: '{}' }] }));
    expect(Object.keys(encoded)).toEqual(expect.arrayContaining(Object.keys(RESPONSE)));
    const [message, call] = encoded['output'] as object[];
    expect(Object.keys(message ?? {})).toEqual(expect.arrayContaining(Object.keys(MESSAGE)));
    expect(Object.keys(call ?? {})).toEqual(expect.arrayContaining(Object.keys(CALL)));
    const counted = codec.encodeAnswer({ ...answer({}), usage: { promptTokens: 9, cachedTokens: 3, cacheWriteTokens: 2, completionTokens: 5, reasoningTokens: 4 } });
    expect(counted['usage']).toEqual({ input_tokens: 9, input_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 }, output_tokens: 5, output_tokens_details: { reasoning_tokens: 4 }, total_tokens: 14 } satisfies OpenAI.Responses.ResponseUsage);
  });

  it.each<[Answer['candidates'][number]['stop'], object]>([
    ['stop', { status: 'completed', incomplete_details: null }],
    ['stop_sequence', { status: 'completed', incomplete_details: null }],
    ['length', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }],
    ['context', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }],
    ['refusal', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }],
    ['pause', { status: 'incomplete', incomplete_details: { reason: 'max_messages' } }],
  ])('tells %s', (stop, members) => {
    expect(codec.encodeAnswer(answer({ stop, parts: [{ type: 'text', text: 'x' }] }))).toMatchObject(members);
  });

  it('marks the item that was cut off', () => {
    const { output } = codec.encodeAnswer(answer({ stop: 'length', parts: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }));
    expect(output).toMatchObject([{ status: 'completed' }, { status: 'incomplete' }]);
  });

  it('tells a refusal in the words of the model', () => {
    expect(codec.encodeAnswer(answer({ stop: 'refusal', parts: [{ type: 'refusal', text: 'No.' }] }))).toMatchObject({ status: 'completed', output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }] });
  });
});

type RequiredOf<T> = { [K in keyof T as Record<never, never> extends Pick<T, K> ? never : K]: true };

// The compiler knows when the SDK demands more. `output_text` is the SDK's own: it is not on the wire.
const RESPONSE: Omit<RequiredOf<OpenAI.Responses.Response>, 'output_text'> = {
  id: true, access_programs: true, created_at: true, error: true, incomplete_details: true, instructions: true, metadata: true, model: true, object: true, output: true, parallel_tool_calls: true, temperature: true, tool_choice: true, tools: true, top_p: true,
};
const MESSAGE: RequiredOf<OpenAI.Responses.ResponseOutputMessage> = { id: true, content: true, role: true, status: true, type: true };
const CALL: RequiredOf<OpenAI.Responses.ResponseFunctionToolCallItem> = { id: true, status: true, arguments: true, call_id: true, name: true, type: true };
