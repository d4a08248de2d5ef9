/**
 * The middle of the values; of an even number of them the mean of the middle two.
 * @throws RangeError on an empty list: a figure that was not measured must not become a number.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/**
 * The median over rounds of a/b. Interleaved rounds are pairs: both members of a pair saw the same state of the
 * machine, so the ratio is taken inside the round and not between the two medians.
 */
export function medianRatio(a: readonly number[], b: readonly number[]): number {
  return median(pairs(a, b).map(([x, y]) => x / y));
}

/** The median over rounds of a-b. May be negative when the difference is below the noise. */
export function medianDifference(a: readonly number[], b: readonly number[]): number {
  return median(pairs(a, b).map(([x, y]) => x - y));
}

/** How far the rounds lie apart: (max - min) / median. 0.05 means within five per cent. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

function pairs(a: readonly number[], b: readonly number[]): [number, number][] {
  if (a.length !== b.length) throw new RangeError(`rounds do not pair up: ${a.length} and ${b.length}`);
  return a.map((x, round) => [x, b[round] as number]);
}

/** `items` rotated left by `round`, so that over the rounds nobody always runs first or always after the same neighbour. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const by = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(by), ...items.slice(0, by)];
}
