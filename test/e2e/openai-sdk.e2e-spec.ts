import OpenAI, { APIConnectionTimeoutError, APIError, APIUserAbortError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, RateLimitError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { formatUsd, idTime } from '@apex/common';
import { GenaiPriceBook } from '@apex/llm';
import { type Apex, startApex } from './support/apex.js';
import { failureOf } from './support/failure-of.js';
import { ledgerOf, nextRow, whenBusy } from './support/ledger.js';
import { type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.js';

const MODEL = 'gpt-4o-mini';
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Long enough that nobody can have sent all of it when its first token arrives. */
const LONG = '16000';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Chunk = OpenAI.ChatCompletionChunk;

const user = (content: string): OpenAI.ChatCompletionMessageParam => ({ role: 'user', content });
const ask = (content: string, more: Partial<Params> = {}): Params => ({ model: MODEL, messages: [user(content)], ...more });

const weather: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } }, required: ['city', 'days'], additionalProperties: false } },
};
const clock: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: { name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string', enum: ['UTC', 'CET'] } }, required: ['zone'], additionalProperties: false } },
};
const weatherArguments = z.strictObject({ city: z.string(), days: z.int().min(1).max(7) });
const clockArguments = z.strictObject({ zone: z.enum(['UTC', 'CET']) });

/** Spacing, member order and numbers as no serializer of ours would write them. */
const ODD_ANSWER = '{ "id":"x-1", "object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"h\\u00e9"},"finish_reason":"stop"}],\n "vendor": {"n": 1.50}, "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5} }';

/**
 * An abort's reason is made by Node itself, outside of jest's world, where its `Error` is another one; the SDK then
 * takes it for no error. Here it is made anew in ours.
 */
const withOwnErrors: typeof fetch = (...args) =>
  fetch(...args).catch((error: DOMException) => {
    throw Object.assign(new Error(error.message), { name: error.name });
  });

let apex: Apex;
let vendor: RecordingUpstream;
let openai: OpenAI;

beforeAll(async () => {
  vendor = await startRecordingUpstream(ODD_ANSWER);
  apex = await startApex({ env: { APEX_PROVIDERS: JSON.stringify([{ name: 'vendor', baseUrl: vendor.url, apiKeyEnv: 'VENDOR_API_KEY' }]), VENDOR_API_KEY: 'sk-vendor' } });
  openai = new OpenAI({ apiKey: apex.apiKey, baseURL: `${apex.baseUrl}/v1`, maxRetries: 0 });
}, 90_000);

afterAll(async () => {
  await apex?.close();
  await vendor?.close();
}, 60_000);

describe('chat', () => {
  it('answers, with the provider\'s own usage', async () => {
    const [row, ...more] = await ledgerOf(apex.simulator, async () => {
      const completion = await openai.chat.completions.create(ask('Name three rivers.'));
      expect(completion.object).toBe('chat.completion');
      expect(completion.choices).toHaveLength(1);
      expect(completion.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: expect.stringMatching(/\w/) } });
      expect(completion.usage?.total_tokens).toBe((completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0));
    });
    expect(more).toEqual([]);
    expect(row).toMatchObject({ outcome: 'completed', model: MODEL, stream: false, attemptId: expect.stringMatching(UUID_V7) });
  });

  it('gives n answers, and the same ones for the same seed', async () => {
    const order = ask('Invent a name for a boat.', { n: 3, seed: 42 });
    const [first, second, other] = await Promise.all([openai.chat.completions.create(order), openai.chat.completions.create(order), openai.chat.completions.create({ ...order, seed: 43 })]);
    expect(first.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    const texts = (completion: OpenAI.ChatCompletion): (string | null)[] => completion.choices.map((choice) => choice.message.content);
    expect(texts(second)).toEqual(texts(first));
    expect(texts(other)).not.toEqual(texts(first));
    expect(new Set(texts(first)).size).toBe(3);
  });

  it('gives logprobs', async () => {
    const completion = await openai.chat.completions.create(ask('One word, please.', { logprobs: true, top_logprobs: 2, max_tokens: 4 }));
    const content = completion.choices[0]?.logprobs?.content ?? [];
    expect(content).toHaveLength(4);
    expect(content.map((token) => token.token).join('')).toBe(completion.choices[0]?.message.content);
    for (const token of content) expect(token.top_logprobs).toHaveLength(2);
    expect(completion.choices[0]?.finish_reason).toBe('length');
  });

  it('passes pictures on', async () => {
    const image: OpenAI.ChatCompletionContentPart = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } };
    const [plain, seen] = await Promise.all([
      openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }] }] }),
      openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, image] }] }),
    ]);
    expect((seen.usage?.prompt_tokens ?? 0) - (plain.usage?.prompt_tokens ?? 0)).toBe(85);
  });

  it('counts hidden reasoning as completion', async () => {
    const { data, response } = await openai.chat.completions.create({ model: 'o4-mini', messages: [user('Think about it.')] }).withResponse();
    const reasoning = data.usage?.completion_tokens_details?.reasoning_tokens ?? 0;
    expect(reasoning).toBeGreaterThan(0);
    expect(data.usage?.completion_tokens).toBeGreaterThan(reasoning);
    expect(response.headers.get('x-tokens-used')).toBe(String(data.usage?.total_tokens));
  });

  it("shows the provider's prompt cache", async () => {
    const long = Array.from({ length: 1_500 }, (_, i) => `word${i}`).join(' ');
    await openai.chat.completions.create(ask(long));
    const again = await openai.chat.completions.create(ask(long));
    expect(again.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThanOrEqual(1_024);
  });
});

describe('streams', () => {
  const collect = async (stream: AsyncIterable<Chunk>): Promise<Chunk[]> => {
    const chunks: Chunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  const textOf = (chunks: readonly Chunk[]): string => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

  it('is the answer in pieces, in order, without a usage chunk that nobody asked for', async () => {
    const [whole, chunks] = await Promise.all([
      openai.chat.completions.create(ask('Tell me about tides.')),
      openai.chat.completions.create({ ...ask('Tell me about tides.'), stream: true }).then(collect),
    ]);
    expect(textOf(chunks)).toBe(whole.choices[0]?.message.content);
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.content).length).toBeGreaterThan(5);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.every((chunk) => chunk.choices.length === 1 && chunk.usage == null)).toBe(true);
  });

  it('ends with the usage chunk where it was asked for', async () => {
    const stream = await openai.chat.completions.create({ ...ask('Tell me about tides.'), stream: true, stream_options: { include_usage: true } });
    const chunks = await collect(stream);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
    expect(chunks.slice(0, -1).every((chunk) => chunk.choices.length === 1)).toBe(true);
  });

  it('passes deltas on while the provider is still writing', async () => {
    const before = apex.simulator.ledger().length;
    const stream = await openai.chat.completions.create({ ...ask('A long one.', { metadata: { simulate_tokens: LONG } }), stream: true });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    expect(apex.simulator.ledger()).toHaveLength(before);
    let text = '';
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) text += next.value.choices[0]?.delta.content ?? '';
    expect(text.length).toBeGreaterThan(Number(LONG));
    expect((await nextRow(apex.simulator, before)).completionTokens).toBe(Number(LONG));
  });

  it('stops the provider when the client leaves in the middle', async () => {
    const before = apex.simulator.ledger().length;
    const stream = await openai.chat.completions.create({ ...ask('A long one, again.', { metadata: { simulate_tokens: LONG } }), stream: true });
    for await (const chunk of stream) {
      expect(chunk.choices).toHaveLength(1);
      break;
    }
    const row = await nextRow(apex.simulator, before);
    expect(row.outcome).toBe('client_gone');
    expect(row.completionTokens).toBeLessThan(Number(LONG));
  });

  it('stops the provider when an abort signal fires before the first byte', async () => {
    const before = apex.simulator.ledger().length;
    const abort = new AbortController();
    const pending = openai.chat.completions.create(ask('Hello?', { metadata: { simulate: 'hang' } }), { signal: abort.signal });
    const failure = failureOf(pending);
    await whenBusy(apex.simulator);
    abort.abort();
    expect(await failure).toBeInstanceOf(APIUserAbortError);
    expect((await nextRow(apex.simulator, before)).outcome).toBe('hung');
  });

  it("tells a stream's tokens and cost in a comment before its end, where asked", async () => {
    const response = await apex.post('/v1/chat/completions', { ...ask('Tell me about tides.'), stream: true }, { 'x-apex-trailer': 'on' });
    const events = (await response.text()).split('\n\n').filter((event) => event !== '');
    expect(events.at(-1)).toBe('data: [DONE]');
    const comment = /^: apex (\{.*\})$/.exec(events.at(-2) ?? '');
    const [row] = apex.simulator.ledger().slice(-1);
    expect(JSON.parse(comment?.[1] ?? 'null')).toEqual({
      requestId: response.headers.get('x-request-id'),
      status: 'final',
      tokensUsed: (row?.promptTokens ?? 0) + (row?.completionTokens ?? 0),
      costUsd: expect.stringMatching(/^0\.0000\d{8}$/),
      savingsUsd: '0.000000000000',
    });
  });
});

describe('tools', () => {
  const calls = (message: OpenAI.ChatCompletionMessage | undefined): OpenAI.ChatCompletionMessageFunctionToolCall[] => (message?.tool_calls ?? []).filter((call) => call.type === 'function');

  it('calls one tool, and goes on with its result', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [user('What is the weather in Oslo?')];
    const first = await openai.chat.completions.create({ model: MODEL, messages, tools: [weather] });
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = calls(first.choices[0]?.message);
    expect(call?.function.name).toBe('get_weather');
    weatherArguments.parse(JSON.parse(call?.function.arguments ?? ''));
    messages.push(first.choices[0]!.message, { role: 'tool', tool_call_id: call!.id, content: '{"celsius":4}' });
    const second = await openai.chat.completions.create({ model: MODEL, messages, tools: [weather] });
    expect(second.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: expect.stringMatching(/\w/) } });
  });

  it('calls several at once', async () => {
    const completion = await openai.chat.completions.create({ ...ask('Weather and time, in parallel.'), tools: [weather, clock] });
    expect(calls(completion.choices[0]?.message).map((call) => call.function.name).sort()).toEqual(['get_time', 'get_weather']);
  });

  it('streams arguments in pieces that fit together', async () => {
    const stream = await openai.chat.completions.create({ ...ask('Weather and time, in parallel.'), tools: [weather, clock], stream: true });
    const found = new Map<number, { id: string; name: string; text: string; pieces: number }>();
    for await (const chunk of stream) {
      for (const delta of chunk.choices[0]?.delta.tool_calls ?? []) {
        const call = found.get(delta.index) ?? { id: delta.id ?? '', name: delta.function?.name ?? '', text: '', pieces: 0 };
        call.text += delta.function?.arguments ?? '';
        call.pieces += 1;
        found.set(delta.index, call);
      }
    }
    expect([...found.keys()]).toEqual([0, 1]);
    for (const call of found.values()) {
      expect(call.id).toMatch(/^call_/);
      expect(call.pieces).toBeGreaterThan(2);
      (call.name === 'get_weather' ? weatherArguments : clockArguments).parse(JSON.parse(call.text));
    }
  });

  it("works with the SDK's own loop", async () => {
    const asked: string[] = [];
    const runner = openai.chat.completions.runTools({
      ...ask('What is the weather in Oslo?'),
      tools: [{ type: 'function', function: { name: 'get_weather', description: 'The weather', parameters: weather.function.parameters as object, parse: (text: string) => weatherArguments.parse(JSON.parse(text)), function: ({ city }: z.output<typeof weatherArguments>) => { asked.push(city); return 'rain'; } } }],
    });
    expect(await runner.finalContent()).toMatch(/\w/);
    expect(asked).toHaveLength(1);
  });
});

describe('structured output', () => {
  const schema = z.object({ city: z.string(), population: z.int(), tags: z.array(z.string()) });

  it('is parsed by the SDK', async () => {
    const completion = await openai.chat.completions.parse({ ...ask('Describe a city.'), response_format: zodResponseFormat(schema, 'city') });
    expect(() => schema.parse(completion.choices[0]?.message.parsed)).not.toThrow();
  });

  it('is parsed from a stream', async () => {
    const stream = openai.chat.completions.stream({ ...ask('Describe a city.'), response_format: zodResponseFormat(schema, 'city'), stream: true });
    const completion = await stream.finalChatCompletion();
    expect(() => schema.parse(completion.choices[0]?.message.parsed)).not.toThrow();
  });

  it('may be any JSON object', async () => {
    const completion = await openai.chat.completions.create(ask('Answer in json.', { response_format: { type: 'json_object' } }));
    expect(JSON.parse(completion.choices[0]?.message.content ?? '')).toBeInstanceOf(Object);
  });
});

describe('embeddings and models', () => {
  it('gives the same vector as floats and as base64', async () => {
    const order = { model: 'text-embedding-3-small', input: ['a river', 'a lake'], dimensions: 64 };
    const [floats, viaBase64] = await Promise.all([openai.embeddings.create({ ...order, encoding_format: 'float' }), openai.embeddings.create(order)]);
    expect(floats.data).toHaveLength(2);
    for (const [index, item] of floats.data.entries()) {
      expect(item.embedding).toHaveLength(64);
      item.embedding.forEach((value, at) => expect(viaBase64.data[index]?.embedding[at]).toBeCloseTo(value, 6));
    }
    const base64 = await openai.embeddings.create({ ...order, encoding_format: 'base64' });
    expect(Buffer.from(base64.data[0]?.embedding as unknown as string, 'base64')).toHaveLength(64 * 4);
    expect(floats.usage.total_tokens).toBe(floats.usage.prompt_tokens);
  });

  it('lists the models, also those of a named provider that has none, and finds one', async () => {
    const models = await openai.models.list();
    expect(models.data.map((model) => model.id)).toEqual(expect.arrayContaining([MODEL, 'text-embedding-3-small']));
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model' });
    expect(await failureOf(openai.models.retrieve('no-such-model'))).toBeInstanceOf(NotFoundError);
  });
});

describe('what passes through', () => {
  const path = '/v1/chat/completions';

  it("leaves every byte of the body but the provider's prefix, and every byte of the answer", async () => {
    const body = '{ "model" : "vendor/tiny-1",\n"messages":[{"role":"user","content":"h\\u00e9llo \\"x\\"","vendor_hint":{"a":[1.0,2e3,null]}}], "unknown_field": 1e2, "metadata":{"team":"blue"} }';
    const response = await fetch(apex.baseUrl + path, { method: 'POST', headers: { authorization: `Bearer ${apex.apiKey}`, 'content-type': 'application/json' }, body });
    expect(await response.text()).toBe(ODD_ANSWER);
    const seen = vendor.seen.at(-1);
    expect(seen?.path).toBe(path);
    expect(seen?.body).toBe(body.replace('vendor/tiny-1', 'tiny-1'));
  });

  it("tells the provider its own key and nothing of the caller's headers", async () => {
    await apex.post(path, { model: 'vendor/tiny-1', messages: [user('hi')] }, { 'x-apex-session': 's-1', 'x-apex-tags': 'a,b', cookie: 'secret=1', 'x-forwarded-for': '10.1.2.3' });
    const headers = vendor.seen.at(-1)?.headers ?? {};
    expect(headers.authorization).toBe('Bearer sk-vendor');
    expect(Object.keys(headers).sort()).toEqual(['accept', 'authorization', 'connection', 'content-length', 'content-type', 'host', 'user-agent', 'x-client-request-id']);
  });

  it('serves a model without a price, and says that it has none', async () => {
    const response = await apex.post(path, { model: 'vendor/tiny-1', messages: [user('hi')] });
    expect(response.headers.get('x-apex-cost-usd')).toBe('unpriced');
    expect(response.headers.get('x-tokens-used')).toBe('5');
    await response.text();
  });
});

describe('response headers', () => {
  it('tells id, tokens, cohort, model and cost', async () => {
    const since = Date.now();
    const answered = (session: number) => openai.chat.completions.create(ask('Name three rivers.'), { headers: { 'x-apex-session': `rivers-${session}` } }).withResponse();
    let { data, response } = await answered(0);
    // One conversation in twenty is the experiment's control.
    for (let session = 1; response.headers.get('x-apex-cohort') === 'control'; session++) ({ data, response } = await answered(session));
    const { headers } = response;
    const id = headers.get('x-request-id') ?? '';
    expect(id).toMatch(UUID_V7);
    expect(idTime(id)).toBeGreaterThanOrEqual(since);
    expect(headers.get('x-tokens-used')).toBe(String(data.usage?.total_tokens));
    expect(headers.get('x-apex-cohort')).toBe('gateway');
    expect(headers.get('x-apex-model')).toBe(MODEL);
    expect(headers.get('x-apex-mechanism')).toBe('none');
    const usage = { promptTokens: data.usage!.prompt_tokens, cachedTokens: data.usage!.prompt_tokens_details?.cached_tokens ?? 0, cacheWriteTokens: 0, completionTokens: data.usage!.completion_tokens, reasoningTokens: 0 };
    const price = new GenaiPriceBook().price('openai', MODEL, usage, since);
    expect(headers.get('x-apex-cost-usd')).toBe(price.pricing === 'priced' ? formatUsd(price.costPicodollars) : 'a price');
    expect([...headers.keys()].filter((name) => name.startsWith('x-ratelimit-') || name.startsWith('openai-organization'))).toEqual([]);
  });

  it('says so on the direct path', async () => {
    const direct = new OpenAI({ apiKey: apex.apiKey, baseURL: `${apex.baseUrl}/direct/v1`, maxRetries: 0 });
    const { data, response } = await direct.chat.completions.create(ask('Name three rivers.')).withResponse();
    expect(data.choices[0]?.message.content).toMatch(/\w/);
    expect(response.headers.get('x-apex-cohort')).toBe('direct; reason=direct_path');
    const stream = await direct.chat.completions.create({ ...ask('Name three rivers.'), stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(data.choices[0]?.message.content);
    expect((await direct.models.list()).data.length).toBeGreaterThan(0);
    expect((await direct.embeddings.create({ model: 'text-embedding-3-small', input: 'x' })).data).toHaveLength(1);
  });
});

describe("errors are the SDK's own", () => {
  const simulate = (fault: string, id?: string): Params => ask('Hello.', { metadata: { simulate: fault, ...(id === undefined ? {} : { simulate_id: id }) } });

  it('AuthenticationError for a key that is not known', async () => {
    const stranger = new OpenAI({ apiKey: `apex_${'x'.repeat(43)}`, baseURL: `${apex.baseUrl}/v1`, maxRetries: 0 });
    const error = await failureOf(stranger.chat.completions.create(ask('Hello.')));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error', requestID: expect.stringMatching(UUID_V7) });
  });

  it("BadRequestError for Apex's own checks and for the provider's", async () => {
    const own = await failureOf(openai.chat.completions.create({ ...ask('x'), n: 0 }));
    expect(own).toBeInstanceOf(BadRequestError);
    expect(own).toMatchObject({ code: 'invalid_value', param: 'n' });
    const theirs = await failureOf(openai.chat.completions.create({ ...ask('x'), temperature: 9 }));
    expect(theirs).toBeInstanceOf(BadRequestError);
    expect(theirs).toMatchObject({ param: 'temperature' });
  });

  it('NotFoundError for an unknown model', async () => {
    const error = await failureOf(openai.chat.completions.create({ ...ask('x'), model: 'gpt-17' }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found' });
  });

  it('RateLimitError when the provider goes on refusing', async () => {
    const rows = await ledgerOf(apex.simulator, async () => {
      const error = await failureOf(openai.chat.completions.create(simulate('429;retry_after=0.01')));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
      expect((error as APIError).headers?.get('retry-after')).toBe('1');
    });
    expect(rows.map((row) => row.httpStatus)).toEqual([429, 429, 429]);
  });

  it('InternalServerError when the provider goes on failing', async () => {
    const rows = await ledgerOf(apex.simulator, async () => {
      expect(await failureOf(openai.chat.completions.create(simulate('500')))).toBeInstanceOf(InternalServerError);
    });
    expect(rows.map((row) => row.httpStatus)).toEqual([500, 500, 500]);
  });

  it('InternalServerError with a reason of ours when the answer is no JSON', async () => {
    const error = await failureOf(openai.chat.completions.create(simulate('malformed')));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: 'upstream_malformed_response' });
  });

  it("APIError inside a stream that the provider cuts", async () => {
    const stream = await openai.chat.completions.create({ ...simulate('cut=5'), stream: true });
    let seen = 0;
    const error = await failureOf((async () => {
      for await (const chunk of stream) seen += chunk.choices.length;
    })());
    expect(seen).toBeGreaterThan(0);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'upstream_interrupted' });
  });

  it('APIConnectionTimeoutError when the SDK gives up first', async () => {
    const before = apex.simulator.ledger().length;
    const impatient = openai.withOptions({ fetch: withOwnErrors });
    const error = await failureOf(impatient.chat.completions.create(simulate('hang'), { timeout: 300 }));
    expect(error).toBeInstanceOf(APIConnectionTimeoutError);
    expect((await nextRow(apex.simulator, before)).outcome).toBe('hung');
  });

  it('a 504 when Apex gives up first: it knows how long the SDK waits', async () => {
    const [row] = await ledgerOf(apex.simulator, async () => {
      const error = await failureOf(openai.chat.completions.create(simulate('hang'), { timeout: 1_999 }));
      expect(error).toBeInstanceOf(InternalServerError);
      expect(error).toMatchObject({ status: 504, code: 'upstream_timeout' });
    });
    expect(row?.outcome).toBe('hung');
  });
});

describe('retries', () => {
  it('waits as long as the provider asks after a 429, and then succeeds', async () => {
    const rows = await ledgerOf(apex.simulator, async () => {
      const completion = await openai.chat.completions.create(ask('Hello.', { metadata: { simulate: '429;retry_after=0.4;times=1', simulate_id: 'retry-after' } }));
      expect(completion.choices).toHaveLength(1);
    });
    expect(rows.map((row) => row.httpStatus)).toEqual([429, 200]);
    expect(Date.parse(rows[1]!.startedAt) - Date.parse(rows[0]!.endedAt)).toBeGreaterThanOrEqual(400);
    expect(new Set(rows.map((row) => row.attemptId)).size).toBe(2);
  });

  it('gets past two errors, whole and streamed', async () => {
    const rows = await ledgerOf(apex.simulator, async () => {
      const metadata = (id: string): Partial<Params> => ({ metadata: { simulate: '500;times=2', simulate_id: id } });
      await openai.chat.completions.create(ask('Hello.', metadata('twice-whole')));
      const stream = await openai.chat.completions.create({ ...ask('Hello.', metadata('twice-stream')), stream: true });
      const chunks: Chunk[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    });
    expect(rows.map((row) => row.httpStatus)).toEqual([500, 500, 200, 500, 500, 200]);
  });
});
