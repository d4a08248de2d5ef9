import { type Prompt } from './prompt.js';

/**
 * Digests of a prompt's prefixes of the given lengths, which must rise and be no longer than the prompt: a running hash
 * over the tokens (two FNV-1a lanes with different primes), read off at each length.
 */
export function* prefixDigests(prompt: Prompt, lengths: Iterable<number>): Generator<[length: number, digest: string]> {
  const wanted = lengths[Symbol.iterator]();
  let next = wanted.next();
  let length = 0;
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const segment of prompt.segments) {
    for (let i = 0; i < segment.count; i += 1) {
      if (next.done === true) return;
      const token = segment.ids ? (segment.ids[i] as number) : -1 - segment.mark;
      a = Math.imul(a ^ token, 0x01000193);
      b = Math.imul(b ^ token, 0x85ebca6b) ^ (b >>> 15);
      length += 1;
      if (length !== next.value) continue;
      yield [length, `${a >>> 0}.${b >>> 0}`];
      next = wanted.next();
    }
  }
}
