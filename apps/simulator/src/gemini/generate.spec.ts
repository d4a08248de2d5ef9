import { ApiError, type Content, type FunctionCall, FunctionCallingConfigMode, type FunctionDeclaration, type GenerateContentConfig, type GenerateContentResponse, GoogleGenAI, type HttpOptions, Type } from '@google/genai';
import { Bench, fetchWithoutDispatcher } from '../spec-support.js';

const weather: FunctionDeclaration = { name: 'get_weather', description: 'The weather of a city.', parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING }, days: { type: Type.ARRAY, items: { type: Type.INTEGER }, minItems: '2', maxItems: '2' } }, required: ['city'] } };
const time: FunctionDeclaration = { name: 'get_time', parametersJsonSchema: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } };
const tools = [{ functionDeclarations: [weather, time] }];
const off = { thinkingConfig: { thinkingBudget: 0 } };

describe('the Gemini endpoint and the official SDK', () => {
  let bench: Bench;
  let client: GoogleGenAI;
  const sdk = (options: HttpOptions = {}, apiKey = 'sk-test'): GoogleGenAI => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: bench.simulator.geminiUrl, fetch: fetchWithoutDispatcher, ...options } });
  beforeAll(async () => {
    bench = await Bench.start();
    client = sdk();
  });
  afterAll(() => bench.simulator.close());
  const create = (contents: string | Content[], config: GenerateContentConfig = {}, model = 'gemini-2.5-flash', api = client): Promise<GenerateContentResponse> => api.models.generateContent({ model, contents, config });
  const stream = async (contents: string | Content[], config: GenerateContentConfig = {}, model = 'gemini-2.5-flash'): Promise<GenerateContentResponse[]> => {
    const chunks: GenerateContentResponse[] = [];
    for await (const chunk of await client.models.generateContentStream({ model, contents, config })) chunks.push(chunk);
    return chunks;
  };
  const textOf = (chunks: readonly GenerateContentResponse[], thought = false): string => chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []).filter((part) => (part.thought ?? false) === thought).map((part) => part.text ?? '').join('');

  it.each(['v1', 'v1beta'])('answers in words under %s', async (apiVersion) => {
    const api = sdk({ apiVersion });
    const response = await create('Tell me about tides.', { ...off, systemInstruction: 'Be brief.' }, 'gemini-2.5-flash', api);
    expect(response.candidates).toMatchObject([{ content: { role: 'model' }, finishReason: 'STOP', index: 0 }]);
    expect(response.modelVersion).toBe('gemini-2.5-flash');
    const usage = response.usageMetadata;
    expect(usage?.totalTokenCount).toBe((usage?.promptTokenCount ?? 0) + (usage?.candidatesTokenCount ?? 0));
    expect(usage).toMatchObject({ promptTokensDetails: [{ modality: 'TEXT', tokenCount: usage?.promptTokenCount }] });
    expect(usage).not.toHaveProperty('thoughtsTokenCount');
    expect((await create('Tell me about tides.', { ...off, systemInstruction: 'Be brief.' })).text).toBe(response.text);
  });

  it('streams what it would have answered, with the usage up to each chunk', async () => {
    const whole = await create('Tell me about tides.');
    const chunks = await stream('Tell me about tides.');
    expect(textOf(chunks)).toBe(whole.text);
    expect(chunks.at(-1)).toMatchObject({ candidates: [{ finishReason: 'STOP' }], usageMetadata: whole.usageMetadata });
    expect(chunks.slice(0, -1).every((chunk) => chunk.candidates?.[0]?.finishReason === undefined)).toBe(true);
    const totals = chunks.map((chunk) => chunk.usageMetadata?.totalTokenCount ?? 0);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(new Set(chunks.map((chunk) => chunk.responseId)).size).toBe(1);
  });

  it('frames its chunks as Google does: events with carriage returns, or an array', async () => {
    const events = await bench.gemini({}, { method: 'streamGenerateContent?alt=sse' });
    expect(events.headers.get('content-type')).toBe('text/event-stream');
    const text = await events.text();
    expect(text.split('\r\n\r\n').filter((event) => event !== '').every((event) => event.startsWith('data: {"candidates"'))).toBe(true);
    const array = await (await bench.gemini({}, { method: 'streamGenerateContent' })).json() as object[];
    expect(array.length).toBe(text.split('\r\n\r\n').length - 1);
  });

  it('stops at limits and stop sequences, also while it thinks', async () => {
    expect(await create('Tell me about tides.', { ...off, maxOutputTokens: 5 })).toMatchObject({ candidates: [{ finishReason: 'MAX_TOKENS' }], usageMetadata: { candidatesTokenCount: 5 } });
    const starved = await create('Tell me about tides.', { maxOutputTokens: 20 }, 'gemini-2.5-pro');
    expect(starved.candidates).toEqual([{ content: { role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }]);
    expect(starved.usageMetadata).toMatchObject({ thoughtsTokenCount: 20 });
    expect(starved.usageMetadata).not.toHaveProperty('candidatesTokenCount');
    const stopped = await create('Tell me about tides.', { ...off, stopSequences: [' the'] });
    expect(stopped.text).not.toContain(' the');
    const chunks = await stream('Tell me about tides.', { ...off, stopSequences: [' the'] });
    expect([textOf(chunks), chunks.at(-1)?.usageMetadata]).toEqual([stopped.text, stopped.usageMetadata]);
    expect((await create('Hi', { ...off, candidateCount: 2 })).candidates).toHaveLength(2);
  });

  it('shows its thoughts when asked to, and counts them beside the answer', async () => {
    const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 1_000 } };
    const whole = await create('Tell me about tides.', config, 'gemini-2.5-pro');
    expect(whole.candidates?.[0]?.content?.parts).toMatchObject([{ thought: true, text: expect.any(String) }, { text: expect.any(String) }]);
    const chunks = await stream('Tell me about tides.', config, 'gemini-2.5-pro');
    expect(textOf(chunks, true)).toBe(whole.candidates?.[0]?.content?.parts?.[0]?.text);
    expect(textOf(chunks)).toBe(whole.text);
    const usage = whole.usageMetadata;
    expect(usage?.thoughtsTokenCount).toBeGreaterThan(100);
    expect(usage?.totalTokenCount).toBe((usage?.promptTokenCount ?? 0) + (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0));
    expect((await create('Hi', {}, 'gemini-2.5-flash-lite')).usageMetadata).not.toHaveProperty('thoughtsTokenCount');
  });

  it('calls functions, one or two at once, signs its thoughts, and takes results', async () => {
    const ask: Content[] = [{ role: 'user', parts: [{ text: 'Use both tools in parallel' }] }];
    const whole = await create(ask, { tools });
    expect(whole.candidates?.[0]?.finishReason).toBe('STOP');
    const calls = whole.functionCalls as FunctionCall[];
    expect(new Set(calls.map((call) => call.name))).toEqual(new Set(['get_weather', 'get_time']));
    expect(calls.find((call) => call.name === 'get_weather')?.args).toEqual({ city: expect.any(String), days: [expect.any(Number), expect.any(Number)] });
    const streamed = (await stream(ask, { tools })).flatMap((chunk) => chunk.functionCalls ?? []);
    expect(streamed).toEqual(calls);
    const turn = whole.candidates?.[0]?.content as Content;
    expect(turn.parts?.map((part) => part.thoughtSignature !== undefined)).toEqual([true, false]);
    const results: Content = { role: 'user', parts: calls.map((call) => ({ functionResponse: { name: call.name ?? '', response: { output: 'fine' } } })) };
    expect((await create([...ask, turn, results], { tools })).text).toEqual(expect.any(String));
    const altered = { ...turn, parts: turn.parts?.map((part, index) => (index === 0 ? { ...part, thoughtSignature: `A${part.thoughtSignature?.slice(1)}` } : part)) } as Content;
    await expect(create([...ask, altered, results], { tools })).rejects.toMatchObject({ status: 400 });
    const called = async (functionCallingConfig: object, text = 'Hello'): Promise<string[]> => (await create(text, { tools, toolConfig: { functionCallingConfig } })).functionCalls?.map((call) => call.name ?? '') ?? [];
    expect(await called({ mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_time'] })).toEqual(['get_time']);
    expect(await called({ mode: FunctionCallingConfigMode.ANY })).toHaveLength(1);
    expect(await called({ mode: FunctionCallingConfigMode.NONE }, 'weather')).toEqual([]);
  });

  it('gives structured output by either kind of schema', async () => {
    const json = async (config: GenerateContentConfig): Promise<unknown> => JSON.parse((await create('Describe a product', { ...config, responseMimeType: 'application/json' })).text ?? '');
    expect(await json({ responseJsonSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } })).toEqual({ name: expect.any(String) });
    expect(await json({ responseSchema: { type: Type.OBJECT, properties: { size: { type: Type.INTEGER } }, required: ['size'] } })).toEqual({ size: expect.any(Number) });
    expect(await json({})).toEqual(expect.any(Object));
  });

  it('reads pictures and documents, and discounts what it has cached', async () => {
    const media: Content[] = [{ role: 'user', parts: [{ text: 'What is it?' }, { inlineData: { mimeType: 'image/png', data: 'aGk=' } }, { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } }] }];
    expect((await create(media)).usageMetadata?.promptTokensDetails).toEqual([{ modality: 'TEXT', tokenCount: expect.any(Number) }, { modality: 'IMAGE', tokenCount: 1_032 }, { modality: 'DOCUMENT', tokenCount: 258 }]);
    const config = { systemInstruction: 'You are careful. '.repeat(400) };
    expect((await create('Hello', config)).usageMetadata).not.toHaveProperty('cachedContentTokenCount');
    const again = (await create('Hello', config)).usageMetadata;
    expect(again?.cachedContentTokenCount).toBeGreaterThanOrEqual(1_024);
    expect(again?.promptTokenCount).toBeGreaterThan(again?.cachedContentTokenCount ?? 0);
  });

  it('lists and finds models', async () => {
    const names: string[] = [];
    for await (const model of await client.models.list()) names.push(model.name ?? '');
    expect(names).toEqual(['models/gemini-2.5-pro', 'models/gemini-2.5-flash', 'models/gemini-2.5-flash-lite']);
    expect(await client.models.get({ model: 'gemini-2.5-pro' })).toMatchObject({ name: 'models/gemini-2.5-pro', outputTokenLimit: 65_536 });
  });

  it.each([['429;retry_after=2', 429], ['500', 500], ['503', 503], ['529', 503], ['stream_error', 500]])('raises its own class for %s', async (fault, status) => {
    const error = await create(`[[simulate:${fault}]] Hello`).catch((raised: unknown) => raised);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status });
    if (status === 429) expect((error as ApiError).message).toContain('"retryDelay":"2s"');
  });

  it('takes an order from the system instruction too, and out of the prompt', async () => {
    const plain = await create('Hello', { systemInstruction: 'Be brief.' });
    const ordered = await create('Hello', { systemInstruction: '[[simulate:slow_first_byte=1]] Be brief.' });
    expect([ordered.text, ordered.usageMetadata]).toEqual([plain.text, plain.usageMetadata]);
    expect((await create('[[simulate:tokens=77]]Hello', off)).usageMetadata?.candidatesTokenCount).toBe(77);
    await expect(create('[[simulate:501]]')).rejects.toMatchObject({ status: 400 });
    await expect(create('Hello', {}, 'gemini-2.5-flash', sdk({}, 'sk-invalid'))).rejects.toMatchObject({ status: 400 });
  });

  it('breaks off a stream with the error as it stands', async () => {
    const response = await bench.gemini({ contents: [{ role: 'user', parts: [{ text: '[[simulate:stream_error=2]] Tell me about tides.' }] }] }, { method: 'streamGenerateContent?alt=sse', id: 'overload' });
    const [first, second, error] = (await response.text()).split('\r\n\r\n');
    expect([first, second].every((event) => event?.startsWith('data: '))).toBe(true);
    expect(JSON.parse(error ?? '')).toEqual({ error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' } });
    expect(await bench.row('overload')).toMatchObject({ protocol: 'gemini', endpoint: 'generateContent', outcome: 'cut', httpStatus: 200, billed: true });
    // The SDK's own class only where the error comes in a network read of its own, which is not for us to say.
    await expect(stream('[[simulate:stream_error=2]] Tell me about tides.')).rejects.toThrow();
  });
});
