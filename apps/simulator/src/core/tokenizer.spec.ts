import { BoundedMap } from './bounded-map.js';
import { obviouslyTooLong } from './prompt.js';
import { tokenizerFor } from './tokenizer.js';

describe('tokenizer', () => {
  it('counts as the model does, special tokens being plain text', async () => {
    const tokenizer = await tokenizerFor('o200k_base');
    expect([...tokenizer.ids('hello world')]).toEqual([24912, 2375]);
    expect(tokenizer.count('a<|endoftext|>b')).toBe(9);
    expect(tokenizer.count('')).toBe(0);
  });

  it('keeps characters of several tokens whole', async () => {
    const text = '{"a":"日本 🤖🏽 né"}';
    expect((await tokenizerFor('o200k_base')).pieces(text).join('')).toBe(text);
  });

  it('slices long runs without losing or inventing tokens', async () => {
    const tokenizer = await tokenizerFor('o200k_base');
    expect(tokenizer.count('a'.repeat(100_000))).toBe(12_500);
    const emoji = '🤖'.repeat(1_500);
    expect(tokenizer.pieces(emoji).join('')).toBe(emoji);
  });

  it('loads an encoding once', () => {
    expect(tokenizerFor('cl100k_base')).toBe(tokenizerFor('cl100k_base'));
  });
});

describe('obviouslyTooLong', () => {
  it('is sure only when there are more words than tokens, or far too many characters', () => {
    expect(obviouslyTooLong(['word '.repeat(101)], 100)).toBe(true);
    expect(obviouslyTooLong(['word '.repeat(60), 'word '.repeat(41)], 100)).toBe(true);
    expect(obviouslyTooLong(['word '.repeat(100)], 100)).toBe(false);
    expect(obviouslyTooLong(['x'.repeat(1_601)], 100)).toBe(true);
    expect(obviouslyTooLong(['x'.repeat(1_600)], 100)).toBe(false);
  });
});

describe('BoundedMap', () => {
  it('stays within its weight and keeps what is in use', () => {
    const map = new BoundedMap<number>(100);
    for (let i = 0; i < 1_000; i += 1) {
      map.set(`key ${i}`, i);
      expect(map.size).toBeLessThanOrEqual(100);
      expect(map.get('key 0')).toBe(0);
    }
    expect(map.get('key 1')).toBeUndefined();
    map.clear();
    expect(map.size).toBe(0);
  });
});
