import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, type ChatOpenAIFields, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { type Apex, startApex } from './support/apex.js';
import { failureOf } from './support/failure-of.js';
import { nextRow, whenBusy } from './support/ledger.js';

const MODEL = 'gpt-4o-mini';

let apex: Apex;

beforeAll(async () => {
  apex = await startApex();
}, 90_000);

afterAll(() => apex?.close(), 60_000);

const chat = (fields: ChatOpenAIFields = {}): ChatOpenAI =>
  new ChatOpenAI({ model: MODEL, apiKey: apex.apiKey, maxRetries: 0, useResponsesApi: false, ...fields, configuration: { baseURL: `${apex.baseUrl}/v1` } });

const getWeather = tool(({ city }) => `rain in ${city}`, { name: 'get_weather', description: 'The weather of a city', schema: z.object({ city: z.string() }) });

describe('ChatOpenAI', () => {
  it('answers, with usage', async () => {
    const answer = await chat().invoke([new SystemMessage('Be brief.'), new HumanMessage('Name three rivers.')]);
    expect(answer.text).toMatch(/\w/);
    const row = apex.simulator.ledger().at(-1);
    expect(answer.usage_metadata).toMatchObject({ input_tokens: row?.promptTokens, output_tokens: row?.completionTokens });
  });

  it('streams pieces that fit together, with usage at the end', async () => {
    const pieces: string[] = [];
    let tokens = 0;
    for await (const chunk of await chat().stream('Tell me about tides.')) {
      pieces.push(chunk.text);
      tokens += chunk.usage_metadata?.total_tokens ?? 0;
    }
    const whole = await chat().invoke('Tell me about tides.');
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe(whole.text);
    expect(tokens).toBe(whole.usage_metadata?.total_tokens);
  });

  it('calls tools and goes on with their results', async () => {
    const model = chat().bindTools([getWeather]);
    const question = new HumanMessage('What is the weather in Oslo?');
    const first = await model.invoke([question]);
    expect(first.tool_calls).toHaveLength(1);
    const call = first.tool_calls![0]!;
    const result = await getWeather.invoke({ name: call.name, args: call.args, id: call.id ?? '', type: 'tool_call' });
    expect(result).toBeInstanceOf(ToolMessage);
    const second = await model.invoke([question, first, result as ToolMessage]);
    expect(second).toBeInstanceOf(AIMessage);
    expect(second.tool_calls).toEqual([]);
    expect(second.text).toMatch(/\w/);
  });

  it('streams tool calls', async () => {
    let whole: Awaited<ReturnType<ReturnType<typeof chat>['invoke']>> | undefined;
    for await (const chunk of await chat().bindTools([getWeather]).stream('What is the weather in Oslo?')) whole = whole === undefined ? chunk : whole.concat(chunk);
    expect(whole?.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: expect.any(String) as string } }]);
  });

  it.each(['jsonSchema', 'functionCalling'] as const)('gives structured output by %s', async (method) => {
    const schema = z.object({ city: z.string(), population: z.int() });
    const answer = await chat().withStructuredOutput(schema, { name: 'city', method }).invoke('Describe a city.');
    expect(() => schema.parse(answer)).not.toThrow();
  });

  it('cancels the provider by an abort signal, before the first byte', async () => {
    const before = apex.simulator.ledger().length;
    const abort = new AbortController();
    const failure = failureOf(chat({ modelKwargs: { metadata: { simulate: 'hang' } } }).invoke('Hello?', { signal: abort.signal }));
    await whenBusy(apex.simulator);
    abort.abort();
    expect((await failure).message).toMatch(/abort/i);
    expect((await nextRow(apex.simulator, before)).outcome).toBe('hung');
  });

  it('cancels the provider by an abort signal, in mid-stream', async () => {
    const before = apex.simulator.ledger().length;
    const abort = new AbortController();
    const stream = await chat({ modelKwargs: { metadata: { simulate_tokens: '16000' } } }).stream('A long one.', { signal: abort.signal });
    const failure = failureOf((async () => {
      for await (const chunk of stream) if (chunk.text !== '') abort.abort();
    })());
    expect((await failure).message).toMatch(/abort/i);
    expect((await nextRow(apex.simulator, before)).outcome).toBe('client_gone');
  });

  it("raises the provider's refusals with their status and code", async () => {
    const unknown = await failureOf(chat({ model: 'gpt-17' }).invoke('Hello.'));
    expect(unknown).toMatchObject({ status: 404, code: 'model_not_found' });
    const stranger = await failureOf(chat({ apiKey: 'apex_nobody' }).invoke('Hello.'));
    expect(stranger).toMatchObject({ status: 401, code: 'invalid_api_key' });
    const limited = await failureOf(chat({ modelKwargs: { metadata: { simulate: '429;retry_after=0.01' } } }).invoke('Hello.'));
    expect(limited).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
  });
});

describe('OpenAIEmbeddings', () => {
  it('embeds one text and several, the same each time', async () => {
    const embeddings = new OpenAIEmbeddings({ model: 'text-embedding-3-small', apiKey: apex.apiKey, maxRetries: 0, configuration: { baseURL: `${apex.baseUrl}/v1` } });
    const query = await embeddings.embedQuery('a river');
    expect(query).toHaveLength(1_536);
    const documents = await embeddings.embedDocuments(['a river', 'a lake']);
    expect(documents[0]).toEqual(query);
    expect(documents[1]).not.toEqual(query);
  });
});
