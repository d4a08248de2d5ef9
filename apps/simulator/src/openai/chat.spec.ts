import { Bench, chunksOf, eventsOf } from '../spec-support.js';
import { tokenizerFor } from '../core/tokenizer.js';

interface Completion {
  id: string;
  model: string;
  choices: { index: number; message: { role: string; content: string | null }; finish_reason: string; logprobs: { content: { token: string; logprob: number; bytes: number[]; top_logprobs: { token: string }[] }[] } | null }[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number; prompt_tokens_details: { cached_tokens: number }; completion_tokens_details: { reasoning_tokens: number } };
  system_fingerprint: string;
}

describe('chat completions over plain HTTP', () => {
  let bench: Bench;
  beforeAll(async () => { bench = await Bench.start(); });
  afterAll(() => bench.simulator.close());
  const complete = async (changes: object = {}, init = {}): Promise<Completion> => (await bench.chat(changes, init)).json() as Promise<Completion>;

  it('answers with content, usage and the headers of OpenAI', async () => {
    const response = await bench.chat();
    expect(response.status).toBe(200);
    for (const name of ['x-request-id', 'openai-processing-ms', 'openai-version', 'x-ratelimit-limit-requests', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-requests']) expect(response.headers.get(name)).toBeTruthy();
    const body = await response.json() as Completion;
    const text = body.choices[0]?.message.content ?? '';
    expect(body).toMatchObject({ object: 'chat.completion', model: 'gpt-4o-mini-2024-07-18', choices: [{ index: 0, message: { role: 'assistant', refusal: null }, finish_reason: 'stop', logprobs: null }] });
    const tokenizer = await tokenizerFor('o200k_base');
    // The cookbook's count: 3 for the message, 1 for its role, the content, 3 for the answer.
    const prompt = 3 + 1 + tokenizer.count('Tell me about tides.') + 3;
    expect(body.usage).toMatchObject({ prompt_tokens: prompt, completion_tokens: tokenizer.count(text), total_tokens: prompt + tokenizer.count(text) });
  });

  it('is deterministic in model, messages, tools, seed and index', async () => {
    const texts = async (changes: object): Promise<unknown> => (await complete(changes)).choices.map((choice) => choice.message.content);
    expect(await texts({ n: 2, metadata: { a: 'b' } })).toEqual(await texts({ n: 2 }));
    expect(await texts({ seed: 1 })).not.toEqual(await texts({ seed: 2 }));
    expect(await texts({ model: 'gpt-4o' })).not.toEqual(await texts({}));
    const [first, second] = (await complete({ n: 2 })).choices;
    expect(first?.message.content).not.toBe(second?.message.content);
    expect((await complete()).id).not.toBe((await complete()).id);
    expect((await complete()).system_fingerprint).toBe((await complete({ seed: 4 })).system_fingerprint);
  });

  it('honours max_tokens and stop, and gives logprobs', async () => {
    const short = await complete({ max_tokens: 5, logprobs: true, top_logprobs: 3 });
    expect(short).toMatchObject({ usage: { completion_tokens: 5 }, choices: [{ finish_reason: 'length' }] });
    const logprobs = short.choices[0]?.logprobs?.content ?? [];
    expect(logprobs.map((entry) => entry.token).join('')).toBe(short.choices[0]?.message.content);
    for (const entry of logprobs) {
      expect(entry.top_logprobs).toHaveLength(3);
      expect(entry.logprob).toBeLessThanOrEqual(0);
      expect(Buffer.from(entry.bytes).toString()).toBe(entry.token);
    }
    const stopped = await complete({ stop: ['.'] });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(stopped.choices[0]?.message.content).not.toContain('.');
  });

  it('thinks before it answers where the model does, within the limit', async () => {
    const body = await complete({ model: 'o4-mini' });
    expect(body.usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    expect(body.usage.completion_tokens_details.reasoning_tokens % 64).toBe(0);
    expect(await complete({ model: 'gpt-5', max_completion_tokens: 50 })).toMatchObject({ usage: { completion_tokens: 50, completion_tokens_details: { reasoning_tokens: 50 } }, choices: [{ finish_reason: 'length', message: { content: '' } }] });
    expect((await complete({ model: 'gpt-5-mini', reasoning_effort: 'minimal' })).usage.completion_tokens_details.reasoning_tokens).toBe(0);
  });

  it('counts pictures and tools in the prompt', async () => {
    const withPicture = (detail: string): object => ({ model: 'gpt-4o', messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail } }] }] });
    const [low, high] = [await complete(withPicture('low')), await complete(withPicture('high'))];
    expect(high.usage.prompt_tokens - low.usage.prompt_tokens).toBe(765 - 85);
    const tools = [{ type: 'function', function: { name: 'f', description: 'Does it.', parameters: { type: 'object', properties: { city: { type: 'string', description: 'Where' } } } } }];
    expect((await complete({ tools })).usage.prompt_tokens).toBeGreaterThan((await complete()).usage.prompt_tokens + 20);
  });

  it('discounts what is in the prompt cache of this key and model', async () => {
    const messages = [{ role: 'system', content: 'You are careful. '.repeat(400) }, { role: 'user', content: 'Hello' }];
    const cached = async (changes: object, key: string): Promise<number> => (await complete({ messages, ...changes }, { key })).usage.prompt_tokens_details.cached_tokens;
    expect(await cached({}, 'sk-one')).toBe(0);
    const again = await cached({}, 'sk-one');
    expect(again).toBeGreaterThanOrEqual(1_024);
    expect(again % 128).toBe(0);
    expect(await cached({ model: 'gpt-4.1' }, 'sk-one')).toBe(0);
    expect(await cached({}, 'sk-two')).toBe(0);
  });

  it.each([true, false])('streams what it would have answered (usage asked for: %s)', async (includeUsage) => {
    const whole = await complete({ n: 2 });
    const response = await bench.chat({ n: 2, stream: true, ...(includeUsage && { stream_options: { include_usage: true } }) });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await response.text();
    expect(eventsOf(text).at(-1)).toBe('[DONE]');
    const chunks = chunksOf(text);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(chunks[0]?.choices[0]).toEqual({ index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null });
    for (const choice of whole.choices) {
      const own = chunks.flatMap((chunk) => chunk.choices.filter((part) => part.index === choice.index));
      expect(own.map((part) => part.delta.content ?? '').join('')).toBe(choice.message.content);
      expect(own.map((part) => part.finish_reason).filter((reason) => reason !== null)).toEqual(['stop']);
      expect(own.filter((part) => part.delta.role !== undefined)).toHaveLength(1);
    }
    if (includeUsage) {
      expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    } else {
      expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    }
  });
});
