import { randomFrom, seedOf } from './random.js';

const COORDINATES_PER_FEATURE = 24;

/**
 * A deterministic embedding of unit length. Words and pairs of neighbouring words are hashed onto coordinates, over a
 * little noise of the whole text, so that texts with the same words are near each other and others are nearly
 * orthogonal. Fewer dimensions are the first ones, renormalised, as OpenAI's models do it.
 */
export function embed(model: string, text: string, dimensions: number, asked: number): Float32Array {
  const vector = new Float64Array(dimensions);
  const noise = randomFrom(seedOf(`${model}\n${text}`));
  for (let i = 0; i < dimensions; i += 1) vector[i] = (noise() - 0.5) * 0.1;
  const words = text.slice(0, 50_000).toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  for (const [index, word] of words.entries()) {
    add(vector, word, 1);
    if (index > 0) add(vector, `${words[index - 1]} ${word}`, 0.5);
  }
  const kept = vector.subarray(0, asked);
  let square = 0;
  for (const value of kept) square += value * value;
  const length = Math.sqrt(square) || 1;
  return Float32Array.from(kept, (value) => value / length);
}

function add(vector: Float64Array, feature: string, weight: number): void {
  let state = 0x811c9dc5;
  for (let i = 0; i < feature.length; i += 1) state = Math.imul(state ^ feature.charCodeAt(i), 0x01000193);
  const random = randomFrom(state);
  for (let i = 0; i < COORDINATES_PER_FEATURE; i += 1) {
    const at = Math.floor(random() * vector.length);
    vector[at] = (vector[at] as number) + (random() < 0.5 ? -weight : weight);
  }
}
