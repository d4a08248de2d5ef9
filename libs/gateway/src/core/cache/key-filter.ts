const BITS = 2 ** 24;
/** A key's own digits serve as its four hashes: it is a SHA-256. */
const DIGITS = 8;
const HASHES = 4;

/**
 * A set of keys that may say yes to one it does not hold, and never no to one that it does (B. H. Bloom, CACM 13(7), 1970).
 * 2 MiB; of a million keys it is wrong about one stranger in 400, of four million about one in six.
 */
export class KeyFilter {
  private readonly words = new Uint32Array(BITS / 32);

  add(hash: string): void {
    for (let i = 0; i < HASHES; i++) {
      const bit = bitOf(hash, i);
      this.words[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  mayHold(hash: string): boolean {
    for (let i = 0; i < HASHES; i++) {
      const bit = bitOf(hash, i);
      if ((this.words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** As much of a key as a filter looks at. */
export const FILTERED_DIGITS = DIGITS * HASHES;

const bitOf = (hash: string, i: number): number => Number.parseInt(hash.slice(i * DIGITS, (i + 1) * DIGITS), 16) % BITS;
