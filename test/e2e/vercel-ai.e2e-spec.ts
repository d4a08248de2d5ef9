import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embed, embedMany, generateText, isStepCount, Output, streamText, tool } from 'ai';
import { z } from 'zod';
import { type Apex, startApex } from './support/apex.js';
import { failureOf } from './support/failure-of.js';
import { nextRow, whenBusy } from './support/ledger.js';

let apex: Apex;

beforeAll(async () => {
  apex = await startApex();
}, 90_000);

afterAll(() => apex?.close(), 60_000);

const provider = (apiKey = apex.apiKey) => createOpenAI({ apiKey, baseURL: `${apex.baseUrl}/v1` });
const model = (name = 'gpt-4o-mini') => provider().chat(name);
const metadata = (values: Record<string, string>) => ({ openai: { metadata: values } });

describe('text', () => {
  it('is generated, with usage', async () => {
    const { text, usage, finishReason } = await generateText({ model: model(), prompt: 'Name three rivers.', maxRetries: 0 });
    expect(text).toMatch(/\w/);
    expect(finishReason).toBe('stop');
    const row = apex.simulator.ledger().at(-1);
    expect(usage).toMatchObject({ inputTokens: row?.promptTokens, outputTokens: row?.completionTokens });
  });

  it('streams in pieces that fit together, with usage at the end', async () => {
    const result = streamText({ model: model(), prompt: 'Tell me about tides.', maxRetries: 0 });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    const whole = await generateText({ model: model(), prompt: 'Tell me about tides.', maxRetries: 0 });
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe(whole.text);
    expect((await result.usage).totalTokens).toBe(whole.usage.totalTokens);
    expect(await result.finishReason).toBe('stop');
  });
});

describe('tools', () => {
  const asked: string[] = [];
  const tools = {
    get_weather: tool({
      description: 'The weather of a city',
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }) => {
        asked.push(city);
        return { celsius: 4 };
      },
    }),
  };

  it('are called, and their results used', async () => {
    asked.length = 0;
    const { text, steps } = await generateText({ model: model(), tools, prompt: 'What is the weather in Oslo?', stopWhen: isStepCount(3), maxRetries: 0 });
    expect(steps.map((step) => step.finishReason)).toEqual(['tool-calls', 'stop']);
    expect(asked).toHaveLength(1);
    expect(text).toMatch(/\w/);
  });

  it('are called from a stream', async () => {
    asked.length = 0;
    const result = streamText({ model: model(), tools, prompt: 'What is the weather in Oslo?', stopWhen: isStepCount(3), maxRetries: 0 });
    expect(await result.text).toMatch(/\w/);
    expect(asked).toHaveLength(1);
  });
});

describe('structured output', () => {
  const schema = z.object({ city: z.string(), population: z.int() });

  it('is generated', async () => {
    const { output } = await generateText({ model: model(), output: Output.object({ schema }), prompt: 'Describe a city.', maxRetries: 0 });
    expect(() => schema.parse(output)).not.toThrow();
  });

  it('is streamed', async () => {
    const result = streamText({ model: model(), output: Output.object({ schema }), prompt: 'Describe a city.', maxRetries: 0 });
    let partials = 0;
    for await (const _partial of result.partialOutputStream) partials += 1;
    expect(partials).toBeGreaterThan(1);
    schema.parse(await result.output);
  });
});

describe('embeddings', () => {
  it('are the same for the same text', async () => {
    const embedding = provider().embedding('text-embedding-3-small');
    const one = await embed({ model: embedding, value: 'a river', maxRetries: 0 });
    const many = await embedMany({ model: embedding, values: ['a river', 'a lake'], maxRetries: 0 });
    expect(one.embedding).toHaveLength(1_536);
    expect(many.embeddings[0]).toEqual(one.embedding);
    expect(many.embeddings[1]).not.toEqual(one.embedding);
    expect(one.usage.tokens).toBeGreaterThan(0);
  });
});

describe('an abort', () => {
  it('before the first byte cancels the provider', async () => {
    const before = apex.simulator.ledger().length;
    const abort = new AbortController();
    const failure = failureOf(generateText({ model: model(), prompt: 'Hello?', providerOptions: metadata({ simulate: 'hang' }), abortSignal: abort.signal, maxRetries: 0 }));
    await whenBusy(apex.simulator);
    abort.abort();
    expect((await failure).name).toBe('AbortError');
    expect((await nextRow(apex.simulator, before)).outcome).toBe('hung');
  });

  it('in mid-stream cancels the provider', async () => {
    const before = apex.simulator.ledger().length;
    const abort = new AbortController();
    const result = streamText({ model: model(), prompt: 'A long one.', providerOptions: metadata({ simulate_tokens: '16000' }), abortSignal: abort.signal, maxRetries: 0 });
    const kinds: string[] = [];
    for await (const part of result.stream) {
      kinds.push(part.type);
      if (part.type === 'text-delta') abort.abort();
    }
    expect(kinds.at(-1)).toBe('abort');
    expect((await nextRow(apex.simulator, before)).outcome).toBe('client_gone');
  });
});

describe('errors', () => {
  it("are APICallErrors with the provider's status and body", async () => {
    const unknown = await failureOf(generateText({ model: model('gpt-17'), prompt: 'Hello.', maxRetries: 0 }));
    expect(APICallError.isInstance(unknown)).toBe(true);
    expect(unknown).toMatchObject({ statusCode: 404, isRetryable: false });
    const stranger = await failureOf(generateText({ model: provider('apex_nobody').chat('gpt-4o-mini'), prompt: 'Hello.', maxRetries: 0 }));
    expect(stranger).toMatchObject({ statusCode: 401, data: { error: { code: 'invalid_api_key' } } });
    const limited = await failureOf(generateText({ model: model(), prompt: 'Hello.', providerOptions: metadata({ simulate: '429;retry_after=0.01' }), maxRetries: 0 }));
    expect(limited).toMatchObject({ statusCode: 429, isRetryable: true });
  });

  it('reach the reader of a stream that the provider cuts', async () => {
    const result = streamText({ model: model(), prompt: 'Hello.', providerOptions: metadata({ simulate: 'cut=5' }), maxRetries: 0, onError: () => undefined });
    const kinds: string[] = [];
    for await (const part of result.stream) kinds.push(part.type);
    expect(kinds).toContain('text-delta');
    expect(kinds).toContain('error');
  });
});
