import { type TokenUsage } from '@apex/usage';
import { GenaiPriceBook } from '../libs/llm/src/adapters/genai-price-book.js';

// What `PriceBook.price()` costs on a request's path, and the first look-up of a model. Aim: under 1,000 ns.
// No stores. `nest build api`, then `node dist/bench/prices.js`.

const ROUNDS = 9;
const CALLS = 1_000_000;
const NOW = Date.UTC(2026, 10, 22, 12);
const usage: TokenUsage = { promptTokens: 1_000, cachedTokens: 512, cacheWriteTokens: 0, completionTokens: 200, reasoningTokens: 20 };

const cases: readonly (readonly [string, string, string])[] = [
  ['flat', 'openai', 'gpt-4o-mini-2024-07-18'],
  ['tiered', 'google', 'gemini-2.5-pro'],
  ['dated and tiered', 'openai', 'gpt-5.6-sol'],
  ['by time of day', 'deepseek', 'deepseek-v4-flash'],
  ['finer than a picodollar', 'openrouter', 'google/gemini-2.5-flash-lite'],
  ['unknown', 'openai', 'no-such-model'],
];

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

for (const [name, provider, model] of cases) {
  const book = new GenaiPriceBook();
  const started = process.hrtime.bigint();
  book.price(provider, model, usage, NOW);
  const first = Number(process.hrtime.bigint() - started) / 1_000;
  const round = (): number => {
    const start = process.hrtime.bigint();
    // The usage differs from call to call, as it does in life.
    for (let i = 0; i < CALLS; i++) book.price(provider, model, { ...usage, completionTokens: 200 + (i & 1_023) }, NOW + i);
    return Number(process.hrtime.bigint() - start) / CALLS;
  };
  round();
  console.log(`price, ${name}: ${median(Array.from({ length: ROUNDS }, round)).toFixed(0)} ns (first look-up ${first.toFixed(0)} us)`);
}
