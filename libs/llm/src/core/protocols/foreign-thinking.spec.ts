import { type Fields } from '@apex/common';
import { type Answer } from '../dialogue/answer.js';
import { type Codec } from '../dialogue/codec.js';
import { type AssistantPart } from '../dialogue/conversation.js';
import { type Protocol } from '../dialogue/protocol.js';
import { codecs } from './index.js';
import { createOpenAiChatCodec, OPENAI_DIALECT } from './openai-chat/index.js';

const CLIENTS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'] as const;
const RAW = 'c2lnbmVk';
const MODELS: Readonly<Record<Protocol, string>> = { 'openai-chat': 'gpt-5.4', 'openai-responses': 'gpt-5.4', 'anthropic-messages': 'claude-sonnet-4-5', gemini: 'gemini-3-pro-preview' };

/** What a client sends that has put this answer into the history and has run the tool it calls. */
function history(client: Protocol, body: Fields): Fields {
  const told = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
  const model = 'm';
  switch (client) {
    case 'openai-chat': {
      const { message } = (told['choices'] as { message: { tool_calls: { id: string }[] } }[])[0]!;
      return { model, messages: [{ role: 'user', content: 'Go.' }, message, { role: 'tool', tool_call_id: message.tool_calls[0]!.id, content: 'seen' }] };
    }
    case 'openai-responses': {
      const output = told['output'] as { type: string; call_id: string }[];
      return { model, input: [{ role: 'user', content: 'Go.' }, ...output, { type: 'function_call_output', call_id: output.find(({ type }) => type === 'function_call')!.call_id, output: 'seen' }] };
    }
    case 'anthropic-messages': {
      const content = told['content'] as { type: string; id: string }[];
      return { model, max_tokens: 4096, messages: [{ role: 'user', content: 'Go.' }, { role: 'assistant', content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: content.find(({ type }) => type === 'tool_use')!.id, content: 'seen' }] }] };
    }
    case 'gemini': {
      const { content } = (told['candidates'] as { content: object }[])[0]!;
      return { model, contents: [{ role: 'user', parts: [{ text: 'Go.' }] }, content, { role: 'user', parts: [{ functionResponse: { name: 'look', response: { output: 'seen' } } }] }] };
    }
  }
}

const answerOf = (thinking: AssistantPart): Answer => ({
  id: 'a1', model: 'm', created: 1, usage: null,
  candidates: [{ index: 0, stop: 'tool_calls', stopSequence: null, parts: [thinking, { type: 'text', text: 'Wait.' }, { type: 'tool_call', id: 'call_1', name: 'look', arguments: '{}' }] }],
});

/** The next request of a conversation that began with another provider, as this one gets it. */
function asked(client: Protocol, target: Codec, thinking: AssistantPart): { body: string; ignored: readonly string[] } {
  const decoded = codecs[client].decodeRequest(history(client, codecs[client].encodeAnswer(answerOf(thinking))));
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  const encoded = target.encodeRequest({ ...decoded.value, model: MODELS[target.protocol], maxOutputTokens: 4096, reasoning: { enabled: true, effort: 'low', budgetTokens: null } });
  if (!encoded.ok) throw new Error(JSON.stringify(encoded.problems));
  return { body: JSON.stringify(encoded.value.body), ignored: encoded.value.ignoredHints ?? [] };
}

const thinkings = (by: Protocol): readonly (readonly [string, AssistantPart])[] => [
  ['told', { type: 'thinking', text: 'Hm.', signature: { by, value: RAW } }],
  ['untold', { type: 'thinking', text: '', signature: { by, value: RAW } }],
  ['redacted', { type: 'redacted_thinking', data: { by, value: RAW } }],
];

const cases = CLIENTS.flatMap((client) =>
  CLIENTS.flatMap((signer) => CLIENTS.filter((target) => target !== 'openai-chat').flatMap((target) => thinkings(signer).map(([how, part]) => [client, how, signer, target, part] as const))),
);

describe('thinking within a conversation that goes on with another provider', () => {
  it.each(cases)('told by %s: %s, signed by %s, goes to %s only if that is whose it is, else is left out and named', (client, _how, signer, target, part) => {
    const { body, ignored } = asked(client, codecs[target], part);
    const goes = signer === target && !(target === 'gemini' && part.type === 'redacted_thinking');
    expect(body.includes(RAW)).toBe(goes);
    // A Claude that thinks by a budget cannot begin to in the middle of a turn.
    expect(ignored).toEqual(goes ? [] : ['turns[1].parts[0]', ...(target === 'anthropic-messages' ? ['reasoning'] : [])]);
    expect(body).not.toContain(Buffer.from(`apex:${signer}:${RAW}`).toString('base64'));
    expect(body).toContain('Wait.');
  });

  it('goes to a chat provider that takes reasoning, whosever it is, and says whose', () => {
    const chat = createOpenAiChatCodec({ ...OPENAI_DIALECT, reasoning: 'echo' });
    for (const [client, format] of [['anthropic-messages', 'google-gemini-v1'], ['openai-responses', 'google-gemini-v1'], ['openai-chat', 'google-gemini-v1']] as const) {
      for (const [, part] of thinkings('gemini')) expect(JSON.parse(asked(client, chat, part).body)).toMatchObject({ messages: [{}, { reasoning_details: [{ format }] }, {}] });
    }
    expect(asked('anthropic-messages', codecs['openai-chat'], thinkings('anthropic-messages')[0]![1]).ignored).toEqual(['turns[1].parts[0]']);
  });

  it('takes a turn with it that was nothing else, and joins those around it', () => {
    const user = (text: string) => ({ role: 'user' as const, parts: [{ type: 'text' as const, text }] });
    const turns = [user('a'), { role: 'assistant' as const, parts: [thinkings('gemini')[0]![1]] }, user('b')];
    const decoded = codecs['openai-chat'].decodeRequest({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
    if (!decoded.ok) throw new Error('unreachable');
    for (const target of ['anthropic-messages', 'openai-responses'] as const) {
      const encoded = codecs[target].encodeRequest({ ...decoded.value, model: MODELS[target], turns });
      expect(encoded).toMatchObject({ ok: true, value: { ignoredHints: ['turns[1].parts[0]'] } });
      expect(JSON.stringify(encoded)).not.toMatch(/assistant|Hm\./);
    }
  });
});
