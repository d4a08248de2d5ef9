export const WIDTH = 3;

/** Clusters as columns: their requests, what is known of each beforehand (`WIDTH` numbers), and what its requests cost together. */
export interface Rows {
  readonly weights: Float64Array;
  readonly features: Float64Array;
  readonly costs: Float64Array;
}

/** A feature that those before it explain but for this share says nothing. */
const EXPLAINED = 1e-9;
const MOST_LEVERAGE = 0.999;

/**
 * Least squares of costs per request on a cluster's features, weighted by requests: the normal equations, solved by
 * L D L'. A feature whose pivot is no more than `EXPLAINED` of its own sum of squares is left out.
 */
export class WeightedFit {
  /** Sums of weight x feature. */
  readonly features: readonly number[];
  private readonly kept: number[] = [];
  private readonly lower: number[][] = [];
  private readonly pivots: number[] = [];
  private readonly coefficients: number[];
  /** (X'WX)^-1, column by column. */
  private readonly inverse: readonly number[][];

  /** @param members of the rows those that are fitted */
  constructor(
    private readonly rows: Rows,
    private readonly members: Uint32Array,
  ) {
    const { weights, features, costs } = rows;
    const moments = Array.from({ length: WIDTH }, () => [0, 0, 0]);
    const sums = [0, 0, 0];
    const products = [0, 0, 0];
    for (const row of members) {
      for (let i = 0; i < WIDTH; i++) {
        const feature = features[row * WIDTH + i]!;
        sums[i]! += weights[row]! * feature;
        products[i]! += feature * costs[row]!;
        for (let j = 0; j <= i; j++) moments[i]![j]! += weights[row]! * feature * features[row * WIDTH + j]!;
      }
    }
    this.features = sums;
    for (let i = 0; i < WIDTH; i++) {
      const row: number[] = [];
      this.kept.forEach((j, k) => {
        row.push((moments[i]![j]! - row.reduce((sum, value, m) => sum + value * this.pivots[m]! * this.lower[k]![m]!, 0)) / this.pivots[k]!);
      });
      const own = moments[i]![i]!;
      const pivot = own - row.reduce((sum, value, m) => sum + value * value * this.pivots[m]!, 0);
      if (!(pivot > EXPLAINED * own)) continue;
      this.kept.push(i);
      this.lower.push(row);
      this.pivots.push(pivot);
    }
    this.inverse = sums.map((_, i) => this.solve(sums.map((__, j) => (i === j ? 1 : 0))));
    this.coefficients = this.solve(products);
  }

  /** What requests with these sums of features should cost together. */
  predict(features: readonly number[]): number {
    return dot(this.coefficients, features);
  }

  /** What a cluster cost beyond the fit. */
  residual(row: number): number {
    return this.rows.costs[row]! - this.rows.weights[row]! * this.along(this.coefficients, row);
  }

  /** The CR2 variance of `predict(features)` as a forecast of what `others` clusters really cost. */
  forecastVariance(features: readonly number[], others: number): number {
    const direction = this.solve(features);
    let variance = 0;
    for (const row of this.members) variance += ((this.along(direction, row) ** 2 + others / this.members.length) * this.residual(row) ** 2) / (1 - this.leverage(row));
    return variance;
  }

  /** How much of its own fit a cluster makes. */
  leverage(row: number): number {
    let sum = 0;
    for (let i = 0; i < WIDTH; i++) sum += this.rows.features[row * WIDTH + i]! * this.along(this.inverse[i]!, row);
    return Math.min(MOST_LEVERAGE, this.rows.weights[row]! * sum);
  }

  /** A vector times a cluster's features. */
  private along(vector: readonly number[], row: number): number {
    let sum = 0;
    for (let i = 0; i < WIDTH; i++) sum += vector[i]! * this.rows.features[row * WIDTH + i]!;
    return sum;
  }

  /** (X'WX)^-1 times a vector; zero for what was left out. */
  private solve(vector: readonly number[]): number[] {
    const steps = this.kept.map((i) => vector[i]!);
    for (let k = 0; k < steps.length; k++) for (let m = 0; m < k; m++) steps[k]! -= this.lower[k]![m]! * steps[m]!;
    for (let k = 0; k < steps.length; k++) steps[k]! /= this.pivots[k]!;
    for (let k = steps.length - 1; k >= 0; k--) for (let m = k + 1; m < steps.length; m++) steps[k]! -= this.lower[m]![k]! * steps[m]!;
    const solution = vector.map(() => 0);
    this.kept.forEach((i, k) => (solution[i] = steps[k]!));
    return solution;
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
