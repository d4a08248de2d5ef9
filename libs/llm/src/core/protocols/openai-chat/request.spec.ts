import { type Conversation } from '../../dialogue/conversation.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { REQUEST } from './golden/openai.js';
import { createOpenAiChatCodec, OPENAI_DIALECT, openAiChatCodec } from './index.js';

const minimal = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
const decode = (more: object): Conversation => {
  const decoded = openAiChatCodec.decodeRequest({ ...minimal, ...more });
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  return decoded.value;
};
const problems = (more: object): unknown[] => {
  const decoded = openAiChatCodec.decodeRequest({ ...minimal, ...more });
  return decoded.ok ? [] : decoded.problems.map(({ kind, param }) => [kind, param]);
};
const user = (...content: object[]): object => ({ messages: [{ role: 'user', content }] });
const encode = (more: Partial<Conversation>, dialect = OPENAI_DIALECT) => createOpenAiChatCodec(dialect).encodeRequest({ ...decode({}), ...more });
const body = (more: Partial<Conversation>): Record<string, unknown> => {
  const encoded = encode(more);
  if (!encoded.ok) throw new Error(JSON.stringify(encoded.problems));
  return encoded.value.body;
};

describe('decodeRequest', () => {
  it("reads OpenAI's example whole", () => {
    const { ok, ...read } = openAiChatCodec.decodeRequest(REQUEST);
    expect(ok).toBe(true);
    expect(read).toMatchObject({
      value: {
        model: 'gpt-5.4',
        system: [{ type: 'text', text: 'You are a helpful assistant.' }],
        turns: [
          { role: 'user', parts: [{ type: 'text', text: "What's in this image?" }, { type: 'image', source: { kind: 'url', url: 'https://example.com/boardwalk.jpg' }, detail: 'high' }] },
          { role: 'assistant', parts: [{ type: 'tool_call', id: 'call_abc123', name: 'get_current_weather', arguments: '{"location":"Boston, MA"}' }] },
          { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'call_abc123', content: [{ type: 'text', text: '22 C' }], isError: false }] },
        ],
        tools: [{ name: 'get_current_weather', strict: true }],
        toolChoice: { kind: 'auto' },
        maxOutputTokens: 300,
        candidates: 1,
        stream: false,
      },
    });
  });

  it('takes leading instructions as the system, later ones as turns, and tool messages in a row as one turn', () => {
    const messages = [
      { role: 'system', content: 'a' },
      { role: 'developer', content: [{ type: 'text', text: 'b' }] },
      { role: 'user', content: 'c' },
      { role: 'system', content: 'd' },
      { role: 'assistant', tool_calls: ['1', '2'].map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '' } })) },
      { role: 'tool', tool_call_id: '1', content: 'x' },
      { role: 'tool', tool_call_id: '2', content: [{ type: 'text', text: 'y' }] },
    ];
    const conversation = decode({ messages });
    expect(conversation.system.map((part) => part.text)).toEqual(['a', 'b']);
    expect(conversation.turns.map((turn) => turn.role)).toEqual(['user', 'system', 'assistant', 'user']);
    expect(conversation.turns[2]?.parts).toMatchObject([{ id: '1', arguments: '{}' }, { id: '2', arguments: '{}' }]);
    expect(conversation.turns[3]?.parts).toMatchObject([{ toolCallId: '1' }, { toolCallId: '2' }]);
  });

  it('reads images and files that are in the body, and breakpoints of the cache', () => {
    const [image, bare, file] = decode(
      user(
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' }, prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
        { type: 'file', file: { file_data: 'AAAA', filename: null } },
        { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' } },
      ),
    ).turns[0]?.parts ?? [];
    expect(image).toEqual({ type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' }, detail: null, cache: { ttl: null } });
    expect(bare).toEqual({ type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' }, name: null });
    expect(file).toMatchObject({ name: 'a.pdf' });
  });

  it('reads every way to say a thing', () => {
    expect(decode({ stop: 'a' }).stop).toEqual(['a']);
    expect(decode({ max_tokens: 5 }).maxOutputTokens).toBe(5);
    expect(decode({ max_tokens: 5, max_completion_tokens: 5 }).maxOutputTokens).toBe(5);
    expect(decode({ user: 'u' }).endUser).toBe('u');
    expect(decode({ safety_identifier: 's' }).endUser).toBe('s');
    expect(decode({ reasoning_effort: 'none' }).reasoning).toEqual({ enabled: false, effort: null, budgetTokens: null });
    expect(decode({ reasoning_effort: 'xhigh' }).reasoning).toEqual({ enabled: true, effort: 'xhigh', budgetTokens: null });
    expect(decode({ tool_choice: { type: 'function', function: { name: 'f' } } }).toolChoice).toEqual({ kind: 'tool', name: 'f' });
    expect(decode({ response_format: { type: 'json_object' } }).output).toEqual({ kind: 'json' });
    expect(decode({ stream: true, stream_options: { include_usage: true, include_obfuscation: false } }).stream).toBe(true);
    expect(decode({ temperature: 0, seed: 0, presence_penalty: 0 })).toMatchObject({ temperature: 0, seed: 0, presencePenalty: 0 });
  });

  it('takes null for absent, and passes hints and echoes of an answer over', () => {
    const nothing = Object.fromEntries(['logit_bias', 'audio', 'functions', 'function_call', 'logprobs', 'top_logprobs', 'tools', 'tool_choice', 'stop', 'response_format', 'stream_options', 'verbosity', 'web_search_options', 'moderation', 'what_is_this'].map((name) => [name, null]));
    const hints = { store: false, service_tier: 'auto', metadata: { a: 'b' }, prompt_cache_key: 'k', prompt_cache_retention: '24h', prompt_cache_options: { mode: 'implicit' }, prediction: { type: 'content', content: 'x' }, modalities: ['text'], logprobs: false, top_logprobs: 0, logit_bias: {} };
    expect(decode({ ...nothing, ...hints })).toEqual(decode({}));
    const echo = { role: 'assistant', content: 'a', refusal: null, annotations: [], audio: null, function_call: null, parsed: null, reasoning: 'r', reasoning_content: 'r', reasoning_details: [{ type: 'reasoning.text', text: 'r' }, { type: 'unheard_of' }, 7] };
    expect(decode({ messages: [...minimal.messages, echo] }).turns[1]).toEqual({ role: 'assistant', parts: [{ type: 'text', text: 'a' }] });
    const result = { role: 'tool', tool_call_id: 'c', content: 'r' };
    expect(decode({ messages: [...minimal.messages, { ...result, name: 'f' }] })).toEqual(decode({ messages: [...minimal.messages, result] }));
  });

  it('carries signed reasoning and signed calls over', () => {
    const echo = {
      role: 'assistant',
      content: null,
      reasoning_content: 'r',
      reasoning_details: [{ type: 'reasoning.text', text: 'r', signature: 's' }, { type: 'reasoning.encrypted', data: 'd' }],
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{}', parsed_arguments: {} }, extra_content: { google: { thought_signature: 't' } } }],
    };
    expect(decode({ messages: [...minimal.messages, echo] }).turns[1]?.parts).toEqual([
      { type: 'thinking', text: 'r', signature: { by: 'openai-chat', value: 's' } },
      { type: 'redacted_thinking', data: { by: 'openai-chat', value: 'd' } },
      { type: 'tool_call', id: 'c', name: 'f', arguments: '{}', signature: 't' },
    ]);
    // As Apex tells it to clients: within the id, by which the result is tied to the call as well.
    const id = sealedId('c', 't');
    const messages = [{ role: 'assistant', tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: id, content: 'x' }];
    expect(decode({ messages }).turns).toMatchObject([{ parts: [{ id: 'c', signature: 't' }] }, { parts: [{ toolCallId: 'c' }] }]);
  });

  it.each<[string, object, string]>([
    ['logit_bias', { logit_bias: { 1: 5 } }, 'logit_bias'],
    ['logprobs', { logprobs: true }, 'logprobs'],
    ['top_logprobs', { top_logprobs: 2 }, 'top_logprobs'],
    ['functions', { functions: [{ name: 'f' }] }, 'functions'],
    ['function_call', { function_call: 'auto' }, 'function_call'],
    ['audio', { audio: { format: 'wav', voice: 'alloy' } }, 'audio'],
    ['modalities', { modalities: ['text', 'audio'] }, 'modalities'],
    ['verbosity', { verbosity: 'low' }, 'verbosity'],
    ['web_search_options', { web_search_options: {} }, 'web_search_options'],
    ['moderation', { moderation: { model: 'x' } }, 'moderation'],
    ['store', { store: true }, 'store'],
    ['service_tier', { service_tier: 'flex' }, 'service_tier'],
    ['an unknown member', { top_k: 5 }, 'top_k'],
    ['an unknown option of streams', { stream: true, stream_options: { x: 1 } }, 'stream_options.x'],
    ['two ids of the user', { user: 'a', safety_identifier: 'b' }, 'user'],
    ['a custom tool', { tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0]'],
    ['an unknown member of a tool', { tools: [{ type: 'function', function: { name: 'f', returns: {} } }] }, 'tools[0].function.returns'],
    ['a choice of some tools', { tool_choice: { type: 'allowed_tools', allowed_tools: {} } }, 'tool_choice'],
    ['a name of a participant', { messages: [{ role: 'user', content: 'x', name: 'Bob' }] }, 'messages[0].name'],
    ['a deprecated role', { messages: [...minimal.messages, { role: 'function', name: 'f', content: 'x' }] }, 'messages[1]'],
    ['a deprecated call', { messages: [{ role: 'assistant', content: 'x', function_call: { name: 'f', arguments: '' } }] }, 'messages[0].function_call'],
    ['earlier audio', { messages: [{ role: 'assistant', content: 'x', audio: { id: 'a' } }] }, 'messages[0].audio'],
    ['a custom call', { messages: [{ role: 'assistant', tool_calls: [{ id: 'c', type: 'custom', custom: {} }] }] }, 'messages[0].tool_calls[0]'],
    ['spoken input', user({ type: 'text', text: 'x' }, { type: 'input_audio', input_audio: { data: '', format: 'wav' } }), 'messages[0].content[1]'],
    ['an uploaded file', user({ type: 'file', file: { file_data: 'AAAA', file_id: 'f' } }), 'messages[0].content[0].file.file_id'],
    ['the original detail', user({ type: 'image_url', image_url: { url: 'https://a/b', detail: 'original' } }), 'messages[0].content[0].image_url.detail'],
    ['an image among instructions', { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: { url: 'https://a/b' } }] }] }, 'messages[0].content[0]'],
  ])('names what cannot be carried over: %s', (_name, more, param) => {
    expect(problems(more)).toEqual([['inexpressible', param]]);
  });

  it.each<[string, object, string]>([
    ['no model', { model: undefined }, 'model'],
    ['an empty model', { model: '' }, 'model'],
    ['no messages', { messages: [] }, 'messages'],
    ['messages that are no list', { messages: {} }, 'messages'],
    ['a message that is no object', { messages: ['x'] }, 'messages[0]'],
    ['an unknown role', { messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
    ['content of a wrong type', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    ['no content', { messages: [{ role: 'user' }] }, 'messages[0].content'],
    ['an answer that says nothing', { messages: [{ role: 'assistant', content: null }] }, 'messages[0].content'],
    ['a text part without text', user({ type: 'text' }), 'messages[0].content[0].text'],
    ['a data URL that is not base64', user({ type: 'image_url', image_url: { url: 'data:image/png,AAAA' } }), 'messages[0].content[0].image_url.url'],
    ['a file without data', user({ type: 'file', file: {} }), 'messages[0].content[0].file.file_data'],
    ['a tool message without an id', { messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
    ['a temperature that is too high', { temperature: 2.1 }, 'temperature'],
    ['a temperature that is a text', { temperature: '1' }, 'temperature'],
    ['no answers', { n: 0 }, 'n'],
    ['half a token', { max_tokens: 1.5 }, 'max_tokens'],
    ['two limits', { max_tokens: 1, max_completion_tokens: 2 }, 'max_tokens'],
    ['five stop sequences', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    ['an unknown effort', { reasoning_effort: 'huge' }, 'reasoning_effort'],
    ['options of no stream', { stream_options: { include_usage: true } }, 'stream_options'],
    ['a schema without a name', { response_format: { type: 'json_schema', json_schema: { schema: {} } } }, 'response_format.json_schema.name'],
    ['a tool without a name', { tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
  ])('names what is wrong: %s', (_name, more, param) => {
    expect(problems(more)).toEqual([['invalid', param]]);
  });

  it('tells all problems at once, and refuses a body that is no object', () => {
    expect(problems({ logit_bias: { 1: 1 }, temperature: 'x', verbosity: 'low' })).toHaveLength(3);
    expect(openAiChatCodec.decodeRequest('x')).toMatchObject({ ok: false, problems: [{ kind: 'invalid', param: '' }] });
  });
});

describe('encodeRequest', () => {
  it('asks for the usage of a stream, and says nothing that was not said', () => {
    expect(body({ stream: true })).toEqual({ model: 'm', messages: [{ role: 'user', content: 'Hello' }], stream: true, stream_options: { include_usage: true } });
    expect(body({})).toEqual({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
  });

  it('speaks the dialect of the provider', () => {
    const encoded = encode({ stream: true, maxOutputTokens: 5 }, { reasoning: 'omit', maxTokens: 'max_tokens', streamUsage: false });
    expect(encoded).toMatchObject({ ok: true, value: { body: { max_tokens: 5 } } });
    expect(JSON.stringify(encoded)).not.toMatch(/max_completion_tokens|stream_options/);
  });

  it('says that a tool failed, and puts what a tool message cannot hold into a user message after all tool messages', () => {
    const image = { type: 'image' as const, source: { kind: 'base64' as const, mediaType: 'image/png', data: 'AAAA' }, detail: null };
    const turns: Conversation['turns'] = [
      {
        role: 'user',
        parts: [
          { type: 'tool_result', toolCallId: 'a', content: [{ type: 'text', text: 'see' }, image], isError: false },
          { type: 'tool_result', toolCallId: 'b', content: [{ type: 'text', text: 'boom' }], isError: true },
          { type: 'text', text: 'Go on.' },
        ],
      },
    ];
    expect(body({ turns })['messages']).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'see' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'The tool call failed.' }, { type: 'text', text: 'boom' }] },
      { role: 'user', content: [{ type: 'text', text: 'Attached to the result of tool call a:' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }, { type: 'text', text: 'Go on.' }] },
    ]);
  });

  it('leaves hints out and names them: breakpoints of the cache, and reasoning that OpenAI does not take back', () => {
    const turns: Conversation['turns'] = [
      { role: 'user', parts: [{ type: 'text', text: 'x', cache: { ttl: '1h' } }] },
      { role: 'assistant', parts: [{ type: 'thinking', text: 't', signature: { by: 'openai-chat', value: 's' } }, { type: 'tool_call', id: 'c', name: 'f', arguments: '{}', signature: 's' }] },
    ];
    const encoded = encode({ turns, tools: [{ name: 'f', description: null, parameters: null, strict: null, cache: { ttl: null } }] });
    expect(encoded).toMatchObject({ ok: true, value: { ignoredHints: ['turns[0].parts[0].cache', 'turns[1].parts[0]', 'turns[1].parts[1].signature', 'tools[0].cache'] } });
    expect(JSON.stringify(encoded.ok && encoded.value.body)).not.toMatch(/cache|reasoning|signature/);
  });

  it('sends reasoning back to who takes it, unsigned as its text alone', () => {
    const turns: Conversation['turns'] = [{ role: 'assistant', parts: [{ type: 'thinking', text: 't', signature: null }, { type: 'text', text: 'x' }] }];
    expect(encode({ turns }, { ...OPENAI_DIALECT, reasoning: 'echo' })).toMatchObject({ ok: true, value: { body: { messages: [{ role: 'assistant', content: 'x', reasoning_content: 't' }] } } });
  });

  it('says texts of documents as texts, and switched-on reasoning as the middle effort', () => {
    const document = { type: 'document' as const, source: { kind: 'text' as const, text: 'body' }, name: 'notes' };
    const written = body({ turns: [{ role: 'user', parts: [document, { ...document, name: null }] }], reasoning: { enabled: true, effort: null, budgetTokens: null } });
    expect(written).toMatchObject({ messages: [{ content: [{ type: 'text', text: 'notes\n\nbody' }, { type: 'text', text: 'body' }] }], reasoning_effort: 'medium' });
  });

  it.each<[string, Partial<Conversation>]>([
    ['topK', { topK: 5 }],
    ['logprobs', { logprobs: { top: 0 } }],
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['reasoning.budgetTokens', { reasoning: { enabled: true, effort: null, budgetTokens: 2048 } }],
    ['turns', { turns: [] }],
    ['turns[0].parts[0]', { turns: [{ role: 'user', parts: [{ type: 'document', source: { kind: 'url', url: 'https://a/b.pdf' }, name: null }] }] }],
    ['turns[0].parts[0].content[0]', { turns: [{ role: 'user', parts: [{ type: 'tool_result', toolCallId: 'a', isError: false, content: [{ type: 'document', source: { kind: 'base64', mediaType: 'text/csv', data: 'AAAA' }, name: null }] }] }] }],
  ])('refuses %s by name', (param, more) => {
    expect(encode(more)).toMatchObject({ ok: false, problems: [{ kind: 'inexpressible', param }] });
  });
});
