import { Bench } from '../spec-support.js';

const user = (content: unknown): object => ({ role: 'user', content });
const assistant = (content: unknown): object => ({ role: 'assistant', content });
const use = (id: string): object => ({ type: 'tool_use', id, name: 'f', input: {} });
const result = (id: string): object => ({ type: 'tool_result', tool_use_id: id, content: 'x' });
const tool = (changes: object = {}): object => ({ name: 'f', input_schema: { type: 'object' }, ...changes });
const cached = (ttl?: string): object => ({ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ...(ttl !== undefined && { ttl }) } });
const thinking = { type: 'enabled', budget_tokens: 1_024 };

describe('what Anthropic refuses', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());

  it.each<[string, object, unknown]>([
    ['no limit', { max_tokens: undefined }, 'max_tokens: Field required'],
    ['a limit beyond the model', { max_tokens: 70_000 }, 'max_tokens: 70000 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5-20251001'],
    ['no messages', { messages: undefined }, 'messages: Field required'],
    ['an empty list of messages', { messages: [] }, 'messages: at least one message is required'],
    ['messages that are no list', { messages: 'hi' }, 'messages: Input should be a valid list'],
    ['an unknown role', { messages: [{ role: 'tool', content: 'x' }] }, "messages.0.role: Input should be 'user', 'assistant' or 'system'"],
    ['a system message', { messages: [{ role: 'system', content: 'x' }, user('x')] }, expect.stringContaining('messages: Unexpected role "system".')],
    ['an assistant that begins', { messages: [assistant('x'), user('x')] }, 'messages: first message must use the "user" role'],
    ['content of a wrong type', { messages: [user(5)] }, 'messages.0.content: Input should be a valid string or list'],
    ['an unknown block', { messages: [user([{ type: 'image_url' }])] }, expect.stringMatching(/^messages\.0\.content\.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: 'text', 'image', /)],
    ['a block with too much in it', { messages: [user([{ type: 'text', text: 'x', name: 'y' }])] }, 'messages.0.content.0.name: Extra inputs are not permitted'],
    ['a parameter of another provider', { response_format: {} }, 'response_format: Extra inputs are not permitted'],
    ['an empty text', { messages: [user([{ type: 'text', text: '' }])] }, 'messages: text content blocks must be non-empty'],
    ['an empty message', { messages: [user('')] }, 'messages.0: all messages must have non-empty content except for the optional final assistant message'],
    ['a blank at the end of a prefill', { messages: [user('x'), assistant('y ')] }, 'messages: final assistant content cannot end with trailing whitespace'],
    ['a prefill where there is none', { model: 'claude-sonnet-4-6', messages: [user('x'), assistant('y')] }, 'This model does not support assistant message prefill. The conversation must end with a user message.'],
    ['too much heat', { temperature: 1.5 }, 'temperature: Input should be less than or equal to 1'],
    ['both ways of sampling', { temperature: 0.5, top_p: 0.5 }, '`temperature` and `top_p` cannot both be specified for this model. Please use only one.'],
    ['a blank stop sequence', { stop_sequences: ['\n'] }, 'stop_sequences: each stop sequence must contain non-whitespace'],
    ['a use without its result', { messages: [user('x'), assistant([use('t1')]), user('y')], tools: [tool()] }, 'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.'],
    ['a use at the end', { messages: [user('x'), assistant([use('t1')])], tools: [tool()] }, expect.stringContaining('messages.1: `tool_use` ids were found without')],
    ['a result behind a text', { messages: [user('x'), assistant([use('t1')]), user([{ type: 'text', text: 'y' }, result('t1')])], tools: [tool()] }, expect.stringContaining('messages.1: `tool_use` ids were found without')],
    ['a result without its use', { messages: [user([result('t1')])] }, 'messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.'],
    ['two results of one use', { messages: [user('x'), assistant([use('t1')]), user([result('t1'), result('t1')])], tools: [tool()] }, expect.stringContaining('each tool_use must have a single result')],
    ['one id twice', { messages: [user('x'), assistant([use('t1'), use('t1')]), user([result('t1')])], tools: [tool()] }, 'messages.1.content.1: `tool_use` ids must be unique'],
    ['an id of another provider', { messages: [user('x'), assistant([use('call:1')]), user([result('call:1')])] }, "messages.1.content.0.id: String should match pattern '^[a-zA-Z0-9_-]+$'"],
    ['a use by the user', { messages: [user([use('t1')])] }, 'messages.0: `tool_use` blocks can only be in `assistant` messages'],
    ['a picture by the assistant', { messages: [user('x'), assistant([{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }])] }, 'messages.1: `image` blocks can only be in `user` messages'],
    ['a picture of an unknown kind', { messages: [user([{ type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: 'aa' } }])] }, "messages.0.content.0.source.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"],
    ['a tool with a long name', { tools: [tool({ name: 'a.b' })] }, "tools.0.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"],
    ['a tool without a schema', { tools: [{ name: 'f' }] }, 'tools.0.input_schema: Field required'],
    ['a tool in the shape of another provider', { tools: [{ type: 'function', function: {} }] }, "tools.0.type: Input should be 'custom'"],
    ['two tools of one name', { tools: [tool(), tool()] }, 'tools: Tool names must be unique.'],
    ['a choice without tools', { tool_choice: { type: 'auto' } }, 'tool_choice: `tool_choice` may only be specified while providing `tools`.'],
    ['the choice of a tool that is not there', { tools: [tool()], tool_choice: { type: 'tool', name: 'g' } }, "Tool 'g' not found in provided tools"],
    ['an open strict tool', { tools: [tool({ strict: true })] }, "tools.0.custom.input_schema: For 'object' type, 'additionalProperties' must be explicitly set to false"],
    ['an open format', { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } }, "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"],
    ['a bounded format', { output_config: { format: { type: 'json_schema', schema: { type: 'object', additionalProperties: false, properties: { n: { type: 'integer', minimum: 1, maximum: 2 } } } } } }, "output_config.format.schema: For 'integer' type, properties 'minimum', 'maximum' are not supported"],
    ['effort where there is none', { output_config: { effort: 'low' } }, 'This model does not support the effort parameter.'],
    ['little room to think', { thinking: { type: 'enabled', budget_tokens: 1_000 } }, 'thinking.budget_tokens: Input should be greater than or equal to 1024'],
    ['no room to answer', { thinking, max_tokens: 1_024 }, expect.stringContaining('`max_tokens` must be greater than `thinking.budget_tokens`.')],
    ['thought in the heat', { thinking, temperature: 0.5 }, expect.stringContaining('`temperature` may only be set to 1 when thinking is enabled.')],
    ['thought under force', { thinking, tools: [tool()], tool_choice: { type: 'any' } }, 'Thinking may not be enabled when tool_choice forces tool use.'],
    ['adaptive thought where there is none', { thinking: { type: 'adaptive' } }, 'adaptive thinking is not supported on this model'],
    ['five breakpoints', { system: [cached(), cached(), cached()], messages: [user([cached(), cached()])] }, 'A maximum of 4 blocks with cache_control may be provided. Found 5.'],
    ['an hour after five minutes', { system: [cached()], messages: [user([cached('1h')])] }, expect.stringContaining("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")],
    ['an unknown time to live', { system: [cached('2h')] }, "system.0.cache_control.ttl: Input should be '5m' or '1h'"],
    ['a misspelt fault', { metadata: { user_id: 'simulate:501' } }, expect.stringContaining("metadata.user_id: Unknown fault '501'.")],
  ])('%s', async (name, changes, message) => {
    const response = await bench.messages(changes, { id: name });
    const body = await response.json() as { request_id: string };
    expect(body).toEqual({ type: 'error', error: { type: 'invalid_request_error', message }, request_id: expect.stringMatching(/^req_01\w{22}$/) });
    expect([response.status, response.headers.get('request-id')]).toEqual([400, body.request_id]);
    expect(await bench.row(name)).toMatchObject({ protocol: 'anthropic-messages', endpoint: 'messages', outcome: 'refused', billed: false, promptTokens: 0 });
  });

  it.each<[string, object, number]>([
    ['sampling', { temperature: 1 }, 400],
    ['documents of an assistant', { messages: [user('x'), assistant([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }]), user('y')] }, 400],
    ['citations of a user', { messages: [user([{ type: 'text', text: 'x', citations: [{}] }])] }, 400],
    ['none of it', {}, 200],
  ])('by its newest version: %s', async (_name, changes, status) => {
    expect((await bench.messages(changes, { version: '2026-10-21' })).status).toBe(status);
    expect((await bench.messages(changes)).status).toBe(200);
  });

  it('a missing or wrong key and version, an unknown model, and what is no JSON', async () => {
    const post = async (headers: Record<string, string>, body = '{}'): Promise<unknown> => {
      const response = await fetch(`${bench.simulator.anthropicUrl}/v1/messages`, { method: 'POST', headers, body });
      return [response.status, (await response.json() as { error: unknown }).error];
    };
    const version = { 'anthropic-version': '2023-06-01' };
    expect(await post(version)).toEqual([401, { type: 'authentication_error', message: 'x-api-key header is required' }]);
    expect(await post({ ...version, 'x-api-key': 'sk-invalid' })).toEqual([401, { type: 'authentication_error', message: 'invalid x-api-key' }]);
    expect(await post({ 'x-api-key': 'k' })).toEqual([400, { type: 'invalid_request_error', message: 'anthropic-version: header is required' }]);
    expect(await post({ 'x-api-key': 'k', 'anthropic-version': '2024-01-01' })).toEqual([400, { type: 'invalid_request_error', message: 'anthropic-version: "2024-01-01" is not a valid version' }]);
    expect(await post({ ...version, authorization: 'Bearer k' }, '{')).toEqual([400, { type: 'invalid_request_error', message: 'The request body is not valid JSON.' }]);
    const unknown = await bench.messages({ model: 'claude-9' });
    expect([unknown.status, (await unknown.json() as { error: unknown }).error]).toEqual([404, { type: 'not_found_error', message: 'model: claude-9' }]);
  });

  it('a prompt beyond the window', async () => {
    for (const content of ['word '.repeat(2_000_000), 'xqzvjk wqpzx '.repeat(50_000)]) {
      const response = await bench.messages({ messages: [user(content)] });
      expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', message: expect.stringMatching(/^prompt is too long: .*\d+ tokens > 200000 maximum$/) } });
    }
  });
});
