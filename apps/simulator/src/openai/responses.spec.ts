import OpenAI from 'openai';
import { Bench } from '../spec-support.js';

type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming;

const weather: OpenAI.Responses.FunctionTool = { type: 'function', name: 'get_weather', description: 'The weather of a city.', strict: true, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } };
const time: OpenAI.Responses.FunctionTool = { type: 'function', name: 'get_time', strict: false, parameters: { type: 'object', properties: { zone: { type: 'string' } } } };

/** What does not depend on when and where it ran. */
const lasting = (output: readonly OpenAI.Responses.ResponseOutputItem[]): unknown => JSON.parse(JSON.stringify(output, (key, value: unknown) => (key === 'id' || key === 'encrypted_content' || key === 'parsed' || key === 'parsed_arguments' ? undefined : value)));

describe('the responses endpoint and the official SDK', () => {
  let bench: Bench;
  let client: OpenAI;
  beforeAll(async () => {
    bench = await Bench.start();
    client = new OpenAI({ baseURL: bench.simulator.url, apiKey: 'sk-test', maxRetries: 0 });
  });
  afterAll(() => bench.simulator.close());
  const create = (changes: Partial<Params> = {}): Promise<OpenAI.Responses.Response> => client.responses.create({ model: 'gpt-4o-mini', input: 'Tell me about tides.', ...changes });
  const stream = async (changes: Omit<Partial<Params>, 'stream'> = {}): Promise<{ events: OpenAI.Responses.ResponseStreamEvent[]; final: OpenAI.Responses.Response }> => {
    const runner = client.responses.stream({ model: 'gpt-4o-mini', input: 'Tell me about tides.', ...changes });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of runner) events.push(event);
    return { events, final: await runner.finalResponse() };
  };
  const types = (events: readonly { type: string }[]): string[] => events.map((event) => event.type).filter((type, index, all) => type !== all[index - 1]);

  it('answers in words, with usage and the request as it was understood', async () => {
    const response = await create({ instructions: 'Be brief.', metadata: { a: 'b' } });
    expect(response).toMatchObject({ object: 'response', status: 'completed', model: 'gpt-4o-mini-2024-07-18', instructions: 'Be brief.', metadata: { a: 'b' }, error: null, incomplete_details: null, store: true, tools: [], tool_choice: 'auto', text: { format: { type: 'text' } } });
    expect(response.output).toMatchObject([{ type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', annotations: [] }] }]);
    expect(response.output_text.length).toBeGreaterThan(20);
    expect(response.usage?.total_tokens).toBe((response.usage?.input_tokens ?? 0) + (response.usage?.output_tokens ?? 0));
    expect((await create({ instructions: 'Be brief.' })).output_text).toBe(response.output_text);
  });

  it('streams what it would have answered, event by event', async () => {
    const whole = await create();
    const { events, final } = await stream();
    expect(types(events)).toEqual(['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed']);
    expect(events.map((event) => ('sequence_number' in event ? event.sequence_number : -1))).toEqual(events.map((_, index) => index));
    expect(lasting(final.output)).toEqual(lasting(whole.output));
    expect(final.usage).toEqual(whole.usage);
    expect(final.output_text).toBe(whole.output_text);
  });

  it('thinks where the model does, and summarises and seals its thoughts when asked', async () => {
    const ask = { model: 'gpt-5-mini', reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'], store: false } satisfies Partial<Params>;
    const whole = await create(ask);
    expect(whole.output).toMatchObject([{ type: 'reasoning', summary: [{ type: 'summary_text', text: expect.any(String) }], encrypted_content: expect.any(String) }, { type: 'message' }]);
    const { events, final } = await stream(ask);
    expect(types(events)).toEqual(expect.arrayContaining(['response.reasoning_summary_part.added', 'response.reasoning_summary_text.delta', 'response.reasoning_summary_text.done', 'response.reasoning_summary_part.done']));
    expect(lasting(final.output)).toEqual(lasting(whole.output));
    expect(final.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThanOrEqual(64);
    const input = [{ role: 'user' as const, content: 'Tell me about tides.' }, ...final.output as OpenAI.Responses.ResponseInput, { role: 'user' as const, content: 'Go on.' }];
    expect((await create({ ...ask, input })).status).toBe('completed');
    const [reasoning] = final.output as [OpenAI.Responses.ResponseReasoningItem];
    await expect(create({ ...ask, input: [...input.slice(0, 1), { ...reasoning, encrypted_content: `A${reasoning.encrypted_content?.slice(1)}` }, ...input.slice(2)] })).rejects.toMatchObject({ status: 400, code: 'invalid_encrypted_content' });
    await expect(create({ ...ask, input: [...input.slice(0, 1), { ...reasoning, encrypted_content: null }, ...input.slice(2)] })).rejects.toMatchObject({ status: 404 });
    expect((await create({ model: 'o4-mini', reasoning: { effort: 'low' } })).output).toMatchObject([{ type: 'reasoning', summary: [] }, { type: 'message' }]);
  });

  it('ends as incomplete at max_output_tokens, also while it thinks', async () => {
    expect(await create({ max_output_tokens: 16 })).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [{ status: 'incomplete' }], usage: { output_tokens: 16 } });
    const { events, final } = await stream({ model: 'gpt-5', max_output_tokens: 32 });
    expect(final).toMatchObject({ status: 'incomplete', output: [{ type: 'reasoning' }], usage: { output_tokens: 32, output_tokens_details: { reasoning_tokens: 32 } } });
    expect(events.at(-1)?.type).toBe('response.incomplete');
  });

  it('ends as failed when generation fails, and tells what it bills', async () => {
    const response = await bench.post('/responses', { model: 'gpt-4o-mini', input: 'Hello', stream: true, metadata: { simulate: 'stream_error=8' } }, { id: 'failed' });
    const last = (await response.text()).split('\n').filter((line) => line.startsWith('data: ')).at(-1)?.slice(6) ?? '';
    const { promptTokens, completionTokens } = await bench.row('failed');
    expect(JSON.parse(last)).toMatchObject({ type: 'response.failed', sequence_number: 8, response: { status: 'failed', error: { code: 'server_error' }, output: [], usage: { input_tokens: promptTokens, output_tokens: completionTokens } } });
    expect(completionTokens).toBe(4);
  });

  it('calls tools, one or two at once, and takes their results', async () => {
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Use both tools in parallel' }];
    const whole = await create({ input, tools: [weather, time] });
    const { events, final } = await stream({ input, tools: [weather, time] });
    expect(lasting(final.output)).toEqual(lasting(whole.output));
    expect(new Set(final.output.map((item) => (item.type === 'function_call' ? item.name : '')))).toEqual(new Set(['get_weather', 'get_time']));
    expect(events.filter((event) => event.type === 'response.function_call_arguments.delta').length).toBeGreaterThan(4);
    expect(whole.tools).toMatchObject([{ name: 'get_weather', strict: true }, { name: 'get_time', strict: false }]);
    const calls = whole.output as OpenAI.Responses.ResponseFunctionToolCall[];
    for (const call of calls) expect(JSON.parse(call.arguments)).toEqual(expect.any(Object));
    const results = calls.map((call, index) => ({ type: 'function_call_output' as const, call_id: call.call_id, output: index === 0 ? '12 degrees' : [{ type: 'input_text' as const, text: 'noon' }, { type: 'input_image' as const, image_url: 'https://example.com/a.png', detail: 'low' as const }] }));
    const second = await create({ input: [...input, ...calls, ...results], tools: [weather, time] });
    expect(second.output).toMatchObject([{ type: 'message', status: 'completed' }]);
    expect((await create({ tools: [weather, time], tool_choice: { type: 'function', name: 'get_time' } })).output).toMatchObject([{ type: 'function_call', name: 'get_time' }]);
    expect((await create({ tools: [weather, time], tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'get_weather' }] } })).output).toMatchObject([{ name: 'get_weather' }]);
    expect((await create({ input, tools: [weather, time], parallel_tool_calls: false })).output).toHaveLength(1);
  });

  it('remembers what it stored, for the key that made it', async () => {
    const first = await create({ input: 'What is the weather?', tools: [weather] });
    const [call] = first.output as [OpenAI.Responses.ResponseFunctionToolCall];
    const second = await create({ previous_response_id: first.id, input: [{ type: 'function_call_output', call_id: call.call_id, output: 'rain' }], tools: [weather] });
    expect(second.previous_response_id).toBe(first.id);
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);
    expect((await create({ previous_response_id: second.id, input: 'And tomorrow?', tools: [weather] })).usage?.input_tokens).toBeGreaterThan(second.usage?.input_tokens ?? 0);
    expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });
    await expect(client.withOptions({ apiKey: 'sk-other' }).responses.retrieve(first.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const forgotten = await create({ store: false });
    await expect(create({ previous_response_id: forgotten.id })).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found', param: 'previous_response_id' });
  });

  it('gives structured output, reads pictures and files, and discounts what it has cached', async () => {
    const parsed = await create({ text: { format: { type: 'json_schema', name: 'product', schema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false } } } });
    expect(JSON.parse(parsed.output_text)).toEqual({ name: expect.any(String) });
    const media: OpenAI.Responses.ResponseInput = [{ role: 'user', content: [{ type: 'input_text', text: 'What is it?' }, { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'high' }, { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' }] }];
    expect((await create({ model: 'gpt-4o', input: media })).usage?.input_tokens).toBeGreaterThan(765 + 1_500);
    const instructions = 'You are careful. '.repeat(400);
    expect((await create({ instructions })).usage?.input_tokens_details.cached_tokens).toBe(0);
    expect((await create({ instructions })).usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(1_024);
  });
});

describe('what the responses endpoint refuses', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());
  const call = { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' };

  it.each([
    ['nothing to answer', { input: undefined }, 'input', 'missing_required_parameter', expect.stringContaining("'input'")],
    ['parameters of chat completions', { max_tokens: 5 }, 'max_tokens', 'unknown_parameter', "Unknown parameter: 'max_tokens'."],
    ['a limit below 16', { max_output_tokens: 15 }, 'max_output_tokens', 'integer_below_min_value', "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead."],
    ['parts of chat completions', { input: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] }, 'input[0].content[0].type', 'invalid_value', "Invalid value: 'text'. Supported values are: 'input_text', 'input_image', and 'input_file'."],
    ['input parts of an assistant', { input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }] }, 'input[0].content[0].type', 'invalid_value', "Invalid value: 'input_text'. Supported values are: 'output_text', and 'refusal'."],
    ['a foreign item id', { input: [{ role: 'assistant', id: 'x1', content: 'x' }] }, 'input[0].id', 'invalid_value', "Invalid 'input[0].id': 'x1'. Expected an ID that begins with 'msg'."],
    ['an unknown item', { input: [{ type: 'smell' }] }, 'input[0].type', 'invalid_value', expect.stringContaining("Invalid value: 'smell'.")],
    ['a call without its output', { input: [{ role: 'user', content: 'x' }, call] }, 'input', null, 'No tool output found for function call call_1.'],
    ['an output without its call', { input: [{ type: 'function_call_output', call_id: 'call_1', output: 'x' }] }, 'input', null, 'No tool call found for function call output with call_id call_1.'],
    ['heat where the model thinks', { model: 'gpt-5', temperature: 1 }, 'temperature', 'unsupported_parameter', "Unsupported parameter: 'temperature' is not supported with this model."],
    ['thought where the model does not', { reasoning: { effort: 'low' } }, 'reasoning.effort', 'unsupported_parameter', "Unsupported parameter: 'reasoning.effort' is not supported with this model."],
    ['what is not simulated', { background: true }, 'background', 'unsupported_parameter', "Unsupported parameter: 'background' is not simulated."],
    ['tools in the shape of chat completions', { tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools[0].name', 'missing_required_parameter', "Missing required parameter: 'tools[0].name'."],
    ['a misspelt fault', { metadata: { simulate: '501' } }, 'metadata.simulate', 'invalid_value', expect.stringContaining("Unknown fault '501'.")],
  ])('%s', async (_name, changes, param, code, message) => {
    const response = await bench.post('/responses', { model: 'gpt-4o-mini', input: 'Hello', ...changes }, { id: _name });
    expect(await response.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code } });
    expect(response.status).toBe(400);
    expect(await bench.row(_name)).toMatchObject({ protocol: 'openai-responses', endpoint: 'responses', outcome: 'refused', billed: false });
  });

  it('an unknown model', async () => {
    expect((await bench.post('/responses', { model: 'gpt-9', input: 'x' })).status).toBe(404);
  });
});
