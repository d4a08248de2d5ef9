/** Numbers in [0, 1): sfc32 of PractRand, its state filled from the seed by three steps of splitmix32, the first twelve left out. */
export function sfc32(seed: number): () => number {
  const state = new Uint32Array(4);
  let word = seed;
  for (let i = 0; i < 3; i++) {
    word = (word + 0x9e3779b9) >>> 0;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad) >>> 0;
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97) >>> 0;
    word = (word ^ (word >>> 15)) >>> 0;
    state[i] = word;
  }
  state[3] = 1;
  const next = (): number => {
    const [a, b, c, counter] = [state[0]!, state[1]!, state[2]!, state[3]!];
    const result = (a + b + counter) >>> 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + result;
    return result / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}
