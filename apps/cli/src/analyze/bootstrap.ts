const REPLICATES = 400;
/** Of the 400 shares, sorted: 2.5% lie below the one and above the other. */
const LOW = 9;
const HIGH = 390;

/**
 * An interval for a ratio of sums by the Poisson bootstrap over clusters: each replicate counts each cluster a
 * Poisson(1)-distributed number of times (Chamandy, Muralidharan, Najmi and Naidu, "Estimating uncertainty for massive data
 * streams", 2012). The draws follow from the cluster's name, so that a log gives the same interval each time, and nothing
 * but the replicates' sums is kept.
 */
export class PoissonBootstrap {
  private readonly denominators = new Float64Array(REPLICATES);
  private readonly numerators = new Float64Array(REPLICATES);

  add(cluster: string, denominator: number, numerator: number): void {
    const random = mulberry32(hash(cluster));
    for (let i = 0; i < REPLICATES; i++) {
      const times = poisson1(random());
      this.denominators[i]! += times * denominator;
      this.numerators[i]! += times * numerator;
    }
  }

  /** The middle 95% of the replicates' ratios. */
  interval(): { readonly low: number; readonly high: number } {
    const ratios = Array.from(this.numerators, (numerator, index) => (this.denominators[index]! > 0 ? numerator / this.denominators[index]! : 0)).sort((a, b) => a - b);
    return { low: ratios[LOW]!, high: ratios[HIGH]! };
  }
}

/** Poisson(1)'s distribution function: P(at most k). Beyond the last the rest is less than 10^-9. */
const AT_MOST = [...Array(12).keys()].reduce<{ p: number; sums: number[] }>(({ p, sums }, k) => ({ p: p / (k + 1), sums: [...sums, (sums.at(-1) ?? 0) + p] }), { p: Math.exp(-1), sums: [] }).sums;

/** Its inverse. */
function poisson1(u: number): number {
  let k = 0;
  while (k < AT_MOST.length && u > AT_MOST[k]!) k++;
  return k;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** A small generator with a period of 2^32 (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
