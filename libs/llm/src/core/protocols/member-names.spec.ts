import { isFields } from '@apex/common';
import fc from 'fast-check';
import { type Conversation } from '../dialogue/conversation.js';
import { conversations } from '../dialogue/dialogue.fakes.js';
import { type Protocol } from '../dialogue/protocol.js';
import { codecs } from './index.js';
import { createOpenAiChatCodec, OPENAI_DIALECT } from './openai-chat/index.js';

const writers = { ...codecs, 'openai-chat': createOpenAiChatCodec({ ...OPENAI_DIALECT, reasoning: 'echo' }) };

/** `messages[0].content` of a body. */
const valueAt = (body: unknown, name: string): unknown =>
  name.split(/[.[\]]+/).filter((key) => key !== '').reduce<unknown>((holder, key) => (Array.isArray(holder) ? holder[Number(key)] : isFields(holder) ? holder[key] : undefined), body);

/** A body, and the conversation that it is read as. */
function readBack(protocol: Protocol, conversation: Conversation): { body: unknown; read: Conversation } | null {
  const encoded = writers[protocol].encodeRequest(conversation);
  if (!encoded.ok) return null;
  const body = JSON.parse(JSON.stringify({ ...encoded.value.body, model: 'm' })) as unknown;
  const decoded = codecs[protocol].decodeRequest(body);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  return { body, read: decoded.value };
}

const CAPABILITIES = { logprobs: false, topK: false, seed: false, penalties: false, candidates: false, stopSequences: 0, midSystem: false, json: false, reasoning: false, parallelTools: false };

describe.each(['openai-chat', 'openai-responses', 'anthropic-messages'] as const)('the names that a client of %s knows', (protocol) => {
  it('lead to what was read, wherever it stands', () => {
    let seen = 0;
    fc.assert(
      fc.property(conversations({ ...CAPABILITIES, signers: [protocol], thinkingSignatures: 'required' }), (conversation) => {
        const both = readBack(protocol, conversation);
        if (both === null) return;
        const { body, read } = both;
        const names = codecs[protocol].namesIn(body);
        read.system.forEach(({ text }, index) => expect(JSON.stringify(valueAt(body, names(`system[${index}]`)))).toContain(JSON.stringify(text)));
        read.turns.forEach((turn, t) => {
          expect(valueAt(body, names(`turns[${t}]`))).toBeDefined();
          turn.parts.forEach((part, p) => {
            const path = `turns[${t}].parts[${p}]`;
            const said = valueAt(body, names(path));
            expect(said).toBeDefined();
            if (part.type === 'text' || part.type === 'refusal') expect(JSON.stringify(said)).toContain(JSON.stringify(part.text));
            if (part.type === 'tool_call') expect(JSON.stringify(valueAt(body, names(`${path}.arguments`)))).toBeDefined();
            if (part.type === 'tool_result') expect(valueAt(body, names(`${path}.toolCallId`))).toBe(part.toolCallId);
            if (part.type === 'image' && part.source.kind === 'url') expect(JSON.stringify(valueAt(body, names(`${path}.source.url`)))).toContain(JSON.stringify(part.source.url));
            seen += 1;
          });
        });
        read.tools.forEach(({ name, parameters }, index) => {
          expect(valueAt(body, names(`tools[${index}].name`))).toBe(name);
          if (parameters !== null) expect(valueAt(body, names(`tools[${index}].parameters`))).toEqual(parameters);
        });
      }),
      { numRuns: 1_000 },
    );
    expect(seen).toBeGreaterThan(1_000);
  });
});

describe('the names of members', () => {
  const chat = {
    model: 'm',
    messages: [
      { role: 'system', content: 'a' },
      { role: 'developer', content: [{ type: 'text', text: 'b' }, { type: 'text', text: 'c' }] },
      { role: 'user', content: [{ type: 'text', text: 'd' }, { type: 'image_url', image_url: { url: 'https://x' } }] },
      { role: 'assistant', content: 'e', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }, { type: 'reasoning.encrypted', data: 'x' }], tool_calls: [{ id: '1' }, { id: '2' }] },
      { role: 'tool', tool_call_id: '1', content: 'f' },
      { role: 'tool', tool_call_id: '2', content: 'g' },
      { role: 'user', content: 'h' },
    ],
    max_completion_tokens: 5,
  };
  const responses = {
    instructions: 'a',
    input: [
      { role: 'developer', content: 'b' },
      { role: 'user', content: [{ type: 'input_text', text: 'c' }, { type: 'input_image', image_url: 'x' }, { type: 'input_file', file_url: 'y' }] },
      { type: 'reasoning', summary: [] },
      { role: 'assistant', content: [{ type: 'output_text', text: 'd' }, { type: 'refusal', refusal: 'e' }] },
      { type: 'function_call', call_id: '1' },
      { type: 'function_call_output', call_id: '1', output: 'f' },
      { type: 'function_call_output', call_id: '2', output: [] },
      { role: 'user', content: 'g' },
    ],
    safety_identifier: 'u',
  };
  const messages = { system: [{ type: 'text', text: 'a' }], messages: [{ role: 'user', content: 'b' }, { role: 'assistant', content: [{ type: 'tool_use' }] }], output_format: {} };

  it.each<[Protocol, unknown, string, string]>([
    ['openai-chat', chat, 'system[0]', 'messages[0].content'],
    ['openai-chat', chat, 'system[2]', 'messages[1].content[1]'],
    ['openai-chat', chat, 'turns[0].parts[1].detail', 'messages[2].content[1].image_url.detail'],
    ['openai-chat', chat, 'turns[0].parts[1].source.mediaType', 'messages[2].content[1].image_url.url'],
    ['openai-chat', chat, 'turns[1]', 'messages[3]'],
    ['openai-chat', chat, 'turns[1].parts[0]', 'messages[3].reasoning_details[1]'],
    ['openai-chat', chat, 'turns[1].parts[3].arguments', 'messages[3].tool_calls[1].function.arguments'],
    ['openai-chat', chat, 'turns[2].parts[1].toolCallId', 'messages[5].tool_call_id'],
    ['openai-chat', chat, 'turns[3].parts[0]', 'messages[6].content'],
    ['openai-chat', chat, 'turns[9]', 'turns[9]'],
    ['openai-chat', chat, 'maxOutputTokens', 'max_completion_tokens'],
    ['openai-chat', { user: 'u' }, 'endUser', 'user'],
    ['openai-chat', chat, 'output.schema.properties.a', 'response_format.json_schema.schema.properties.a'],
    ['openai-chat', chat, 'reasoning.effort', 'reasoning_effort'],
    ['openai-chat', chat, 'tools[1].name', 'tools[1].function.name'],
    ['openai-responses', responses, 'system[1]', 'input[0].content'],
    ['openai-responses', responses, 'turns[0].parts[1].source.url', 'input[1].content[1].image_url'],
    ['openai-responses', responses, 'turns[0].parts[2].name', 'input[1].content[2].filename'],
    ['openai-responses', responses, 'turns[1].parts[0]', 'input[2]'],
    ['openai-responses', responses, 'turns[1].parts[2]', 'input[3].content[1]'],
    ['openai-responses', responses, 'turns[1].parts[3].signature', 'input[4].call_id'],
    ['openai-responses', responses, 'turns[2].parts[1].content[0].detail', 'input[6].output[0].detail'],
    ['openai-responses', { input: 'x' }, 'turns[0].parts[0]', 'input'],
    ['openai-responses', responses, 'endUser', 'safety_identifier'],
    ['anthropic-messages', messages, 'turns[0].parts[0]', 'messages[0].content'],
    ['anthropic-messages', messages, 'turns[1].parts[0].arguments', 'messages[1].content[0].input'],
    ['anthropic-messages', messages, 'topK', 'top_k'],
    ['anthropic-messages', messages, 'stop[1]', 'stop_sequences[1]'],
    ['anthropic-messages', messages, 'output.schema.items', 'output_format.schema.items'],
    ['anthropic-messages', {}, 'output', 'output_config.format'],
    ['anthropic-messages', messages, 'tools[0].parameters.properties.a', 'tools[0].input_schema.properties.a'],
    ['gemini', {}, 'turns[2].parts[1].source', 'contents[2]'],
    ['gemini', {}, 'stop', 'generationConfig.stopSequences'],
    ['gemini', {}, 'tools[3].name', 'tools'],
  ])('%s: %#', (protocol, body, member, name) => {
    expect(codecs[protocol].namesIn(body)(member)).toBe(name);
  });
});
