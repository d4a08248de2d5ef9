import { calcPrice } from '@pydantic/genai-prices';
import { GEMINI_MODELS } from './models.js';

describe('the Gemini models', () => {
  it.each(GEMINI_MODELS.map((model) => model.id))('%s has a known price, also of its cache', (name) => {
    const price = (usage: object): number => calcPrice({ input_tokens: 1_000, output_tokens: 1_000, ...usage }, name, { providerId: 'google' })?.total_price ?? 0;
    expect(price({ cache_read_tokens: 1_000 })).toBeLessThan(price({}));
  });
});
