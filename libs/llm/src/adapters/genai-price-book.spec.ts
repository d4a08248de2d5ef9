import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Provider, calcPrice, waitForUpdate } from '@pydantic/genai-prices';
import fc from 'fast-check';
import { cost, type TokenUsage } from '@apex/usage';
import { CATALOGUE, GenaiPriceBook } from './genai-price-book.js';

const NOW = Date.UTC(2026, 10, 22, 12);
const usage = (part: Partial<TokenUsage>): TokenUsage => ({ promptTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0, ...part });
const book = new GenaiPriceBook();

/** What the catalogue's unit names are for us. Those beyond a `TokenUsage` are listed, so that a new one is noticed. */
const PRICED = ['input_mtok', 'cache_read_mtok', 'cache_write_mtok', 'output_mtok', 'output_reasoning_mtok', 'requests_kcount'];
const BEYOND_TOKEN_USAGE = [
  ...['cache_write_1h_mtok', 'output_citation_mtok', 'input_text_messages_kcount', 'web_searches_kcount', 'storage_searches_kcount'],
  ...['audio_hours', 'input_audio_hours', 'input_audio_mtok', 'output_audio_mtok', 'cache_audio_read_mtok'],
  ...['input_image_mtok', 'output_image_mtok', 'cache_image_read_mtok', 'input_video_mtok', 'output_video_mtok'],
  ...['input_document_kpages', 'input_annotated_document_kpages'],
];

let catalogue: Provider[];
beforeAll(async () => {
  catalogue = (await waitForUpdate()) as Provider[];
});

describe('GenaiPriceBook', () => {
  it('names the catalogue that is installed', () => {
    const entry = createRequire(import.meta.url).resolve('@pydantic/genai-prices');
    const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8')) as { version: string };
    expect(CATALOGUE).toBe(`genai-prices@${version}`);
  });

  it('prices gpt-4o-mini to the picodollar, by alias and by dated snapshot', () => {
    const tokens = usage({ promptTokens: 1_000, cachedTokens: 512, completionTokens: 200 });
    const expected = { pricing: 'priced', costPicodollars: 488 * 150_000 + 512 * 75_000 + 200 * 600_000, priceVersion: `${CATALOGUE}/openai/gpt-4o-mini` };
    expect(expected.costPicodollars).toBe(231_600_000);
    expect(book.price('openai', 'gpt-4o-mini', tokens, NOW)).toEqual(expected);
    expect(book.price('openai', 'gpt-4o-mini-2024-07-18', tokens, NOW)).toEqual(expected);
  });

  it('prices embeddings, and tools that are billed per request', () => {
    expect(book.price('openai', 'text-embedding-3-small', usage({ promptTokens: 7 }), NOW)).toMatchObject({ pricing: 'priced', costPicodollars: 140_000 });
    expect(book.price('perplexity', 'sonar', usage({ promptTokens: 10, completionTokens: 20 }), NOW)).toMatchObject({ costPicodollars: 30_000_000 + 12_000_000_000 });
  });

  it('bills reasoning at its own rate where there is one, else as output', () => {
    const tokens = usage({ completionTokens: 100, reasoningTokens: 60 });
    expect(book.price('perplexity', 'sonar-deep-research', tokens, NOW)).toMatchObject({ costPicodollars: 40 * 8_000_000 + 60 * 3_000_000 });
    expect(book.price('openai', 'gpt-4o', tokens, NOW)).toMatchObject({ costPicodollars: 100 * 10_000_000 });
  });

  it('keeps to a tier up to its boundary', () => {
    const price = (promptTokens: number) => book.price('google', 'gemini-2.5-pro', usage({ promptTokens, cachedTokens: 50_000, completionTokens: 10 }), NOW);
    expect(price(200_000)).toMatchObject({ costPicodollars: 150_000 * 1_250_000 + 50_000 * 125_000 + 10 * 10_000_000 });
    expect(price(200_001)).toMatchObject({ costPicodollars: 150_001 * 2_500_000 + 50_000 * 250_000 + 10 * 15_000_000 });
  });

  it('prices by the date of the request', () => {
    const at = (text: string) => book.price('openai', 'o3', usage({ promptTokens: 3, completionTokens: 1 }), Date.parse(text));
    expect(at('2025-06-09T23:59:59.999Z')).toEqual({ pricing: 'priced', costPicodollars: 70_000_000, priceVersion: `${CATALOGUE}/openai/o3@base` });
    expect(at('2025-06-10T00:00:00Z')).toEqual({ pricing: 'priced', costPicodollars: 14_000_000, priceVersion: `${CATALOGUE}/openai/o3@2025-06-10` });
  });

  it('prices by the time of day, with cache writes at a premium', () => {
    const at = (time: string) => book.price('deepseek', 'deepseek-v4-flash', usage({ completionTokens: 1 }), Date.parse(`2026-11-20T${time}Z`));
    expect(at('05:59:59')).toMatchObject({ costPicodollars: 660_000, priceVersion: `${CATALOGUE}/deepseek/deepseek-v4-flash@2026-08-17` });
    expect(at('06:00:00')).toMatchObject({ costPicodollars: 1_320_000, priceVersion: `${CATALOGUE}/deepseek/deepseek-v4-flash@06:00:00Z-10:00:00Z` });
    expect(book.price('anthropic', 'claude-sonnet-4-5-20250929', usage({ promptTokens: 10, cacheWriteTokens: 10 }), NOW)).toMatchObject({ costPicodollars: 37_500_000 });
  });

  it('is unpriced, never zero, for what it does not know', () => {
    const tokens = usage({ promptTokens: 10, completionTokens: 10 });
    const unknown = { pricing: 'unpriced', priceVersion: `${CATALOGUE}/unknown` };
    expect(book.price('openai', 'gpt-of-my-own', tokens, NOW)).toEqual(unknown);
    expect(book.price('nobody', 'gpt-4o', tokens, NOW)).toEqual(unknown);
    expect(book.price('', 'gpt-4o', tokens, NOW)).toEqual(unknown);
    expect(book.price('openai', '', tokens, NOW)).toEqual(unknown);
    expect(book.price('openai', 'x'.repeat(100_000), tokens, NOW)).toEqual(unknown);
    expect(book.price('openai', 'whisper-1', tokens, NOW)).toEqual({ pricing: 'unpriced', priceVersion: `${CATALOGUE}/openai/whisper-1!no_rate` });
    expect(book.price('openai', 'gpt-4o', usage({ promptTokens: 1, cachedTokens: 2 }), NOW)).toEqual({ pricing: 'unpriced', priceVersion: `${CATALOGUE}/openai/gpt-4o!not_exact` });
  });

  it('keeps answering when callers invent more model names than it keeps', () => {
    const flooded = new GenaiPriceBook();
    const tokens = usage({ promptTokens: 1 });
    for (let index = 0; index < 5_000; index++) flooded.price('openai', `made-up-${index}`, tokens, NOW);
    expect(flooded.price('openai', 'gpt-4o-mini', tokens, NOW)).toMatchObject({ costPicodollars: 150_000 });
  });
});

describe('against the catalogue itself', () => {
  const unquotable = new Set<string>();
  const compare = (provider: string, model: string, u: TokenUsage, atMs: number): void => {
    const theirs = calcPrice(
      { input_tokens: u.promptTokens, cache_read_tokens: u.cachedTokens, cache_write_tokens: u.cacheWriteTokens, output_tokens: u.completionTokens, output_reasoning_tokens: u.reasoningTokens },
      model,
      { providerId: provider, timestamp: new Date(atMs) },
    );
    const ours = book.price(provider, model, u, atMs);
    if (theirs === null) {
      expect(ours.priceVersion).toBe(`${CATALOGUE}/unknown`);
    } else if (ours.pricing === 'priced') {
      expect(ours.priceVersion.startsWith(`${CATALOGUE}/${theirs.provider.id}/${theirs.model.id}`)).toBe(true);
      const dollars = ours.costPicodollars / 1e12;
      expect(Math.abs(dollars - theirs.total_price)).toBeLessThanOrEqual(1e-12 + theirs.total_price * 1e-12);
      // Whoever has the quoted rates can compute the amount again.
      const rates = book.rates(provider, model, u.promptTokens, atMs);
      if (rates === null) return void unquotable.add(theirs.model.id);
      expect({ cost: cost(u, rates), version: rates.priceVersion }).toEqual({ cost: ours.costPicodollars, version: ours.priceVersion });
    } else {
      // Theirs counts a token without a rate as nothing; ours says so.
      expect(ours.priceVersion).toMatch(/!no_rate$/);
      expect((u.promptTokens > 0 && theirs.model_price['input_mtok'] === undefined) || (u.completionTokens > 0 && theirs.model_price['output_mtok'] === undefined)).toBe(true);
    }
  };

  const parts = fc.tuple(fc.nat(600_000), fc.nat(50), fc.nat(50), fc.nat(60_000), fc.nat(100)).map(([promptTokens, read, write, completionTokens, reasoning]) =>
    usage({
      promptTokens,
      cachedTokens: Math.floor((promptTokens * read) / 100),
      cacheWriteTokens: Math.floor((promptTokens * write) / 100),
      completionTokens,
      reasoningTokens: Math.floor((completionTokens * reasoning) / 100),
    }),
  );
  const instants = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2027, 5, 1) });

  it('agrees on every model of every provider, to within the error of its floats', () => {
    let models = 0;
    const [u] = fc.sample(parts, { numRuns: 1, seed: 7 });
    for (const provider of catalogue) {
      for (const model of provider.models) {
        models++;
        compare(provider.id, model.id, u as TokenUsage, NOW);
        compare(provider.id, model.id, usage({ promptTokens: 300_000, cachedTokens: 1, completionTokens: 1 }), NOW);
        compare(provider.id, model.id, usage({ promptTokens: 5 }), NOW);
      }
    }
    expect(models).toBeGreaterThan(1_500);
    expect(unquotable.size).toBeLessThan(10);
  });

  it('agrees on random usages at random times', () => {
    const model = fc.nat().map((seed) => {
      const named = catalogue.filter(({ id }) => ['openai', 'anthropic', 'google', 'groq', 'mistral', 'deepseek', 'openrouter', 'x-ai'].includes(id));
      const provider = named[seed % named.length] as Provider;
      return { provider: provider.id, model: (provider.models[Math.floor(seed / named.length) % provider.models.length] as { id: string }).id };
    });
    fc.assert(fc.property(model, parts, instants, ({ provider, model: name }, u, atMs) => compare(provider, name, u, atMs)), { numRuns: 1_000 });
  });

  it('leaves out no unit by accident, and tells the prices of a model apart', () => {
    const known = new Set([...PRICED, ...BEYOND_TOKEN_USAGE]);
    const unexpected = new Set<string>();
    for (const provider of catalogue) {
      for (const { id, prices } of provider.models) {
        const list = Array.isArray(prices) ? prices : [{ prices }];
        for (const entry of list) for (const key of Object.keys(entry.prices)) if (!known.has(key)) unexpected.add(key);
        const labels = list.map((entry) => JSON.stringify(entry.constraint ?? null));
        expect({ id, distinct: new Set(labels).size }).toEqual({ id, distinct: labels.length });
      }
    }
    expect([...unexpected]).toEqual([]);
  });
});
