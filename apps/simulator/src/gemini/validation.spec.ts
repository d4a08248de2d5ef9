import { Bench } from '../spec-support.js';

const user = (...parts: object[]): object => ({ role: 'user', parts });
const model = (...parts: object[]): object => ({ role: 'model', parts });
const text = { text: 'x' };
const call = { functionCall: { name: 'f', args: {} } };
const response = { functionResponse: { name: 'f', response: {} } };
const tools = (declaration: object): object => ({ tools: [{ functionDeclarations: [{ name: 'f', ...declaration }] }] });

describe('what Google refuses', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());

  it.each<[string, object, unknown]>([
    ['no contents', { contents: undefined }, '* GenerateContentRequest.contents: required field is missing\n'],
    ['an empty list of contents', { contents: [] }, '* GenerateContentRequest.contents: contents is not specified\n'],
    ['no parts', { contents: [user()] }, '* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n'],
    ['an empty part', { contents: [user({})] }, "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one initialized field\n"],
    ['a part of two kinds', { contents: [user({ text: 'x', inlineData: { mimeType: 'image/png', data: 'aaaa' } })] }, "* GenerateContentRequest.contents[0].parts[0]: oneof field 'data' is already set. Cannot set 'inlineData'\n"],
    ['an unknown role', { contents: [{ role: 'assistant', parts: [text] }] }, 'Please use a valid role: user, model.'],
    ['an unknown member', { max_tokens: 5 }, 'Invalid JSON payload received. Unknown name "max_tokens": Cannot find field.'],
    ['an unknown member inside', { contents: [{ role: 'user', content: 'x', parts: [text] }] }, 'Invalid JSON payload received. Unknown name "content" at \'contents[0]\': Cannot find field.'],
    ['a text that is none', { contents: [user({ text: 5 })] }, "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"],
    ['a model that ends', { contents: [user(text), model(text)] }, 'Please ensure that multiturn requests end with a user role or a function response.'],
    ['a call that begins', { contents: [model(call), user(response)] }, 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.'],
    ['a response without its call', { contents: [user(text), model(text), user(response)] }, expect.stringContaining('Please ensure that function response turn comes immediately after a function call turn.')],
    ['fewer responses than calls', { contents: [user(text), model(call, call), user(response)] }, expect.stringContaining('the number of function response parts should be equal')],
    ['too much heat', { generationConfig: { temperature: 3 } }, '* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n'],
    ['more output than the model has', { generationConfig: { maxOutputTokens: 70_000 } }, expect.stringContaining('maxOutputTokens value of 70000 but the supported range is from 1 (inclusive) to 65537 (exclusive).')],
    ['six stop sequences', { generationConfig: { stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] } }, expect.stringContaining('generation_config.stop_sequences')],
    ['a schema without its type', { generationConfig: { responseJsonSchema: {} } }, expect.stringContaining('only allowed when response_mime_type is "application/json"')],
    ['functions and JSON at once', { ...tools({}), generationConfig: { responseMimeType: 'application/json' } }, "Function calling with a response mime type: 'application/json' is unsupported"],
    ['a JSON Schema as parameters', tools({ parameters: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false } }), 'Invalid JSON payload received. Unknown name "additional_properties" at \'tools[0].function_declarations[0].parameters\': Cannot find field.'],
    ['a format it has not', tools({ parameters: { type: 'OBJECT', properties: { a: { type: 'STRING', format: 'uri' } } } }), "* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties[a].format: only 'enum' and 'date-time' are supported for STRING type\n"],
    ['an object of nothing', tools({ parameters: { type: 'OBJECT' } }), '* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties: should be non-empty for OBJECT type\n'],
    ['a function with a strange name', tools({ name: '1 f' }), expect.stringContaining('function_declarations[0].name: [FIELD_INVALID] Invalid function name.')],
    ['two functions of one name', { tools: [{ functionDeclarations: [{ name: 'f' }, { name: 'f' }] }] }, 'Duplicate function declaration found: f'],
    ['names allowed without force', { ...tools({}), toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['f'] } } }, expect.stringContaining('allowed_function_names may only be set when the mode is ANY')],
    ['a level of thought', { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } }, 'Thinking level is not supported for this model.'],
    ['too large a budget', { generationConfig: { thinkingConfig: { thinkingBudget: 30_000 } } }, 'The thinking budget 30000 is invalid. Please choose a value between 1 and 24576.'],
    ['thoughts shown of none', { generationConfig: { thinkingConfig: { thinkingBudget: 0, includeThoughts: true } } }, 'Thinking_config.include_thoughts is only enabled when thinking is enabled.'],
    ['a foreign signature', { contents: [user(text), model({ ...call, thoughtSignature: 'aaaa' }), user(response)] }, 'Thought signature is not valid.'],
  ])('%s', async (name, changes, message) => {
    const answer = await bench.gemini(changes, { id: name });
    expect(await answer.json()).toMatchObject({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } });
    expect(answer.status).toBe(400);
    expect(await bench.row(name)).toMatchObject({ protocol: 'gemini', endpoint: 'generateContent', model: 'gemini-2.5-flash', outcome: 'refused', billed: false });
  });

  it('names the field at fault', async () => {
    expect(await (await bench.gemini({ tools: [{ google: {} }] })).json()).toMatchObject({ error: { details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'tools[0]', description: expect.stringContaining('Unknown name "google"') }] }] } });
  });

  it('no member in snake case: Google takes those too', async () => {
    const snake = await bench.gemini({ system_instruction: { parts: [text] }, generation_config: { max_output_tokens: 9, thinking_config: { thinking_budget: 0 } }, ...tools({ parameters: { type: 'object', properties: { a_b: { type: 'string' } }, required: ['a_b'] } }) });
    expect(await snake.json()).toMatchObject({ usageMetadata: { candidatesTokenCount: 9 } });
    const contents = [user(text), model({ function_call: { name: 'f', args: { a_b: 1 } }, thought_signature: 'skip_thought_signature_validator' }), user({ function_response: { name: 'f', response: {} } })];
    expect((await bench.gemini({ contents })).status).toBe(200);
  });

  it('a model that always thinks, told not to', async () => {
    const answer = await bench.gemini({ generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }, { model: 'gemini-2.5-pro' });
    expect(await answer.json()).toMatchObject({ error: { message: 'Budget 0 is invalid. This model only works in thinking mode.' } });
  });

  it('a missing or wrong key, an unknown model or method, and what is no JSON', async () => {
    const post = async (path: string, headers: Record<string, string>, body = '{}'): Promise<unknown> => {
      const answer = await fetch(`${bench.simulator.geminiUrl}${path}`, { method: 'POST', headers, body });
      return ((await answer.json()) as { error: object }).error;
    };
    const path = '/v1beta/models/gemini-2.5-flash:generateContent';
    expect(await post(path, {})).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
    expect(await post(path, { 'x-goog-api-key': 'sk-invalid' })).toMatchObject({ code: 400, details: [{ reason: 'API_KEY_INVALID' }] });
    expect(await post(`${path}?key=k`, {}, '[')).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
    expect(await post('/v1beta/models/gemini-9:generateContent', { 'x-goog-api-key': 'k' })).toMatchObject({ code: 404, status: 'NOT_FOUND', message: expect.stringContaining('models/gemini-9 is not found for API version v1beta') });
    expect(await post('/v1/models/gemini-2.5-flash:countTokens', { 'x-goog-api-key': 'k' })).toMatchObject({ code: 404, status: 'NOT_FOUND' });
  });

  it('a prompt beyond the window', async () => {
    const answer = await bench.gemini({ contents: [user({ text: 'word '.repeat(2_000_000) })] });
    expect(await answer.json()).toMatchObject({ error: { message: 'The input token count (more than 1048576) exceeds the maximum number of tokens allowed (1048576).' } });
  });
});
