import fc from 'fast-check';
import { ExperimentAccumulator } from './accumulator.js';
import { accumulated, assignedRequests } from './experiment.fakes.js';
import { type AssignedRequest } from './experiment.types.js';

/** Requests whose ids differ, as receipts' do. */
const requests = assignedRequests.map((all) => [...new Map(all.map((one) => [one.requestId, one])).values()]);

describe('the sums of an experiment', () => {
  it('are exact, for each cluster and all together', () => {
    fc.assert(
      fc.property(requests, (all) => {
        const clusters = [...accumulated(all).clusters()];
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

  it('do not depend on the order of requests, nor on which of them were added up before', () => {
    const shuffledParts = requests.chain((all) =>
      fc.record({ all: fc.constant(all), shuffled: fc.shuffledSubarray(all, { minLength: all.length }), parts: fc.array(fc.nat(3), { minLength: all.length, maxLength: all.length }) }),
    );
    fc.assert(
      fc.property(shuffledParts, ({ all, shuffled, parts }) => {
        const whole = [...accumulated(all).clusters()];
        const pieces = new ExperimentAccumulator();
        for (const number of [0, 1, 2, 3]) {
          const part = shuffled.filter((_, index) => parts[index] === number);
          if (number === 0) for (const request of part) pieces.add('2026-11', request);
          else for (const [cluster, members] of Map.groupBy(part, (one) => one.cluster)) pieces.addTotals('2026-11', cluster, [...accumulated(members).clusters()][0]!);
        }
        expect([...pieces.clusters()]).toEqual(whole);
      }),
    );
  });

  it('are found by their names, however many there are, and come in their order', () => {
    const names = fc.sample(fc.uniqueArray(fc.oneof(fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 }), fc.string({ maxLength: 6 })), { minLength: 1_000, maxLength: 3_000 }), { numRuns: 1, seed: 5 })[0]!;
    const experiment = new ExperimentAccumulator();
    const id = (serial: number): string => `01956c00-0000-7000-8000-${serial.toString(16).padStart(12, '0')}`;
    const request = (serial: number, cluster: string): AssignedRequest => ({ requestId: id(serial), cluster, arm: 'treated', covariates: { promptCostPd: serial, requestedModel: 'm', maxTokens: serial }, actualPd: serial });
    // The second round comes earlier than the first, and is the opening.
    for (const offset of [names.length, 0]) for (const [index, name] of names.entries()) experiment.add('2026-11', request(offset + index, name));
    const expected = names.map((name, index) => ({ bytes: Buffer.from(name), index })).sort((a, b) => a.bytes.compare(b.bytes));
    expect([...experiment.clusters()]).toEqual(expected.map(({ index }) => ({ requests: 2, controlRequests: 0, actualPd: BigInt(names.length + 2 * index), opening: { requestId: id(index), arm: 'treated', covariates: { promptCostPd: index, requestedModel: 'm', maxTokens: index } } })));
  });

  it('keep the clusters of different periods apart, for they were assigned anew', () => {
    const [request] = fc.sample(requests.filter(({ length }) => length > 0), 1)[0]!;
    const pooled = accumulated([request!], '2026-10');
    pooled.add('2026-11', { ...request!, arm: 'control' });
    expect([...pooled.clusters()]).toHaveLength(2);
  });

  it('refuse what is not a whole number of picodollars', () => {
    const [request] = fc.sample(requests.filter(({ length }) => length > 0), 1)[0]!;
    for (const actualPd of [0.5, 2 ** 53, NaN]) expect(() => accumulated([{ ...request!, actualPd }])).toThrow(RangeError);
  });

  it('refuse what is not a request’s id', () => {
    const [request] = fc.sample(requests.filter(({ length }) => length > 0), 1)[0]!;
    for (const requestId of ['', '7', request!.requestId.replace(/.$/, 'g'), request!.requestId.replaceAll('-', '0'), `${request!.requestId}0`]) expect(() => accumulated([{ ...request!, requestId }])).toThrow(RangeError);
  });
});
