import { sealedId } from '../dialogue/sealed-ids.js';
import { sealedSignature } from '../dialogue/signatures.js';
import { unsealed } from './unsealed.js';

const ID = sealedId('call_1', 'Q2lRQg==');
const foreign = (own: 'anthropic-messages' | 'openai-responses'): string => sealedSignature({ by: 'gemini', value: 'c2ln' }, own);
const opened = (protocol: Parameters<typeof unsealed>[0], body: unknown) => {
  const result = unsealed(protocol, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  return result === null ? null : { body: JSON.parse(result.body.toString()) as unknown, leftOut: result.leftOut };
};

describe('unsealed', () => {
  it("leaves Anthropic's messages without other providers' thinking, and calls with their own ids", () => {
    const thought = { type: 'thinking', thinking: 'Hm.', signature: foreign('anthropic-messages') };
    const own = { type: 'thinking', thinking: 'Mine.', signature: 'EqQB' };
    const call = { type: 'tool_use', id: ID, name: 'f', input: {} };
    const result = { type: 'tool_result', tool_use_id: ID, content: 'x' };
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: [thought] },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: [thought, { type: 'redacted_thinking', data: foreign('anthropic-messages') }, own, call] },
      { role: 'user', content: [result] },
    ];
    expect(opened('anthropic-messages', { model: 'm', messages, kept: null })).toEqual({
      body: { model: 'm', messages: [messages[0], messages[2], { role: 'assistant', content: [own, { ...call, id: 'call_1' }] }, { role: 'user', content: [{ ...result, tool_use_id: 'call_1' }] }], kept: null },
      leftOut: ['messages[1].content[0]', 'messages[3].content[0]', 'messages[3].content[1]', 'messages[3].content[3].id'],
    });
  });

  it.each([
    ['thinks no more', undefined, undefined],
    ['keeps other context editing', { edits: [{ type: 'clear_thinking_20251015' }, { type: 'clear_tool_uses_20250919' }] }, { edits: [{ type: 'clear_tool_uses_20250919' }] }],
    ['edits no thinking', { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, undefined],
  ])('asks Anthropic for a turn that another provider began, which %s', (_what, management, kept) => {
    const thinking = { type: 'enabled', budget_tokens: 1024 };
    const unsigned = { type: 'thinking', thinking: 'Hm.', signature: sealedSignature(null, 'anthropic-messages') };
    const waiting = [{ role: 'assistant', content: [unsigned, { type: 'tool_use', id: 't', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't' }] }];
    const request = { thinking, messages: [{ role: 'user', content: 'a' }, ...waiting], ...(management && { context_management: management }) };
    expect(opened('anthropic-messages', request)).toMatchObject({ leftOut: ['messages[1].content[0]', 'thinking'] });
    expect(opened('anthropic-messages', request)?.body).toEqual({ messages: [request.messages[0], { role: 'assistant', content: [waiting[0]!.content[1]] }, waiting[1]], ...(kept && { context_management: kept }) });
    // With the turn after it the model may think again.
    const next = { ...request, messages: [...request.messages, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }] };
    expect(opened('anthropic-messages', next)).toMatchObject({ body: { thinking }, leftOut: ['messages[1].content[0]'] });
  });

  it("leaves responses' input without other providers' reasoning", () => {
    const input = [
      'text', null,
      { type: 'reasoning', summary: [], encrypted_content: foreign('openai-responses') },
      { type: 'reasoning', summary: [], encrypted_content: 'gAAA' },
      { type: 'function_call', call_id: ID, name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: ID, output: 'x' },
    ];
    expect(opened('openai-responses', { input })).toEqual({
      body: { input: ['text', null, input[3], { ...(input[4] as object), call_id: 'call_1' }, { ...(input[5] as object), call_id: 'call_1' }] },
      leftOut: ['input[2]', 'input[4].call_id'],
    });
  });

  it('gives calls of a chat ids that OpenAI takes', () => {
    const call = { id: ID, type: 'function', function: { name: 'f', arguments: '{}' } };
    expect(opened('openai-chat', { messages: [{ role: 'assistant', tool_calls: [call, { ...call, id: 'call_2' }] }, { role: 'tool', tool_call_id: ID, content: '' }] })).toEqual({
      body: { messages: [{ role: 'assistant', tool_calls: [{ ...call, id: 'call_1' }, { ...call, id: 'call_2' }] }, { role: 'tool', tool_call_id: 'call_1', content: '' }] },
      leftOut: ['messages[0].tool_calls[0].id'],
    });
  });

  it('keeps numbers that no double holds', () => {
    const text = `{"messages":[{"role":"tool","tool_call_id":"${ID}","content":""}],"seed":12345678901234567890,"temperature":0.10}`;
    expect(unsealed('openai-chat', Buffer.from(text))?.body.toString()).toContain('"seed":12345678901234567890,"temperature":0.1');
  });

  it.each([
    ['nothing sealed', { messages: [{ role: 'user', content: 'x' }] }],
    ['a text that looks sealed', { messages: [{ role: 'user', content: `${ID} ${foreign('anthropic-messages')}` }] }],
    ['an id that only looks sealed', { messages: [{ role: 'tool', tool_call_id: 'a__sig__!' }] }],
    ['members that are none', { messages: [null, 7, { content: [null, 'YXBleD'], tool_calls: '__sig__' }] }],
    ['a body that is no object', '["__sig__"]'],
    ['a body that is no JSON', '{"__sig__":}'],
    ['nesting that nobody can write', `{"messages":[{"role":"tool","tool_call_id":"${ID}"}],"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ])('leaves the bytes alone where there is %s', (_what, body) => {
    for (const protocol of ['openai-chat', 'openai-responses', 'anthropic-messages'] as const) expect(opened(protocol, body)).toBeNull();
  });
});
