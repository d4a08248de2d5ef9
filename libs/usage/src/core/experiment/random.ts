/**
 * Numbers in [0, 1) from a seed, the same on every machine: "sfc32" of Chris Doty-Humphrey's PractRand, whose three words of
 * state are filled from the seed by a mixer.
 */
export function seededRandom(seed: number): () => number {
  let a = mix(seed);
  let b = mix(a);
  let c = mix(b);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  // Until the seed's bits have reached every word.
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** One step of splitmix32. */
function mix(value: number): number {
  let t = (value + 0x9e3779b9) | 0;
  t = Math.imul(t ^ (t >>> 16), 0x21f0aaad);
  t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
  return t ^ (t >>> 15);
}
