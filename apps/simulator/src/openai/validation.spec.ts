import { Bench } from '../spec-support.js';

const user = { role: 'user', content: 'Hello' };
const tool = { type: 'function', function: { name: 'f' } };
const called = { role: 'assistant', tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }] };

describe('what OpenAI refuses', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());
  afterEach(async () => {
    await bench.simulator.settled();
    const last = bench.simulator.ledger().at(-1);
    if (last) expect(last).toMatchObject({ outcome: 'refused', billed: false, promptTokens: 0, completionTokens: 0 });
  });

  it.each([
    ['no model', { model: undefined }, 'model', 'missing_required_parameter', "Missing required parameter: 'model'."],
    ['no messages', { messages: undefined }, 'messages', 'missing_required_parameter', "Missing required parameter: 'messages'."],
    ['a model that is no text', { model: 4 }, 'model', 'invalid_type', "Invalid type for 'model': expected a string, but got an integer instead."],
    ['messages that are no list', { messages: 'hi' }, 'messages', 'invalid_type', "Invalid type for 'messages': expected an array, but got a string instead."],
    ['no message at all', { messages: [] }, 'messages', 'empty_array', "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."],
    ['an unknown role', { messages: [{ role: 'king', content: 'x' }] }, 'messages[0].role', 'invalid_value', "Invalid value: 'king'. Supported values are: 'system', 'developer', 'user', 'assistant', and 'tool'."],
    ['no role', { messages: [{ content: 'x' }] }, 'messages[0].role', 'missing_required_parameter', "Missing required parameter: 'messages[0].role'."],
    ['content of a wrong type', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', 'invalid_type', "Invalid type for 'messages[0].content': expected one of a string or array, but got an integer instead."],
    ['an unknown part', { messages: [user, { role: 'user', content: [{ type: 'smell' }] }] }, 'messages[1].content[0].type', 'invalid_value', "Invalid value: 'smell'. Supported values are: 'text', and 'image_url'."],
    ['a part without its text', { messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', 'missing_required_parameter', "Missing required parameter: 'messages[0].content[0].text'."],
    ['too much heat', { temperature: 3 }, 'temperature', 'integer_above_max_value', "Invalid 'temperature': integer above maximum value. Expected a value <= 2, but got 3 instead."],
    ['n that is no number', { n: 'two' }, 'n', 'invalid_type', "Invalid type for 'n': expected an integer, but got a string instead."],
    ['half an answer', { n: 1.5 }, 'n', 'invalid_type', "Invalid type for 'n': expected an integer, but got a decimal number instead."],
    ['n below 1', { n: 0 }, 'n', 'integer_below_min_value', "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead."],
    ['stream_options without stream', { stream_options: { include_usage: true } }, 'stream_options', null, "The 'stream_options' parameter is only allowed when 'stream' is enabled."],
    ['more output than the model has', { max_tokens: 20_000 }, 'max_tokens', 'invalid_value', 'max_tokens is too large: 20000. This model supports at most 16384 completion tokens, whereas you provided 20000.'],
    ['max_tokens of a reasoning model', { model: 'o3', max_tokens: 5 }, 'max_tokens', 'unsupported_parameter', "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."],
    ['a tool choice without tools', { tool_choice: 'required' }, 'tool_choice', null, "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."],
    ['the choice of a tool that is not there', { tools: [tool], tool_choice: { type: 'function', function: { name: 'g' } } }, 'tool_choice', null, "Invalid value for 'tool_choice': function 'g' not found in 'tools'."],
    ['a tool result without a call', { messages: [user, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] }, 'messages.[1].role', null, "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."],
    ['a call without its result', { messages: [user, called, user] }, 'messages.[2].role', null, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: call_1"],
    ['JSON mode without the word', { response_format: { type: 'json_object' } }, 'messages', null, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."],
    ['a misspelt fault', { metadata: { simulate: '501' } }, 'metadata.simulate', 'invalid_value', expect.stringContaining("Unknown fault '501'.")],
  ])('%s', async (_name, changes, param, code, message) => {
    const response = await bench.chat({ messages: [user], ...changes });
    expect(response.status).toBe(400);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await response.json()).toEqual({ error: { message, type: 'invalid_request_error', param, code } });
  });

  it.each([['not JSON', '{"model": '], ['a text', '"hello"'], ['a list', '[]'], ['nothing', ''], ['invalid UTF-8', Uint8Array.from([0x22, 0xff, 0x22])]])('a body that is %s', async (_name, body) => {
    const response = await bench.post('/chat/completions', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('could not parse the JSON body'), type: 'invalid_request_error', param: null, code: null } });
  });

  it('an unknown model, and a model of the other kind', async () => {
    const unknown = await bench.chat({ model: 'gpt-9' });
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toEqual({ error: { message: 'The model `gpt-9` does not exist or you do not have access to it.', type: 'invalid_request_error', param: null, code: 'model_not_found' } });
    expect((await bench.chat({ model: 'text-embedding-3-small' })).status).toBe(404);
    expect((await bench.post('/embeddings', { model: 'gpt-4o', input: 'x' })).status).toBe(403);
  });

  it('a missing and an invalid key', async () => {
    const wrong = await bench.chat({}, { key: 'sk-invalid' });
    expect(wrong.status).toBe(401);
    expect(await wrong.json()).toEqual({ error: { message: 'Incorrect API key provided: sk-invalid. You can find your API key at https://platform.openai.com/account/api-keys.', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } });
    const missing = await fetch(`${bench.simulator.url}/chat/completions`, { method: 'POST', body: '{}' });
    expect(missing.status).toBe(401);
    expect((await missing.json() as { error: { code: unknown } }).error.code).toBeNull();
    expect((await fetch(`${bench.simulator.url}/models`)).status).toBe(401);
  });

  it('a prompt beyond the window, whether it has to be counted or not', async () => {
    for (const content of ['word '.repeat(2_000_000), 'x'.repeat(10_000_000), 'xqzvjk wqpzx '.repeat(32_000)]) {
      const response = await bench.chat({ messages: [{ role: 'user', content }] });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { param: 'messages', code: 'context_length_exceeded', message: expect.stringContaining("This model's maximum context length is 128000 tokens.") } });
    }
  });

  it('a body over 64 MB', async () => {
    const response = await bench.post('/chat/completions', Buffer.alloc(64 * 1024 * 1024 + 1, 0x20));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } });
  });

  it('paths and methods that are not there', async () => {
    const authorization = 'Bearer sk-test';
    const notFound = await fetch(`${bench.simulator.url}/nothing`, { headers: { authorization } });
    expect([notFound.status, await notFound.json()]).toEqual([404, { error: { message: 'Invalid URL (GET /v1/nothing)', type: 'invalid_request_error', param: null, code: null } }]);
    expect((await fetch(`${bench.simulator.url}/embeddings`, { headers: { authorization } })).status).toBe(405);
    expect((await fetch(`${bench.simulator.url}/models/%E0%A4%A`, { headers: { authorization } })).status).toBe(404);
  });
});
