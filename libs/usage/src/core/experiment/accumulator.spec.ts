import fc from 'fast-check';
import { ExperimentAccumulator } from './accumulator.js';
import { accumulated, assignedRequests } from './experiment.fakes.js';
import { type AssignedRequest } from './experiment.types.js';

/** Requests whose ids differ, as receipts' do. */
const requests = assignedRequests.map((all) => [...new Map(all.map((one) => [one.requestId, one])).values()]);

const merged = (parts: readonly ExperimentAccumulator[]): ExperimentAccumulator => {
  const whole = new ExperimentAccumulator('2026-11');
  for (const part of parts) whole.merge(part);
  return whole;
};

describe('the sums of an experiment', () => {
  it('are exact, for each cluster and all together', () => {
    fc.assert(
      fc.property(requests, (all) => {
        const clusters = accumulated(all).clusters();
        const byCluster = Map.groupBy(all, ({ cluster }) => cluster);
        expect(clusters).toHaveLength(byCluster.size);
        const names = [...byCluster.keys()].sort();
        for (const [index, { requests: count, controlRequests, actualPd, opening }] of clusters.entries()) {
          const members = byCluster.get(names[index]!)!;
          expect(count).toBe(members.length);
          expect(controlRequests).toBe(members.filter(({ arm }) => arm === 'control').length);
          expect(actualPd).toBe(members.reduce((sum, one) => sum + BigInt(one.actualPd), 0n));
          const first = members.reduce((a, b) => (a.requestId < b.requestId ? a : b));
          expect(opening).toEqual({ requestId: first.requestId, arm: first.arm, covariates: first.covariates });
        }
      }),
    );
  });

  it('do not depend on the order of requests, nor on how they were cut up and put together', () => {
    const shuffledParts = requests.chain((all) =>
      fc.record({ all: fc.constant(all), shuffled: fc.shuffledSubarray(all, { minLength: all.length }), parts: fc.array(fc.nat(3), { minLength: all.length, maxLength: all.length }) }),
    );
    fc.assert(
      fc.property(shuffledParts, ({ all, shuffled, parts }) => {
        const whole = accumulated(all).clusters();
        const part = (number: number): AssignedRequest[] => shuffled.filter((_, index) => parts[index] === number);
        const [a, b, c, d] = [0, 1, 2, 3].map((number) => accumulated(part(number))) as [ExperimentAccumulator, ExperimentAccumulator, ExperimentAccumulator, ExperimentAccumulator];
        expect(merged([a, b, c, d]).clusters()).toEqual(whole);
        expect(merged([merged([a, b]), merged([c, d])]).clusters()).toEqual(whole);
        expect(merged([d, merged([c, merged([b, a])])]).clusters()).toEqual(whole);
      }),
    );
  });

  it('leave those that are merged as they were', () => {
    const all = fc.sample(requests.filter(({ length }) => length > 1), 1)[0]!;
    const part = accumulated(all);
    const before = part.clusters();
    const whole = merged([part]);
    whole.merge(accumulated(all.map((one) => ({ ...one, actualPd: 1 }))));
    expect(part.clusters()).toEqual(before);
  });

  it('keep the clusters of different periods apart, for they were assigned anew', () => {
    const [request] = fc.sample(requests.filter(({ length }) => length > 0), 1)[0]!;
    const pooled = accumulated([request!], '2026-10');
    pooled.merge(accumulated([{ ...request!, arm: 'control' }], '2026-11'));
    expect(pooled.clusters()).toHaveLength(2);
  });

  it('refuse what is not a whole number of picodollars', () => {
    const [request] = fc.sample(requests.filter(({ length }) => length > 0), 1)[0]!;
    for (const actualPd of [0.5, 2 ** 53, NaN]) expect(() => accumulated([{ ...request!, actualPd }])).toThrow(RangeError);
  });
});
