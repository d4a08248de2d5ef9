import { FakeClock } from '@apex/common';
import { PrefixCache } from './prefix-cache.js';
import { Prompt } from './prompt.js';
import { tokenizerFor } from './tokenizer.js';

const promptOf = async (...texts: string[]): Promise<Prompt> => {
  const prompt = new Prompt(await tokenizerFor('o200k_base'));
  for (const text of texts) prompt.filler(3).text(text);
  return prompt;
};

const words = (count: number, word = ' word'): string => word.repeat(count);

describe('PrefixCache', () => {
  it('caches from 1,024 tokens on, in steps of 128', async () => {
    const cache = new PrefixCache(new FakeClock());
    const short = await promptOf(words(1_020));
    expect(short.tokens).toBe(1_023);
    expect([cache.use('a', short), cache.use('a', short)]).toEqual([0, 0]);
    const long = await promptOf(words(1_300));
    expect([cache.use('a', long), cache.use('a', long)]).toEqual([0, 1_280]);
  });

  it('finds the longest common prefix, across the borders of messages', async () => {
    const cache = new PrefixCache(new FakeClock());
    cache.use('a', await promptOf(words(1_200), words(300)));
    expect(cache.use('a', await promptOf(words(1_200), words(100), words(100, ' other')))).toBe(1_280);
    expect(cache.use('a', await promptOf(words(1_400, ' other')))).toBe(0);
  });

  it('is not shared between callers', async () => {
    const cache = new PrefixCache(new FakeClock());
    const prompt = await promptOf(words(1_100));
    cache.use('a', prompt);
    expect(cache.use('b', prompt)).toBe(0);
  });

  it('forgets 5 minutes after the last use', async () => {
    const clock = new FakeClock();
    const cache = new PrefixCache(clock);
    const prompt = await promptOf(words(1_100));
    cache.use('a', prompt);
    clock.advance(299_999);
    expect(cache.use('a', prompt)).toBe(1_024);
    clock.advance(299_999);
    expect(cache.use('a', prompt)).toBe(1_024);
    clock.advance(300_000);
    expect(cache.use('a', prompt)).toBe(0);
  });
});
