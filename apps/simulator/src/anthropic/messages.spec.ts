import Anthropic from '@anthropic-ai/sdk';
import { Bench } from '../spec-support.js';

type Params = Anthropic.MessageCreateParamsNonStreaming;

const model = 'claude-haiku-4-5';
const weather: Anthropic.Tool = { name: 'get_weather', description: 'The weather of a city.', input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
const time: Anthropic.Tool = { name: 'get_time', input_schema: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } };
const thinking = { type: 'enabled' as const, budget_tokens: 1_024 };
const long = (word: string): string => `${word} is worth a word. `.repeat(300);

describe('the messages endpoint and the official SDK', () => {
  let bench: Bench;
  let client: Anthropic;
  beforeAll(async () => {
    bench = await Bench.start();
    client = new Anthropic({ baseURL: bench.simulator.anthropicUrl, apiKey: 'sk-test', maxRetries: 0 });
  });
  afterAll(() => bench.simulator.close());
  const create = (changes: Partial<Params> = {}, key = client): Promise<Anthropic.Message> => key.messages.create({ model, max_tokens: 4_000, messages: [{ role: 'user', content: 'Tell me about tides.' }], ...changes });
  const stream = async (changes: Partial<Params> = {}): Promise<{ events: Anthropic.RawMessageStreamEvent[]; final: Anthropic.Message }> => {
    const runner = client.messages.stream({ model, max_tokens: 4_000, messages: [{ role: 'user', content: 'Tell me about tides.' }], ...changes } as Params);
    const events: Anthropic.RawMessageStreamEvent[] = [];
    for await (const event of runner) events.push(structuredClone(event));
    return { events, final: await runner.finalMessage() };
  };
  const types = (events: readonly Anthropic.RawMessageStreamEvent[]): string[] => events.map((event) => (event.type === 'content_block_delta' ? event.delta.type : event.type)).filter((type, index, all) => type !== all[index - 1]);
  const userOf = (text: string): Anthropic.MessageParam => ({ role: 'user', content: text });

  it('answers in words, as the dated model', async () => {
    const message = await create();
    expect(message).toMatchObject({ type: 'message', role: 'assistant', model: 'claude-haiku-4-5-20251001', content: [{ type: 'text' }], stop_reason: 'end_turn', stop_sequence: null, stop_details: null, usage: { cache_creation_input_tokens: 0, cache_read_input_tokens: 0, service_tier: 'standard' } });
    expect(message.id).toMatch(/^msg_01\w{22}$/);
    expect((await create()).content).toEqual(message.content);
  });

  it('streams what it would have answered, event by event', async () => {
    const whole = await create();
    const { events, final } = await stream();
    expect(types(events)).toEqual(['message_start', 'content_block_start', 'text_delta', 'content_block_stop', 'message_delta', 'message_stop']);
    expect(final.content).toEqual(whole.content);
    expect(final.usage).toEqual(whole.usage);
    const [start] = events as [Anthropic.RawMessageStartEvent];
    expect(start.message).toMatchObject({ content: [], stop_reason: null, usage: { input_tokens: whole.usage.input_tokens, output_tokens: 1 } });
    const delta = events.find((event) => event.type === 'message_delta');
    expect(delta).toMatchObject({ delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { input_tokens: whole.usage.input_tokens, output_tokens: whole.usage.output_tokens } });
  });

  it('names each event of a stream, and sends a ping early', async () => {
    const response = await bench.messages({ stream: true });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = (await response.text()).split('\n\n').filter((event) => event !== '').map((event) => /^event: (\w+)\ndata: (.*)$/.exec(event) ?? []);
    for (const [, name, data] of events) expect((JSON.parse(data ?? '') as { type: string }).type).toBe(name);
    expect(events.slice(0, 4).map(([, name]) => name)).toEqual(['message_start', 'content_block_start', 'ping', 'content_block_delta']);
  });

  it('stops at max_tokens and at stop sequences, and says at which', async () => {
    expect(await create({ max_tokens: 5 })).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 5 } });
    const stopped = await create({ stop_sequences: ['never to be found', ' the'] });
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: ' the' });
    expect((stopped.content[0] as Anthropic.TextBlock).text).not.toContain(' the');
    const { final } = await stream({ stop_sequences: [' the'] });
    expect([final.content, final.stop_sequence, final.usage]).toEqual([stopped.content, ' the', stopped.usage]);
    expect(await create({ max_tokens: 0 })).toMatchObject({ content: [], stop_reason: 'max_tokens', usage: { output_tokens: 0 } });
  });

  it('calls tools, one or two at once, streamed in pieces, and takes their results', async () => {
    const request = { messages: [userOf('Use both tools in parallel')], tools: [weather, time] };
    const whole = await create(request);
    const { events, final } = await stream(request);
    expect(final.content).toEqual(whole.content);
    expect(whole.stop_reason).toBe('tool_use');
    const uses = whole.content as Anthropic.ToolUseBlock[];
    expect(new Set(uses.map((use) => use.name))).toEqual(new Set(['get_weather', 'get_time']));
    expect(uses.every((use) => /^toolu_01\w+$/.test(use.id))).toBe(true);
    expect(events.filter((event) => event.type === 'content_block_delta' && event.delta.type === 'input_json_delta').length).toBeGreaterThan(4);
    const results: Anthropic.ToolResultBlockParam[] = [
      { type: 'tool_result', tool_use_id: (uses[0] as Anthropic.ToolUseBlock).id, content: [{ type: 'text', text: '12 degrees' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }] },
      { type: 'tool_result', tool_use_id: (uses[1] as Anthropic.ToolUseBlock).id, content: 'no', is_error: true },
    ];
    const second = await create({ ...request, messages: [...request.messages, { role: 'assistant', content: whole.content }, { role: 'user', content: [...results, { type: 'text', text: 'Go on.' }] }] });
    expect(second).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text' }] });
    const named = async (changes: Partial<Params>): Promise<string[]> => (await create({ tools: [weather, time], ...changes })).content.map((block) => (block.type === 'tool_use' ? block.name : block.type));
    expect(await named({ tool_choice: { type: 'tool', name: 'get_time' } })).toEqual(['get_time']);
    expect(await named({ tool_choice: { type: 'any' } })).toHaveLength(1);
    expect(await named({ tool_choice: { type: 'none' }, messages: [userOf('weather')] })).toEqual(['text']);
    expect(await named({ messages: request.messages, tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).toHaveLength(1);
  });

  it('thinks aloud when told to, and takes its thoughts back as they were only', async () => {
    const ask = { thinking, messages: [userOf('What is the weather?')], tools: [weather] };
    const whole = await create(ask);
    const { events, final } = await stream(ask);
    expect(types(events)).toEqual(['message_start', 'content_block_start', 'thinking_delta', 'signature_delta', 'content_block_stop', 'content_block_start', 'input_json_delta', 'content_block_stop', 'message_delta', 'message_stop']);
    expect(final.content).toEqual(whole.content);
    expect(final.usage).toEqual(whole.usage);
    expect(whole.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(100);
    const [thought, use] = whole.content as [Anthropic.ThinkingBlock, Anthropic.ToolUseBlock];
    const go = (first: readonly Anthropic.ContentBlockParam[]): Promise<Anthropic.Message> => create({ ...ask, messages: [...ask.messages, { role: 'assistant', content: [...first, use] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'rain' }] }] });
    expect((await go([thought])).content).toMatchObject([{ type: 'text' }]);
    await expect(go([{ ...thought, thinking: `${thought.thinking}!` }])).rejects.toThrow('messages.1.content.0: Invalid `signature` in `thinking` block');
    await expect(go([{ ...thought, signature: `A${thought.signature.slice(1)}` }])).rejects.toThrow('Invalid `signature`');
    await expect(go([])).rejects.toThrow('messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.');
  });

  it('omits, redacts and adapts its thoughts', async () => {
    const omitted = await stream({ thinking: { ...thinking, display: 'omitted' } });
    expect(types(omitted.events).slice(1, 4)).toEqual(['content_block_start', 'signature_delta', 'content_block_stop']);
    expect(omitted.final.content[0]).toMatchObject({ type: 'thinking', thinking: '' });
    const ask = userOf('ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9');
    const redacted = await create({ thinking, messages: [ask] });
    expect((await stream({ thinking, messages: [ask] })).final.content).toEqual(redacted.content);
    expect(redacted.content[0]).toMatchObject({ type: 'redacted_thinking', data: expect.any(String) });
    expect((await create({ thinking, messages: [ask, { role: 'assistant', content: redacted.content }, userOf('Go on.')] })).stop_reason).toBe('end_turn');
    const adaptive = await create({ model: 'claude-sonnet-4-6', thinking: { type: 'adaptive' }, output_config: { effort: 'low' } });
    expect(adaptive.content).toMatchObject([{ type: 'thinking' }, { type: 'text' }]);
  });

  it('declines where Anthropic\'s own test string asks for it', async () => {
    const messages = [userOf('ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAE')];
    const refused = { stop_reason: 'refusal', content: [], stop_details: { type: 'refusal' }, usage: { output_tokens: 0 } };
    expect(await create({ messages })).toMatchObject(refused);
    expect((await stream({ messages })).final).toMatchObject(refused);
  });

  it('writes and reads the prompt cache by Anthropic\'s accounting', async () => {
    const system = (ttl?: '5m' | '1h'): Anthropic.TextBlockParam[] => [{ type: 'text', text: long('Caution'), cache_control: { type: 'ephemeral', ...(ttl && { ttl }) } }];
    const plain = await create({ system: long('Caution') });
    const first = await create({ system: system() });
    expect(first.usage.cache_read_input_tokens).toBe(0);
    const written = first.usage.cache_creation_input_tokens ?? 0;
    expect(written).toBeGreaterThanOrEqual(1_024);
    expect(first.usage.cache_creation).toEqual({ ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 });
    expect(first.usage.input_tokens + written).toBe(plain.usage.input_tokens);
    const { final: second } = await stream({ system: system() });
    expect(second.usage).toMatchObject({ input_tokens: first.usage.input_tokens, cache_creation_input_tokens: 0, cache_read_input_tokens: written });
    const third = await create({ system: system(), messages: [{ role: 'user', content: [{ type: 'text', text: long('A tide'), cache_control: { type: 'ephemeral' } }] }] });
    expect(third.usage).toMatchObject({ cache_read_input_tokens: written });
    expect(third.usage.cache_creation_input_tokens).toBeGreaterThan(1_024);
    const hour = await create({ model: 'claude-opus-4-5', system: system('1h') });
    expect(hour.usage.cache_creation).toEqual({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: written });
    const other = new Anthropic({ baseURL: bench.simulator.anthropicUrl, apiKey: 'sk-other' });
    expect((await create({ system: system() }, other)).usage.cache_read_input_tokens).toBe(0);
    expect((await create({ cache_control: { type: 'ephemeral' }, messages: [userOf(long('A wave'))] })).usage.cache_creation_input_tokens).toBeGreaterThan(1_024);
    await bench.simulator.settled();
    const row = bench.simulator.ledger().find((entry) => entry.responseId === hour.id);
    expect(row).toMatchObject({ promptTokens: plain.usage.input_tokens, cachedTokens: 0, cacheWriteTokens: written, cacheWrite1hTokens: written });
  });

  it('reads pictures and documents, and gives structured output', async () => {
    const tokens = async (content: Anthropic.ContentBlockParam[]): Promise<number> => (await create({ messages: [{ role: 'user', content }] })).usage.input_tokens;
    const text: Anthropic.TextBlockParam = { type: 'text', text: 'What is it?' };
    const bare = await tokens([text]);
    expect(await tokens([{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }, text]) - bare).toBe(1_398);
    expect(await tokens([{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' }, title: 'A' }, text]) - bare).toBeGreaterThan(1_500);
    expect(await tokens([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Some words in a file.' }, citations: { enabled: true } }, text]) - bare).toBeGreaterThan(5);
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false };
    const parsed = await client.messages.parse({ model, max_tokens: 500, messages: [userOf('Describe a product')], output_config: { format: { type: 'json_schema', schema } } });
    expect(JSON.parse((parsed.content[0] as Anthropic.TextBlock).text)).toEqual({ name: expect.any(String) });
  });

  it('lists and finds models', async () => {
    const ids = (await client.models.list()).data.map((entry) => entry.id);
    expect(ids).toEqual(expect.arrayContaining(['claude-sonnet-4-5-20250929', 'claude-opus-4-5-20251101', 'claude-haiku-4-5-20251001']));
    expect(await client.models.retrieve('claude-sonnet-4-5')).toMatchObject({ id: 'claude-sonnet-4-5-20250929', type: 'model', display_name: 'Claude Sonnet 4.5' });
    await expect(client.models.retrieve('claude-9')).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  it.each([
    ['429', Anthropic.RateLimitError], ['500', Anthropic.InternalServerError], ['503', Anthropic.InternalServerError], ['529', Anthropic.InternalServerError], ['stream_error', Anthropic.InternalServerError], ['disconnect', Anthropic.APIConnectionError],
  ])('raises its own class for %s', async (fault, raised) => {
    await expect(create({ metadata: { user_id: `simulate:${fault}` } })).rejects.toBeInstanceOf(raised);
  });

  it('raises its own classes for a wrong key, and for an overload in the middle of a stream', async () => {
    await expect(create({}, new Anthropic({ baseURL: bench.simulator.anthropicUrl, apiKey: 'sk-invalid' }))).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    await expect(create({ metadata: { user_id: 'simulate:529' } })).rejects.toMatchObject({ status: 529, type: 'overloaded_error' });
    await expect(stream({ metadata: { user_id: 'simulate:stream_error=4' } })).rejects.toMatchObject({ type: 'overloaded_error' });
  });

  it('retries, and each attempt has its row', async () => {
    const retrying = new Anthropic({ baseURL: bench.simulator.anthropicUrl, apiKey: 'sk-test', maxRetries: 2, defaultHeaders: { 'x-client-request-id': 'sdk-retries' } });
    await create({ metadata: { user_id: 'simulate:529;times=1;id=sdk-retries' } }, retrying);
    expect((await bench.rows('sdk-retries')).map((row) => [row.protocol, row.outcome, row.httpStatus])).toEqual([['anthropic-messages', 'refused', 529], ['anthropic-messages', 'completed', 200]]);
  });
});
