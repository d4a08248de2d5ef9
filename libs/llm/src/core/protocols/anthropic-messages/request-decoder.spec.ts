import { type Conversation } from '../../dialogue/conversation.js';
import { sealedId } from '../../dialogue/sealed-ids.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { decodeRequest, IGNORED_HINTS } from './request-decoder.js';

const least = { model: 'claude-opus-5-5', max_tokens: 1024, messages: [{ role: 'user', content: 'Hello, Claude' }] };
const withContent = (block: unknown): unknown => ({ ...least, messages: [{ role: 'user', content: [block] }] });
const withAnswer = (block: unknown): unknown => ({ ...least, messages: [...least.messages, { role: 'assistant', content: [block] }] });

function taken(body: unknown): Conversation {
  const result = decodeRequest(body);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
}

const problems = (body: unknown): string[] => {
  const result = decodeRequest(body);
  return result.ok ? [] : result.problems.map(({ kind, param }) => `${kind} ${param}`);
};

const parts = (body: unknown): unknown => taken(body).turns.at(-1)?.parts;

describe('decodeRequest', () => {
  it('reads the least that a request is', () => {
    expect(taken(least)).toEqual({
      ...NOTHING_SAID,
      model: 'claude-opus-5-5',
      turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hello, Claude' }] }],
      maxOutputTokens: 1024,
    });
  });

  it('reads a turn of an agent, as the guides show it', () => {
    const conversation = taken({
      model: 'claude-opus-4-8',
      max_tokens: 4096,
      stream: true,
      system: [{ type: 'text', text: 'You are a weather bot.', cache_control: { type: 'ephemeral', ttl: '1h' } }, { type: 'text', text: 'Be brief.' }],
      metadata: { user_id: '13803d75-b4b5-4c3e-b2a2-6f21399b021b' },
      stop_sequences: ['END'],
      thinking: { type: 'adaptive', display: 'omitted' },
      output_config: { effort: 'xhigh', format: { type: 'json_schema', schema: { type: 'object', properties: {}, additionalProperties: false } } },
      tools: [
        { name: 'get_weather', description: 'Weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } }, strict: true, eager_input_streaming: true },
        { type: 'custom', name: 'now', input_schema: { type: 'object', properties: {} }, cache_control: { type: 'ephemeral' }, defer_loading: false, allowed_callers: ['direct'], input_examples: [] },
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      service_tier: 'auto',
      messages: [
        { role: 'user', content: 'Weather in Paris and Rome?' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Two calls.', signature: 'EqQB' },
            { type: 'redacted_thinking', data: 'EmwK' },
            { type: 'text', text: 'Looking.', citations: null },
            { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' }, caller: { type: 'direct' } },
            { type: 'tool_use', id: 'toolu_2', name: 'get_weather', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: '21 degrees' },
            { type: 'tool_result', tool_use_id: 'toolu_2', is_error: true, content: [{ type: 'text', text: 'no city' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBO' } }] },
            { type: 'text', text: 'Go on.', cache_control: { type: 'ephemeral', ttl: '5m' } },
          ],
        },
        { role: 'system', content: 'The user prefers Celsius.' },
      ],
    });
    expect(conversation).toMatchObject({
      system: [{ type: 'text', text: 'You are a weather bot.', cache: { ttl: '1h' } }, { type: 'text', text: 'Be brief.' }],
      tools: [
        { name: 'get_weather', description: 'Weather', parameters: { type: 'object' }, strict: true },
        { name: 'now', description: null, parameters: null, strict: null, cache: { ttl: null } },
      ],
      toolChoice: { kind: 'required' },
      parallelTools: false,
      endUser: '13803d75-b4b5-4c3e-b2a2-6f21399b021b',
      stop: ['END'],
      reasoning: { enabled: true, effort: 'xhigh', budgetTokens: null },
      output: { kind: 'json_schema', name: null, strict: true },
      stream: true,
    });
    expect(conversation.turns.slice(1)).toEqual([
      {
        role: 'assistant',
        parts: [
          { type: 'thinking', text: 'Two calls.', signature: { by: 'anthropic-messages', value: 'EqQB' } },
          { type: 'redacted_thinking', data: { by: 'anthropic-messages', value: 'EmwK' } },
          { type: 'text', text: 'Looking.' },
          { type: 'tool_call', id: 'toolu_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
          { type: 'tool_call', id: 'toolu_2', name: 'get_weather', arguments: '{}' },
        ],
      },
      {
        role: 'user',
        parts: [
          { type: 'tool_result', toolCallId: 'toolu_1', content: [{ type: 'text', text: '21 degrees' }], isError: false },
          { type: 'tool_result', toolCallId: 'toolu_2', content: [{ type: 'text', text: 'no city' }, { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBO' }, detail: null }], isError: true },
          { type: 'text', text: 'Go on.', cache: { ttl: '5m' } },
        ],
      },
      { role: 'system', parts: [{ type: 'text', text: 'The user prefers Celsius.' }] },
    ]);
  });

  it('reads documents of every source', () => {
    const read = (source: unknown): unknown => parts(withContent({ type: 'document', title: 'a.pdf', citations: { enabled: false }, context: null, source }));
    const text = [{ type: 'document', name: 'a.pdf', source: { kind: 'text', text: 'x' } }];
    expect(read({ type: 'base64', media_type: 'application/pdf', data: 'JVBE' })).toEqual([{ type: 'document', name: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBE' } }]);
    expect(read({ type: 'url', url: 'https://a.example/b.pdf' })).toEqual([{ type: 'document', name: 'a.pdf', source: { kind: 'url', url: 'https://a.example/b.pdf' } }]);
    expect(read({ type: 'text', media_type: 'text/plain', data: 'x' })).toEqual(text);
    expect(read({ type: 'content', content: 'x' })).toEqual(text);
    expect(read({ type: 'content', content: [{ type: 'text', text: 'x' }] })).toEqual(text);
  });

  it("puts the whole request's cache_control on its last block, where that takes one", () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' };
    expect(parts({ ...least, cache_control })).toEqual([{ type: 'text', text: 'Hello, Claude', cache: { ttl: '1h' } }]);
    expect(parts({ ...(withContent({ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }) as object), cache_control })).toEqual([{ type: 'text', text: 'x', cache: { ttl: null } }]);
    expect(parts({ ...(withAnswer({ type: 'thinking', thinking: 'x', signature: 's' }) as object), cache_control })).toEqual([{ type: 'thinking', text: 'x', signature: { by: 'anthropic-messages', value: 's' } }]);
  });

  it("restores another provider's signature over a call from the call's id, and the result's id with it", () => {
    const id = sealedId('call_1', 'CsIBAY/+=');
    const conversation = taken({ ...least, messages: [...least.messages, { role: 'assistant', content: [{ type: 'tool_use', id, name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: id }] }] });
    expect(conversation.turns.slice(1)).toEqual([
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'call_1', signature: 'CsIBAY/+=', name: 'f', arguments: '{}' }] },
      { role: 'user', parts: [{ type: 'tool_result', toolCallId: 'call_1', content: [], isError: false }] },
    ]);
  });

  it('takes thinking with an empty signature for one that nobody signed', () => {
    expect(parts(withAnswer({ type: 'thinking', thinking: 'x', signature: '' }))).toEqual([{ type: 'thinking', text: 'x', signature: null }]);
  });

  it.each([
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, { enabled: true, effort: null, budgetTokens: 2000 }],
    [{ thinking: { type: 'disabled' } }, { enabled: false, effort: null, budgetTokens: null }],
    [{ thinking: { type: 'adaptive', display: 'summarized' } }, { enabled: true, effort: null, budgetTokens: null }],
    [{ output_config: { effort: 'low' } }, { enabled: true, effort: 'low', budgetTokens: null }],
    [{ output_config: {} }, null],
  ])('reads %j', (members, reasoning) => {
    expect(taken({ ...least, ...members }).reasoning).toEqual(reasoning);
  });

  it.each([
    [{ type: 'auto' }, { kind: 'auto' }, null],
    [{ type: 'auto', disable_parallel_tool_use: false }, { kind: 'auto' }, true],
    [{ type: 'tool', name: 'f', disable_parallel_tool_use: true }, { kind: 'tool', name: 'f' }, false],
    [{ type: 'none' }, { kind: 'none' }, null],
  ])('reads the choice %j', (tool_choice, toolChoice, parallelTools) => {
    expect(taken({ ...least, tool_choice })).toMatchObject({ toolChoice, parallelTools });
  });

  it('passes over what edits, changes and asks for nothing', () => {
    const nothing = {
      container: null,
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      mcp_servers: [],
      diagnostics: null,
      speed: 'standard',
      service_tier: 'standard_only',
      temperature: null,
      metadata: {},
      output_format: null,
    };
    expect(taken({ ...least, ...nothing })).toEqual(taken(least));
    expect(IGNORED_HINTS).toEqual(expect.arrayContaining(['service_tier', 'speed', 'thinking.display']));
  });

  it.each<[string, unknown]>([
    ['container', { ...least, container: 'container_01' }],
    ['context_management', { ...least, context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }],
    ['mcp_servers', { ...least, mcp_servers: [{ type: 'url', url: 'https://m.example', name: 'm' }] }],
    ['inference_geo', { ...least, inference_geo: 'us' }],
    ['diagnostics', { ...least, diagnostics: { previous_message_id: null } }],
    ['thread', { ...least, thread: { type: 'create' } }],
    ['metadata.team', { ...least, metadata: { team: 'x' } }],
    ['max_tokens', { ...least, max_tokens: 0 }],
    ['thinking.type', { ...least, thinking: { type: 'between_tools' } }],
    ['output_config.task_budget', { ...least, output_config: { task_budget: { type: 'tokens', total: 1 } } }],
    ['output_config.effort', { ...least, thinking: { type: 'disabled' }, output_config: { effort: 'low' } }],
    ['output_config.effort', { ...least, thinking: { type: 'enabled', budget_tokens: 1024 }, output_config: { effort: 'low' } }],
    ['output_config.effort', { ...least, model: 'claude-opus-4-6', output_config: { effort: 'low' } }],
    ['tools[0].type', { ...least, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['tools[0].type', { ...least, tools: [{ type: 'bash_20250124', name: 'bash' }] }],
    ['tools[0].defer_loading', { ...least, tools: [{ name: 'f', input_schema: {}, defer_loading: true }] }],
    ['tools[0].input_examples', { ...least, tools: [{ name: 'f', input_schema: {}, input_examples: [{}] }] }],
    ['tools[0].allowed_callers', { ...least, tools: [{ name: 'f', input_schema: {}, allowed_callers: ['code_execution_20250825'] }] }],
    ['messages[0].content[0].type', withContent({ type: 'search_result', source: 's', title: 't', content: [] })],
    ['messages[0].content[0].type', withContent({ type: 'container_upload', file_id: 'f' })],
    ['messages[0].content[0].source.type', withContent({ type: 'image', source: { type: 'file', file_id: 'f' } })],
    ['messages[0].content[0].transformations', withContent({ type: 'image', source: { type: 'url', url: 'https://a.example' }, transformations: { oversized_image: 'error' } })],
    ['messages[0].content[0].source.type', withContent({ type: 'document', source: { type: 'file', file_id: 'f' } })],
    ['messages[0].content[0].source.content', withContent({ type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] } })],
    ['messages[0].content[0].source.content[0].type', withContent({ type: 'document', source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url: 'u' } }] } })],
    ['messages[0].content[0].citations', withContent({ type: 'document', source: { type: 'url', url: 'u' }, citations: { enabled: true } })],
    ['messages[0].content[0].context', withContent({ type: 'document', source: { type: 'url', url: 'u' }, context: 'c' })],
    ['messages[0].content[0].content[0].type', withContent({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference', tool_name: 'f' }] })],
    ['messages[0].content[0].toolset_name', withContent({ type: 'tool_result', tool_use_id: 't', toolset_name: 'browser' })],
    ['messages[1].content[0].type', withAnswer({ type: 'server_tool_use', id: 's', name: 'web_search', input: {} })],
    ['messages[1].content[0].citations', withAnswer({ type: 'text', text: 'x', citations: [{ type: 'char_location' }] })],
    ['messages[1].content[0].caller', withAnswer({ type: 'tool_use', id: 't', name: 'f', input: {}, caller: { type: 'code_execution_20250825', tool_id: 's' } })],
  ])('refuses by its name what others cannot do: %s', (param, body) => {
    expect(problems(body)).toEqual([`inexpressible ${param}`]);
  });

  it.each<[string, unknown]>([
    ['', null],
    ['', 'text'],
    ['max_tokens', { ...least, max_tokens: undefined }],
    ['model', { ...least, model: 5 }],
    ['messages', { ...least, messages: [] }],
    ['messages[0].role', { ...least, messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].content', { ...least, messages: [{ role: 'user', content: 5 }] }],
    ['messages[0].content[0].text', withContent({ type: 'text' })],
    ['messages[0].content[0].source.media_type', withContent({ type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: '' } })],
    ['messages[1].content[0].input', withAnswer({ type: 'tool_use', id: 't', name: 'f', input: '{}' })],
    ['temperature', { ...least, temperature: 1.5 }],
    ['tools[0].input_schema', { ...least, tools: [{ name: 'f' }] }],
    ['tools[1]', { ...least, tools: [{ name: 'f', input_schema: {} }, null] }],
    ['system[0].cache_control.type', { ...least, system: [{ type: 'text', text: 'x', cache_control: { type: 'forever' } }] }],
    ['output_format', { ...least, output_format: { type: 'json_schema', schema: {} }, output_config: { format: { type: 'json_schema', schema: {} } } }],
    ['thinking.budget_tokens', { ...least, thinking: { type: 'enabled', budget_tokens: 1000 } }],
  ])('says what is wrong: %s', (param, body) => {
    expect(problems(body)).toEqual([`invalid ${param}`]);
  });

  it('refuses what is nested too deeply to be written again', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
    expect(problems(withAnswer({ type: 'tool_use', id: 't', name: 'f', input: deep }))).toEqual(['invalid messages[1].content[0].input']);
    expect(problems({ ...least, tools: [{ name: 'f', input_schema: deep }] })).toEqual(['invalid tools[0].input_schema']);
  });

  it('tells all problems at once', () => {
    expect(problems({ ...least, seed: 1, container: 'c', temperature: 'hot', thinking: { type: 'between_tools' } }).sort()).toEqual(['inexpressible container', 'inexpressible seed', 'inexpressible thinking.type', 'invalid temperature']);
  });
});
