/** Counts of values by size. `counts` is not cumulative; its last slot is for what is above every bound. */
export interface Distribution {
  readonly counts: Float64Array;
  sum: number;
}

export const newDistribution = (bounds: readonly number[]): Distribution => ({ counts: new Float64Array(bounds.length + 1), sum: 0 });

/** Counts one value under the first bound that is not below it. A clock that was set back must not spoil the sums: below 0 is 0. */
export function record(distribution: Distribution, bounds: readonly number[], measured: number): void {
  const value = measured > 0 ? measured : 0;
  const { length } = bounds;
  let bucket = 0;
  while (bucket < length && value > bounds[bucket]!) bucket++;
  distribution.counts[bucket]!++;
  distribution.sum += value;
}

export function countOf({ counts }: Distribution): number {
  let count = 0;
  for (let i = 0; i < counts.length; i++) count += counts[i]!;
  return count;
}
