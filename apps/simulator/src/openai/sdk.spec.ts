import OpenAI from 'openai';
import { Bench } from '../spec-support.js';

const weather = { type: 'function', function: { name: 'get_weather', description: 'The weather of a city.', parameters: { type: 'object', properties: { city: { type: 'string' }, unit: { enum: ['c', 'f'] } }, required: ['city', 'unit'] } } } as const;
const time = { type: 'function', function: { name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } } } as const;
const model = 'gpt-4o-mini';

describe('the official SDK', () => {
  let bench: Bench;
  let client: OpenAI;
  beforeAll(async () => {
    bench = await Bench.start();
    client = new OpenAI({ baseURL: bench.simulator.url, apiKey: 'sk-test', maxRetries: 0 });
  });
  afterAll(() => bench.simulator.close());

  it('lists and finds models', async () => {
    const names = (await client.models.list()).data.map((entry) => entry.id);
    expect(names).toEqual(expect.arrayContaining(['gpt-4o', 'gpt-5-mini', 'o3', 'text-embedding-3-large']));
    expect(await client.models.retrieve('gpt-4.1')).toMatchObject({ id: 'gpt-4.1', object: 'model', owned_by: 'system' });
    await expect(client.models.retrieve('gpt-9')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('calls a tool, takes its result and answers in words', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather in Oslo?' }];
    const first = await client.chat.completions.create({ model, messages, tools: [weather] });
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (!message || call?.type !== 'function') throw new Error('no call');
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    expect(message.content).toBeNull();
    expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String), unit: expect.stringMatching(/^[cf]$/) });
    const second = await client.chat.completions.create({ model, messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '12 degrees' }], tools: [weather] });
    expect(second.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: expect.any(String) } });
  });

  it('streams two calls in parallel as deltas', async () => {
    const request = { model, messages: [{ role: 'user' as const, content: 'Do both in parallel' }], tools: [weather, time] };
    const whole = await client.chat.completions.create(request);
    const runner = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    let deltas = 0;
    runner.on('chunk', (chunk) => { deltas += chunk.choices[0]?.delta.tool_calls?.length ?? 0; });
    const streamed = await runner.finalChatCompletion();
    expect(deltas).toBeGreaterThan(6);
    const calls = streamed.choices[0]?.message.tool_calls?.map((call) => (call.type === 'function' ? [call.id, call.function.name, call.function.arguments] : []));
    expect(calls).toEqual(whole.choices[0]?.message.tool_calls?.map((call) => (call.type === 'function' ? [call.id, call.function.name, call.function.arguments] : [])));
    expect(new Set(calls?.map((call) => call[1]))).toEqual(new Set(['get_weather', 'get_time']));
    expect(streamed.usage).toEqual(whole.usage);
    expect(streamed.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('is forced to one function, and then stops as OpenAI does', async () => {
    const forced = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello' }], tools: [weather, time], tool_choice: { type: 'function', function: { name: 'get_time' } } });
    expect(forced.choices[0]).toMatchObject({ finish_reason: 'stop', message: { tool_calls: [{ function: { name: 'get_time' } }] } });
    const required = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello' }], tools: [weather, time], tool_choice: 'required' });
    expect(required.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('gives structured output that satisfies its schema, streamed or not', async () => {
    const request = {
      model,
      messages: [{ role: 'user' as const, content: 'Describe a product' }],
      response_format: { type: 'json_schema' as const, json_schema: { name: 'product', strict: true, schema: { type: 'object', properties: { name: { type: 'string' }, price: { type: 'number', minimum: 1, maximum: 9 }, tags: { type: 'array', items: { $ref: '#/$defs/tag' } } }, required: ['name', 'price', 'tags'], additionalProperties: false, $defs: { tag: { enum: ['red', 'blue'] } } } } },
    };
    const parsed = await client.chat.completions.parse(request);
    const value = parsed.choices[0]?.message.parsed as unknown as { name: string; price: number; tags: string[] };
    expect(Object.keys(value).sort()).toEqual(['name', 'price', 'tags']);
    expect(value.price).toBeGreaterThanOrEqual(1);
    expect(value.price).toBeLessThanOrEqual(9);
    expect(value.tags.every((tag) => tag === 'red' || tag === 'blue')).toBe(true);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(parsed.choices[0]?.message.content);
  });

  it('gives an object in JSON mode', async () => {
    const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Answer in JSON' }], response_format: { type: 'json_object' } });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ answer: expect.any(String), details: expect.any(Array), confidence: expect.any(Number) });
  });

  it.each([
    ['429', OpenAI.RateLimitError], ['500', OpenAI.InternalServerError], ['503', OpenAI.InternalServerError], ['disconnect', OpenAI.APIConnectionError],
  ])('raises its own class for %s', async (simulate, raised) => {
    await expect(client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }], metadata: { simulate } })).rejects.toBeInstanceOf(raised);
  });

  it('raises its own classes for a wrong key and a wrong request', async () => {
    await expect(client.withOptions({ apiKey: 'sk-invalid' }).models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(client.chat.completions.create({ model, messages: [] })).rejects.toMatchObject({ status: 400, code: 'empty_array', param: 'messages' });
  });

  it('retries by retry-after, and each attempt has its row', async () => {
    const id = 'sdk-retries';
    await client.chat.completions.create(
      { model, messages: [{ role: 'user', content: 'Hi' }], metadata: { simulate: '429;retry_after=0.01;times=2', simulate_id: id } },
      { maxRetries: 2, headers: { 'x-client-request-id': id } },
    );
    expect((await bench.rows(id)).map((row) => [row.outcome, row.httpStatus])).toEqual([['refused', 429], ['refused', 429], ['completed', 200]]);
  });
});
