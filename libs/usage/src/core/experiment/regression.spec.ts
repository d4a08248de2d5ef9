import { seededRandom } from './random.js';
import { type Design, Regression } from './regression.js';

const CLUSTERS = 40;
const random = seededRandom(3);
const design: Design = {
  width: 3,
  requests: Float64Array.from({ length: CLUSTERS }, () => 1 + Math.floor(6 * random())),
  features: Float64Array.from({ length: CLUSTERS * 3 }, (_, index) => (index % 3 === 0 ? 1 : random() - 0.5)),
};
const costs = Float64Array.from({ length: CLUSTERS }, (_, row) => design.requests[row]! * (5 + 3 * design.features[row * 3 + 1]! + random()));
const rows = Int32Array.from({ length: CLUSTERS }, (_, row) => row);

const fitted = (of: Design, y: Float64Array, on = rows): Regression => {
  const regression = new Regression(of);
  regression.fit(y, on, on.length);
  return regression;
};

describe('the regression', () => {
  it('leaves no cost over: residuals add up to nothing along every feature', () => {
    const regression = fitted(design, costs);
    for (let i = 0; i < 3; i++) expect(rows.reduce((sum, row) => sum + design.features[row * 3 + i]! * regression.residual(costs, row), 0)).toBeCloseTo(0, 9);
    expect(regression.predict(regression.featureSums)).toBeCloseTo(regression.costSum, 9);
  });

  it('finds what made the costs', () => {
    const exact = costs.map((_, row) => design.requests[row]! * (5 + 3 * design.features[row * 3 + 1]! - 2 * design.features[row * 3 + 2]!));
    expect(fitted(design, exact).predict(Float64Array.of(1, 0.25, 0.5))).toBeCloseTo(5 + 0.75 - 1, 9);
  });

  it('is that of the requests one by one: a cluster of several is as many of one', () => {
    const single = rows.reduce<number[]>((all, row) => [...all, ...Array.from({ length: design.requests[row]! }, () => row)], []);
    const apart: Design = { width: 3, requests: new Float64Array(single.length).fill(1), features: Float64Array.from(single.flatMap((row) => [...design.features.subarray(row * 3, row * 3 + 3)])) };
    const regression = fitted(apart, Float64Array.from(single, (row) => costs[row]! / design.requests[row]!), Int32Array.from(single.keys()));
    const target = Float64Array.of(100, 7, -3);
    expect(regression.predict(target)).toBeCloseTo(fitted(design, costs).predict(target), 9);
  });

  it('tells by the leverage what a fit without the cluster would have left', () => {
    const whole = fitted(design, costs);
    for (const row of [0, 7, 39]) {
      const without = fitted(design, costs, rows.filter((one) => one !== row));
      expect(whole.residual(costs, row) / (1 - whole.leverage(row))).toBeCloseTo(without.residual(costs, row), 8);
    }
  });

  it('gives a feature that the others make up no weight', () => {
    const twice: Design = { width: 4, requests: design.requests, features: Float64Array.from([...rows].flatMap((row) => [...design.features.subarray(row * 3, row * 3 + 3), 2 * design.features[row * 3 + 1]! - 1])) };
    const flat: Design = { width: 2, requests: design.requests, features: Float64Array.from([...rows].flatMap(() => [1, 0])) };
    expect(fitted(twice, costs).predict(Float64Array.of(10, 1, 2, -8))).toBeCloseTo(fitted(design, costs).predict(Float64Array.of(10, 1, 2)), 8);
    expect(fitted(flat, costs).predict(Float64Array.of(10, 0))).toBeCloseTo((10 * costs.reduce((a, b) => a + b)) / design.requests.reduce((a, b) => a + b), 8);
  });

  it('without features has the variance of a mean, times what is forecast', () => {
    const mean: Design = { width: 1, requests: new Float64Array(CLUSTERS).fill(1), features: new Float64Array(CLUSTERS).fill(1) };
    const average = costs.reduce((a, b) => a + b) / CLUSTERS;
    const scatter = costs.reduce((sum, cost) => sum + (cost - average) ** 2, 0) / (CLUSTERS - 1);
    // N^2 s^2 (1 / n + 1 / N): Neyman's, for the sum of N more from a sample of n.
    expect(fitted(mean, costs).forecastVariance(costs, rows, CLUSTERS, Float64Array.of(500), 500)).toBeCloseTo(500 ** 2 * scatter * (1 / CLUSTERS + 1 / 500), 6);
  });
});
