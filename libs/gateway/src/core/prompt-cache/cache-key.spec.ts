import { scanTopLevel } from '../json/top-level.js';
import { CacheKeys, rootOf, withCacheKey } from './cache-key.js';

const root = (body: object, scope = 'acme'): string => {
  const bytes = Buffer.from(JSON.stringify(body));
  return rootOf(bytes, scanTopLevel(bytes)!, scope);
};
const system = { role: 'system', content: 'Be brief.' };
const developer = { role: 'developer', content: 'Use metric units.' };
const asks = (content: string): object => ({ role: 'user', content });

describe('what requests to one place have in common', () => {
  it('is their tools and instructions, else their first message', () => {
    const tools = [{ type: 'function' }];
    expect(root({ messages: [system, developer, asks('a')] })).toBe(root({ messages: [system, developer, asks('b'), asks('c')], temperature: 1 }));
    const apart = [
      root({ messages: [system, asks('a')] }),
      root({ messages: [system, asks('a')], tools }),
      root({ messages: [system, developer, asks('a')] }),
      root({ messages: [system, asks('a')] }, 'other'),
      root({ messages: [asks('a'), asks('b')] }),
      root({ messages: [asks('b')] }),
      root({ input: 'a' }),
      root({ input: 'b' }),
      root({ input: [asks('a')], instructions: 'Be brief.' }),
    ];
    expect(new Set(apart).size).toBe(apart.length);
    expect(root({ input: 'a', instructions: 'Be brief.' })).not.toBe(root({ input: 'a' }));
    expect(root({ messages: [asks('a'), asks('c')] })).toBe(root({ messages: [asks('a'), asks('b')] }));
  });
});

describe('the key of OpenAI\'s prompt cache', () => {
  it('is one for all until there are more than one place takes, then one for each conversation, for good', () => {
    const keys = new CacheKeys();
    const shared = Array.from({ length: 15 }, (_, index) => keys.keyFor('root', `c${index}`, index * 1_000));
    expect(new Set(shared).size).toBe(1);
    expect(shared[0]).toMatch(/^apex-[0-9a-f]{32}$/);
    const busy = ['c0', 'c1', 'c0'].map((conversation) => keys.keyFor('root', conversation, 20_000));
    expect(new Set([...busy, shared[0]]).size).toBe(3);
    expect(keys.keyFor('root', 'c0', 10_000_000)).toBe(busy[0]);
    expect(keys.keyFor('another', 'c0', 0)).not.toBe(shared[0]);
  });

  it('stays one for requests that come slowly', () => {
    const keys = new CacheKeys();
    expect(new Set(Array.from({ length: 100 }, (_, index) => keys.keyFor('root', `c${index}`, index * 5_000))).size).toBe(1);
  });

  it('is put in front, and nowhere where there is one', () => {
    expect(withCacheKey(Buffer.from(' { "model": "m" }'), 'k').toString()).toBe(' { "prompt_cache_key":"k","model": "m" }');
    for (const body of ['{"model":"m","prompt_cache_key":"own"}', '{}', '[1]', '{"model":']) expect(withCacheKey(Buffer.from(body), 'k').toString()).toBe(body);
  });
});
