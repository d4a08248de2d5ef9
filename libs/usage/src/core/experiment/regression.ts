/** Clusters as columns. `features` is row after row, `width` numbers each; the first feature is always 1. */
export interface Design {
  readonly width: number;
  readonly requests: Float64Array;
  readonly features: Float64Array;
}

/** A feature that the others make up but for this share of it says nothing of its own. */
const COLLINEAR = 1e-9;
/** A cluster that alone determines a coefficient has a leverage of 1 and no residual; beyond this the residual is rounding. */
const MAX_LEVERAGE = 0.999;

/**
 * Least squares of requests' costs on features that are the same for all requests of a cluster. So it needs no more of a
 * cluster than the sum of its costs and the number of its requests: it is the regression of clusters' mean costs, weighted
 * by requests. One instance is used for many fits; a fit overwrites the one before.
 */
export class Regression {
  /** (sum over clusters of requests x features features')^-1, row after row. */
  private readonly inverse: Float64Array;
  private readonly coefficients: Float64Array;
  /** Scratch. */
  private readonly moments: Float64Array;
  private readonly scale: Float64Array;
  private readonly direction: Float64Array;
  /** Over the clusters of the fit: requests x features. */
  readonly featureSums: Float64Array;
  /** Over the clusters of the fit: costs. */
  costSum = 0;

  constructor(private readonly design: Design) {
    this.inverse = new Float64Array(design.width ** 2);
    this.coefficients = new Float64Array(design.width);
    this.moments = new Float64Array(design.width);
    this.scale = new Float64Array(design.width);
    this.direction = new Float64Array(design.width);
    this.featureSums = new Float64Array(design.width);
  }

  /** Fits `costs` on the clusters `rows[0] ... rows[count - 1]`. */
  fit(costs: Float64Array, rows: Int32Array, count: number): void {
    const { width, requests, features } = this.design;
    const { inverse, coefficients, featureSums, moments } = this;
    inverse.fill(0);
    moments.fill(0);
    coefficients.fill(0);
    featureSums.fill(0);
    this.costSum = 0;
    for (let k = 0; k < count; k++) {
      const row = rows[k]!;
      const cost = costs[row]!;
      this.costSum += cost;
      for (let i = 0; i < width; i++) {
        const feature = features[row * width + i]!;
        const weighted = requests[row]! * feature;
        moments[i]! += feature * cost;
        featureSums[i]! += weighted;
        for (let j = 0; j <= i; j++) inverse[i * width + j]! += weighted * features[row * width + j]!;
      }
    }
    for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) inverse[j * width + i] = inverse[i * width + j]!;
    invert(inverse, width, this.scale);
    for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) coefficients[i]! += inverse[i * width + j]! * moments[j]!;
  }

  /** What requests with these sums of features should cost together. */
  predict(featureSums: Float64Array): number {
    let cost = 0;
    for (let i = 0; i < featureSums.length; i++) cost += this.coefficients[i]! * featureSums[i]!;
    return cost;
  }

  /** What the cluster cost beyond the fit, for all its requests. */
  residual(costs: Float64Array, row: number): number {
    const { width, requests, features } = this.design;
    let fitted = 0;
    for (let i = 0; i < width; i++) fitted += features[row * width + i]! * this.coefficients[i]!;
    return costs[row]! - requests[row]! * fitted;
  }

  /** How much of its own fit the cluster makes. The residual over 1 - leverage is exactly that from a fit without it. */
  leverage(row: number): number {
    const { width, requests, features } = this.design;
    let sum = 0;
    for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) sum += features[row * width + i]! * this.inverse[i * width + j]! * features[row * width + j]!;
    const leverage = requests[row]! * sum;
    return leverage < MAX_LEVERAGE ? leverage : MAX_LEVERAGE;
  }

  /**
   * The variance of `predict(target)` as a forecast of what `others` clusters with these sums of features really cost:
   * sum over the fitted clusters of (w^2 + others / count) residual^2 / (1 - leverage), w = target' inverse features. The first
   * part is the CR2 variance of Bell and McCaffrey (Survey Methodology 28, 2002) for features that are constant within a
   * cluster; the second is how much the others' own costs scatter, told from the fitted ones.
   */
  forecastVariance(costs: Float64Array, rows: Int32Array, count: number, target: Float64Array, others: number): number {
    const { width, features } = this.design;
    const { direction } = this;
    direction.fill(0);
    for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) direction[i]! += this.inverse[i * width + j]! * target[j]!;
    let variance = 0;
    for (let k = 0; k < count; k++) {
      const row = rows[k]!;
      let weight = 0;
      for (let i = 0; i < width; i++) weight += direction[i]! * features[row * width + i]!;
      variance += (weight * weight + others / count) * (this.residual(costs, row) ** 2 / (1 - this.leverage(row)));
    }
    return variance;
  }
}

/** Inverts a symmetric, non-negative matrix in place by sweeping (Goodnight, The American Statistician 33, 1979); a column that the ones before it make up gets zeros. `scale` is scratch. */
function invert(matrix: Float64Array, width: number, scale: Float64Array): void {
  for (let i = 0; i < width; i++) scale[i] = matrix[i * width + i]!;
  for (let k = 0; k < width; k++) {
    const pivot = matrix[k * width + k]!;
    if (!(pivot > COLLINEAR * scale[k]!)) {
      for (let i = 0; i < width; i++) matrix[i * width + k] = matrix[k * width + i] = 0;
      continue;
    }
    for (let j = 0; j < width; j++) matrix[k * width + j]! /= pivot;
    for (let i = 0; i < width; i++) {
      if (i === k) continue;
      const factor = matrix[i * width + k]!;
      for (let j = 0; j < width; j++) matrix[i * width + j]! -= factor * matrix[k * width + j]!;
      matrix[i * width + k] = -factor / pivot;
    }
    matrix[k * width + k] = 1 / pivot;
  }
}
