import { modelToEncodingMap } from 'gpt-tokenizer/mapping';
import { countChat, countTexts, encodingOf } from '../core/token-count.js';
import { type Tokenizer, loadTokenizer } from './gpt-tokenizer.js';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer();
});

/** The messages and the counts, as the API gave them, of OpenAI's cookbook "How to count tokens with tiktoken", 6. */
const COOKBOOK = [
  { role: 'system', content: 'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.' },
  { role: 'system', name: 'example_user', content: 'New synergies will help drive top-line growth.' },
  { role: 'system', name: 'example_assistant', content: 'Things working well together will increase revenue.' },
  { role: 'system', name: 'example_user', content: "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage." },
  { role: 'system', name: 'example_assistant', content: "Let's talk later when we're less busy about how to do better." },
  { role: 'user', content: "This late pivot means we don't have time to boil the ocean for the client deliverable." },
];

describe('loadTokenizer', () => {
  it('loads once', async () => {
    expect(await loadTokenizer()).toBe(tokenizer);
  });

  it.each([
    ['gpt-3.5-turbo', 129],
    ['gpt-4-0613', 129],
    ['gpt-4', 129],
    ['gpt-4o', 124],
    ['gpt-4o-mini', 124],
  ])('counts the chat of the cookbook as %s does', (model, expected) => {
    expect(tokenizer.countChatTokens(model, { messages: COOKBOOK })).toBe(expected);
  });

  it('counts texts by the vocabulary of the model', () => {
    expect(tokenizer.countTokens('gpt-4o', '')).toBe(0);
    expect(tokenizer.countTokens('gpt-4', 'antidisestablishmentarianism')).toBe(6);
    expect(tokenizer.countTokens('gpt-4o', 'お誕生日おめでとう')).toBe(8);
    expect(tokenizer.countTokens('gpt-4', 'お誕生日おめでとう')).toBe(9);
  });

  it('takes control tokens for text', () => {
    expect(tokenizer.countTokens('gpt-4o', 'a <|endoftext|> b')).toBeGreaterThan(4);
  });

  it('counts parts, tool calls and definitions, and passes over what it cannot read', () => {
    const plain = tokenizer.countChatTokens('gpt-4o', { messages: [{ role: 'user', content: 'What is in this picture?' }] });
    const parts = { messages: [{ role: 'user', content: [{ type: 'text', text: 'What is in this picture?' }, { type: 'image_url', image_url: { url: 'data:...' } }] }] };
    expect(tokenizer.countChatTokens('gpt-4o', parts)).toBe(plain);
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    expect(tokenizer.countChatTokens('gpt-4o', { ...parts, tools })).toBeGreaterThan(plain);
    const called = { messages: [{ role: 'assistant', content: null, tool_calls: [{ id: '1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }] }] };
    expect(tokenizer.countChatTokens('gpt-4o', called)).toBeGreaterThan(tokenizer.countChatTokens('gpt-4o', { messages: [{ role: 'assistant', content: null }] }));
    for (const body of [null, 7, 'x', [], { messages: 'no' }, { messages: [null, 5] }, { tools: [undefined, null, 4] }]) {
      expect(tokenizer.countChatTokens('gpt-4o', body)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('bounds', () => {
  it('hands no long unbroken run and not more than 200,000 characters to the vocabulary', () => {
    const seen: string[] = [];
    const tokens = countTexts(['word '.repeat(10), 'a'.repeat(5_000), ' tail', 'b c '.repeat(100_000)], (text) => {
      seen.push(text);
      return text.length;
    });
    expect(Math.max(...seen.flatMap((text) => text.split(/\s/)).map((run) => run.length))).toBe(512);
    expect(seen.join('').length).toBe(200_000);
    // One token per character in this vocabulary: the rest is taken to be like what was counted.
    expect(tokens).toBe(50 + 5_000 + 5 + 400_000);
  });

  it('adds up to the text it was given', () => {
    const text = `${'x'.repeat(1_300)} and ${'y'.repeat(513)}\n${'z'.repeat(512)} end`;
    expect(countTexts([text], (part) => part.length)).toBe(text.length);
    expect(countTexts([], (part) => part.length)).toBe(0);
    expect(countChat({ messages: [{ content: text }] }, (part) => part.length)).toBe(text.length + 6);
  });
});

describe('encodingOf', () => {
  it("agrees with the tokenizer's own table on every model of the two vocabularies", () => {
    const ours = Object.entries(modelToEncodingMap).filter(([, encoding]) => encoding === 'cl100k_base' || encoding === 'o200k_base');
    const differing = ours.filter(([model, encoding]) => encodingOf(model) !== encoding);
    expect(differing).toEqual([]);
    expect(ours.length).toBeGreaterThan(20);
  });

  it('looks behind a prefix and takes o200k for the rest', () => {
    expect(['openai/gpt-4-turbo', 'ft:gpt-3.5-turbo:me', 'llama-3', 'gpt-4.1', 'gpt-5'].map(encodingOf)).toEqual(['cl100k_base', 'cl100k_base', 'o200k_base', 'o200k_base', 'o200k_base']);
  });
});
