import fc from 'fast-check';
import { type Answer, type Order, generate } from './generation.js';
import { type Tokenizer, tokenizerFor } from './tokenizer.js';

const order = (changes: Partial<Order> = {}): Order => ({
  identity: 'question', userText: 'question', userTokens: 40, lastIsToolResult: false, answers: 1, maxTokens: 1_000, targetTokens: null, reasoningTokens: 0, stops: [],
  tools: [], toolChoice: 'auto', parallelTools: true, format: { kind: 'text' }, ...changes,
});
const textOf = (answer: Answer | undefined): string => (answer?.steps ?? []).map((step) => (step.kind === 'call' ? '' : step.text)).join('');
const tool = (name: string): { name: string; parameters: object } => ({ name, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } });

describe('generate', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => { tokenizer = await tokenizerFor('o200k_base'); });
  const one = (changes: Partial<Order>): Answer => generate(order(changes), tokenizer)[0] as Answer;

  it('gives the same answers to the same order, and others to another', () => {
    expect(generate(order({ answers: 3 }), tokenizer)).toEqual(generate(order({ answers: 3 }), tokenizer));
    expect(textOf(one({ identity: 'else' }))).not.toBe(textOf(one({})));
    const [first, second] = generate(order({ answers: 2 }), tokenizer);
    expect(textOf(first)).not.toBe(textOf(second));
  });

  it('never exceeds the limit, counts what it says, and says when it was cut off', () => {
    fc.assert(fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 100 }), fc.constantFrom('text', 'json'), (identity, maxTokens, reasoningTokens, kind) => {
      const answer = one({ identity, maxTokens, reasoningTokens, format: { kind: kind as 'text' | 'json' } });
      expect(answer.reasoningTokens + answer.visibleTokens).toBeLessThanOrEqual(maxTokens);
      expect(tokenizer.count(textOf(answer))).toBe(answer.visibleTokens);
      const unlimited = one({ identity, reasoningTokens, format: { kind: kind as 'text' | 'json' } });
      expect(answer.finish).toBe(textOf(answer) === textOf(unlimited) ? 'stop' : 'length');
    }));
  });

  it('ends in front of a stop sequence, wherever it lies, and bills the tokens up to its end', () => {
    const whole = textOf(one({}));
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 12 }), (at, length) => {
      const stop = whole.slice(at, at + length);
      const answer = one({ stops: ['never to be found', stop] });
      expect(textOf(answer)).toBe(whole.slice(0, whole.indexOf(stop)));
      expect(answer.finish).toBe('stop');
      expect(answer.visibleTokens).toBeLessThanOrEqual(one({}).visibleTokens);
    }));
  });

  it('calls tools when it must or when the user speaks of them, and not after their results', () => {
    const tools = [tool('get_weather'), tool('get_time')];
    const names = (changes: Partial<Order>): string[] => one({ tools, ...changes }).steps.flatMap((step) => (step.kind === 'call' ? [step.name] : []));
    expect(names({})).toEqual([]);
    expect(names({ userText: 'What is the weather?' })).toHaveLength(1);
    expect(names({ userText: 'Use PARALLEL calls' }).sort()).toEqual(['get_time', 'get_weather']);
    expect(names({ userText: 'parallel', parallelTools: false })).toHaveLength(1);
    expect(names({ userText: 'parallel', tools: [tool('only')] })).toEqual(['only']);
    expect(names({ toolChoice: 'required' })).toHaveLength(1);
    expect(names({ toolChoice: { name: 'get_time' }, userText: 'parallel' })).toEqual(['get_time']);
    expect(names({ toolChoice: 'none', userText: 'weather' })).toEqual([]);
    expect(names({ toolChoice: 'required', lastIsToolResult: true })).toEqual([]);
  });

  it('writes as much as it is told to', () => {
    expect(one({ targetTokens: 777 }).visibleTokens).toBe(777);
  });
});
