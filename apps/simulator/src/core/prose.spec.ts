import fc from 'fast-check';
import { PIECES, writeProse } from './prose.js';
import { randomFrom } from './random.js';
import { tokenizerFor } from './tokenizer.js';

describe('prose', () => {
  it('is made of pieces that are one token each', async () => {
    const tokenizer = await tokenizerFor('o200k_base');
    expect(PIECES.filter((piece) => tokenizer.count(piece) !== 1)).toEqual([]);
  });

  it('has as many tokens as pieces, also across sentences and paragraphs', async () => {
    const tokenizer = await tokenizerFor('o200k_base');
    fc.assert(fc.property(fc.integer(), fc.integer({ min: 1, max: 400 }), (seed, target) => {
      const pieces = writeProse(randomFrom(seed), target);
      expect(pieces.length).toBeGreaterThanOrEqual(target);
      expect(tokenizer.pieces(pieces.join(''))).toEqual(pieces);
    }));
  });
});
