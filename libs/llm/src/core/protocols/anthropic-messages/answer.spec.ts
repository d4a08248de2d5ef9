import { type Answer } from '../../dialogue/answer.js';
import { ProtocolViolation } from '../../dialogue/codec.js';
import { decodeAnswer, encodeAnswer } from './answer.js';

const message = {
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5',
  content: [{ type: 'text', text: 'Hello!', citations: null }] as unknown[],
  stop_reason: 'end_turn' as string | null,
  stop_sequence: null as string | null,
  usage: { input_tokens: 12, output_tokens: 6 } as unknown,
};
const answer: Answer = {
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  model: 'claude-opus-5',
  created: 0,
  candidates: [{ index: 0, parts: [{ type: 'text', text: 'Hello!' }], stop: 'stop', stopSequence: null }],
  usage: { promptTokens: 12, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 6, reasoningTokens: 0 },
};

describe('answers', () => {
  it('are read and written', () => {
    expect(decodeAnswer(message)).toEqual(answer);
    expect(encodeAnswer(answer)).toMatchObject({ ...message, stop_details: null, usage: { input_tokens: 12, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 6 } });
  });

  it.each([
    ['end_turn', 'stop'],
    ['max_tokens', 'length'],
    ['stop_sequence', 'stop_sequence'],
    ['tool_use', 'tool_calls'],
    ['pause_turn', 'pause'],
    ['refusal', 'refusal'],
    ['model_context_window_exceeded', 'context'],
  ])('stop by %s', (stop_reason, stop) => {
    const read = decodeAnswer({ ...message, stop_reason, stop_sequence: 'END' });
    expect(read.candidates[0]).toMatchObject({ stop, stopSequence: 'END' });
    expect(encodeAnswer(read)).toMatchObject({ stop_reason, stop_sequence: 'END' });
  });

  it('tell why the provider declined', () => {
    const stop_details = { type: 'refusal', category: 'cyber', explanation: 'This could enable cyber harm.' };
    const read = decodeAnswer({ ...message, content: [], stop_reason: 'refusal', stop_details });
    expect(read.candidates[0]).toEqual({ index: 0, parts: [{ type: 'refusal', text: 'This could enable cyber harm.' }], stop: 'refusal', stopSequence: null });
    // Another provider's refusal ends like this one's own, whatever it calls the reason.
    expect(encodeAnswer({ ...answer, candidates: [{ index: 0, parts: [{ type: 'refusal', text: 'No.' }], stop: 'stop', stopSequence: null }] })).toMatchObject({ content: [], stop_reason: 'refusal', stop_details: { type: 'refusal', category: null, explanation: 'No.' } });
  });

  it('hold arguments that are no JSON object as text, and numbers as written', () => {
    const called = (text: string): unknown => (encodeAnswer({ ...answer, candidates: [{ index: 0, parts: [{ type: 'tool_call', id: 't', name: 'f', arguments: text }], stop: 'length', stopSequence: null }] })['content'] as unknown[])[0];
    expect(called('{"city":"Pa')).toMatchObject({ type: 'tool_use', input: { unparsed_arguments: '{"city":"Pa' } });
    expect(called('')).toMatchObject({ input: {} });
    expect(JSON.stringify(called('{"id":1234567890123456789}'))).toContain('"input":{"id":1234567890123456789}');
  });

  it('have zeros where no usage is known, as its counts are not optional', () => {
    expect(encodeAnswer({ ...answer, usage: null })).toMatchObject({ usage: { input_tokens: 0, output_tokens: 0 } });
    expect(decodeAnswer({ ...message, usage: undefined }).usage).toBeNull();
  });

  it.each<[string, unknown]>([
    ['no object', null],
    ['an error', { type: 'error', error: { type: 'api_error', message: 'm' } }],
    ['no stop reason', { ...message, stop_reason: null }],
    ['an unknown stop reason', { ...message, stop_reason: 'bored' }],
    ['a block that nothing asked for', { ...message, content: [{ type: 'server_tool_use', id: 's', name: 'n', input: {} }] }],
    ['an input that is no object', { ...message, content: [{ type: 'tool_use', id: 's', name: 'n', input: 'x' }] }],
  ])('with %s are violations', (_name, body) => {
    expect(() => decodeAnswer(body)).toThrow(ProtocolViolation);
  });
});
