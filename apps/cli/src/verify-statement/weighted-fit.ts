/** A cluster: its requests, what is known of it beforehand, and what its requests cost together. */
export interface Row {
  readonly weight: number;
  readonly features: readonly number[];
  readonly cost: number;
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

  constructor(private readonly rows: readonly Row[]) {
    const width = rows[0]!.features.length;
    const moment = (i: number, j: number): number => rows.reduce((sum, { weight, features }) => sum + weight * features[i]! * features[j]!, 0);
    this.features = Array.from({ length: width }, (_, i) => rows.reduce((sum, { weight, features }) => sum + weight * features[i]!, 0));
    for (let i = 0; i < width; i++) {
      const row: number[] = [];
      this.kept.forEach((j, k) => {
        row.push((moment(i, j) - row.reduce((sum, value, m) => sum + value * this.pivots[m]! * this.lower[k]![m]!, 0)) / this.pivots[k]!);
      });
      const own = moment(i, i);
      const pivot = own - row.reduce((sum, value, m) => sum + value * value * this.pivots[m]!, 0);
      if (!(pivot > EXPLAINED * own)) continue;
      this.kept.push(i);
      this.lower.push(row);
      this.pivots.push(pivot);
    }
    this.inverse = this.features.map((_, i) => this.solve(this.features.map((__, j) => (i === j ? 1 : 0))));
    this.coefficients = this.solve(Array.from({ length: width }, (_, i) => rows.reduce((sum, { features, cost }) => sum + features[i]! * cost, 0)));
  }

  /** What requests with these sums of features should cost together. */
  predict(features: readonly number[]): number {
    return dot(this.coefficients, features);
  }

  /** What a cluster cost beyond the fit. */
  residual({ weight, features, cost }: Row): number {
    return cost - weight * dot(this.coefficients, features);
  }

  /** The CR2 variance of `predict(features)` as a forecast of what `others` clusters really cost. */
  forecastVariance(features: readonly number[], others: number): number {
    const direction = this.solve(features);
    return this.rows.reduce((sum, row) => {
      const weight = dot(direction, row.features);
      return sum + ((weight * weight + others / this.rows.length) * this.residual(row) ** 2) / (1 - this.leverage(row));
    }, 0);
  }

  /** How much of its own fit a cluster makes. */
  leverage({ weight, features }: Row): number {
    let sum = 0;
    for (let i = 0; i < features.length; i++) sum += features[i]! * dot(this.inverse[i]!, features);
    return Math.min(MOST_LEVERAGE, weight * sum);
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
