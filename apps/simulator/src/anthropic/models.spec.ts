import { calcPrice } from '@pydantic/genai-prices';
import { CLAUDE_MODELS } from './models.js';

describe('the Claude models', () => {
  it.each(CLAUDE_MODELS.flatMap((model) => [...new Set([model.id, model.snapshot])]))('%s has a known price, also of its cache', (name) => {
    const price = (usage: object): number => calcPrice({ input_tokens: 1_000, output_tokens: 1_000, ...usage }, name, { providerId: 'anthropic' })?.total_price ?? 0;
    expect(price({ cache_read_tokens: 1_000 })).toBeLessThan(price({}));
    expect(price({ cache_write_tokens: 1_000 })).toBeGreaterThan(price({}));
  });
});
