import { FakeClock } from '@apex/common';
import { type Breakpoint, BreakpointCache, type CacheTtl, type CacheUse } from './breakpoint-cache.js';
import { Prompt } from './prompt.js';
import { type Tokenizer, tokenizerFor } from './tokenizer.js';

describe('BreakpointCache', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => { tokenizer = await tokenizerFor('o200k_base'); });

  /** Blocks of so many words; a ttl behind one is a breakpoint at its end. */
  const use = (cache: BreakpointCache, scope: string, ...blocks: readonly [word: string, words: number, ttl?: CacheTtl][]): CacheUse => {
    const prompt = new Prompt(tokenizer);
    const ends: number[] = [];
    const points: Breakpoint[] = [];
    for (const [word, words, ttl] of blocks) {
      prompt.text(` ${word}`.repeat(words));
      ends.push(prompt.tokens);
      if (ttl) points.push({ length: prompt.tokens, ttl });
    }
    return cache.use(scope, prompt, ends, points, 1_024);
  };
  const of = (read: number, written5m: number, written1h = 0): CacheUse => ({ read, written5m, written1h });

  it('writes up to the last breakpoint and reads it the next time, from 1,024 tokens on', () => {
    const cache = new BreakpointCache(new FakeClock());
    expect(use(cache, 'a', ['word', 1_023, '5m'])).toEqual(of(0, 0));
    expect(use(cache, 'a', ['word', 1_500, '5m'], ['other', 50])).toEqual(of(0, 1_500));
    expect(use(cache, 'a', ['word', 1_500, '5m'], ['thing', 50])).toEqual(of(1_500, 0));
    expect(use(cache, 'a', ['other', 1_500, '5m'])).toEqual(of(0, 1_500));
    expect(use(cache, 'b', ['word', 1_500, '5m'])).toEqual(of(0, 1_500));
    expect(use(cache, 'a', ['word', 1_500])).toEqual(of(0, 0));
  });

  it('writes only what is new behind what it knows, also where the breakpoint moved on', () => {
    const cache = new BreakpointCache(new FakeClock());
    use(cache, 'a', ['word', 1_500, '5m']);
    expect(use(cache, 'a', ['word', 1_500], ['other', 300, '5m'])).toEqual(of(1_500, 300));
    expect(use(cache, 'a', ['word', 1_500, '5m'], ['thing', 200, '5m'])).toEqual(of(1_500, 200));
  });

  it('looks back over 20 blocks and not further', () => {
    const cache = new BreakpointCache(new FakeClock());
    const small = (count: number): [string, number][] => Array.from({ length: count }, () => ['bit', 10]);
    use(cache, 'a', ['word', 1_500, '5m']);
    expect(use(cache, 'a', ['word', 1_500], ...small(19), ['bit', 10, '5m'])).toMatchObject({ read: 1_500 });
    use(cache, 'b', ['word', 1_500, '5m']);
    expect(use(cache, 'b', ['word', 1_500], ...small(20), ['bit', 10, '5m'])).toMatchObject({ read: 0 });
  });

  it('keeps for 5 minutes or for an hour after the last use, and tells the two apart', () => {
    const clock = new FakeClock();
    const cache = new BreakpointCache(clock);
    const both = (): CacheUse => use(cache, 'a', ['word', 1_500, '1h'], ['other', 500, '5m']);
    expect(both()).toEqual(of(0, 500, 1_500));
    clock.advance(299_999);
    expect(both()).toEqual(of(2_000, 0));
    clock.advance(300_000);
    expect(both()).toEqual(of(1_500, 500));
    clock.advance(3_599_999);
    expect(both()).toEqual(of(1_500, 500));
    clock.advance(3_600_000);
    expect(both()).toEqual(of(0, 500, 1_500));
  });
});
