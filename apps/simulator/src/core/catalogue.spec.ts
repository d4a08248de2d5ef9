import { calcPrice } from '@pydantic/genai-prices';
import { MODELS, findModel } from './catalogue.js';

describe('the catalogue', () => {
  it.each(MODELS.flatMap((model) => [model.id, model.snapshot]))('%s has a known price', (name) => {
    expect(calcPrice({ input_tokens: 1_000, output_tokens: 1_000 }, name, { providerId: 'openai' })?.total_price).toBeGreaterThan(0);
  });

  it('finds a model by both of its names', () => {
    expect(findModel('gpt-4o-mini-2024-07-18')).toBe(findModel('gpt-4o-mini'));
    expect(findModel('gpt-9')).toBeUndefined();
  });
});
