import OpenAI from 'openai';
import { tokenizerFor } from '../core/tokenizer.js';
import { Bench } from '../spec-support.js';

const cosine = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

describe('embeddings', () => {
  let bench: Bench;
  let client: OpenAI;
  beforeAll(async () => {
    bench = await Bench.start();
    client = new OpenAI({ baseURL: bench.simulator.url, apiKey: 'sk-test', maxRetries: 0 });
  });
  afterAll(() => bench.simulator.close());

  it('gives unit vectors, the same in both encodings, and the exact usage', async () => {
    const input = ['The tide rises.', 'Quarterly results were good.'];
    const floats = await client.embeddings.create({ model: 'text-embedding-3-small', input, encoding_format: 'float' });
    // Without an encoding the SDK asks for base64 and decodes it.
    const decoded = await client.embeddings.create({ model: 'text-embedding-3-small', input });
    const tokenizer = await tokenizerFor('cl100k_base');
    expect(floats.usage).toEqual({ prompt_tokens: tokenizer.count(input[0] ?? '') + tokenizer.count(input[1] ?? ''), total_tokens: floats.usage.prompt_tokens });
    expect(floats.data.map((entry) => entry.index)).toEqual([0, 1]);
    for (const [index, { embedding }] of floats.data.entries()) {
      expect(embedding).toHaveLength(1_536);
      expect(cosine(embedding, embedding)).toBeCloseTo(1, 5);
      expect(cosine(embedding, decoded.data[index]?.embedding ?? [])).toBeCloseTo(1, 5);
    }
  });

  it('puts similar texts near each other', async () => {
    const { data } = await client.embeddings.create({ model: 'text-embedding-3-large', input: ['how do I reset my password', 'how can I reset my password please', 'the price of wheat fell in autumn'], dimensions: 256 });
    const [a = [], b = [], c = []] = data.map((entry) => entry.embedding);
    expect(a).toHaveLength(256);
    expect(cosine(a, b)).toBeGreaterThan(0.5);
    expect(cosine(a, c)).toBeLessThan(0.3);
  });

  it('takes token ids', async () => {
    expect((await client.embeddings.create({ model: 'text-embedding-ada-002', input: [[1, 2, 3], [4, 5]] })).usage.prompt_tokens).toBe(5);
    expect((await client.embeddings.create({ model: 'text-embedding-ada-002', input: [1, 2, 3] })).data).toHaveLength(1);
  });

  it.each([
    [{ input: '' }, 'input'], [{ input: [] }, 'input'], [{ input: undefined }, 'input'], [{ dimensions: 5_000 }, null], [{ model: 'text-embedding-ada-002', dimensions: 10 }, null],
    [{ input: 'word '.repeat(9_000) }, 'input'], [{ encoding_format: 'hex' }, 'encoding_format'],
  ])('refuses %p', async (changes, param) => {
    const response = await bench.post('/embeddings', { model: 'text-embedding-3-small', input: 'x', ...changes });
    expect(response.status).toBe(400);
    expect((await response.json() as { error: { param: string | null } }).error.param).toBe(param);
  });
});
