import fc from 'fast-check';
import { MODEL_FAMILIES, modelFamily } from './model-family.js';

describe('modelFamily', () => {
  it.each([
    ['gpt-4o-mini', 'gpt-4o'],
    ['openai/gpt-4.1-nano', 'gpt-4.1'],
    ['gpt-4-turbo', 'gpt-4'],
    ['o3-mini', 'openai-o'],
    ['o1', 'openai-o'],
    ['openai/gpt-oss-120b', 'gpt-oss'],
    ['text-embedding-3-small', 'embedding'],
    ['claude-sonnet-4-5', 'claude-sonnet'],
    ['claude-3-5-haiku-latest', 'claude-haiku'],
    ['gemini-2.5-flash', 'gemini-flash'],
    ['meta-llama/Llama-3.3-70B-Instruct', 'llama'],
    ['mixtral-8x7b', 'mistral'],
    ['foo1', 'other'],
    ['', 'other'],
    [null, 'none'],
  ])('%s is of %s', (model, family) => {
    expect(modelFamily(model)).toBe(family);
    expect(modelFamily(model)).toBe(family);
  });

  it('is one of few, whatever callers invent, and the same each time', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (model) => {
        const family = modelFamily(model);
        expect(MODEL_FAMILIES).toContain(family);
        expect(modelFamily(model)).toBe(family);
      }),
      { numRuns: 3_000 },
    );
  });
});
