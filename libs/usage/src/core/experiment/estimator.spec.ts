import fc from 'fast-check';
import { type Arm } from '../savings/receipt.types.js';
import { estimateSaving } from './estimator.js';
import { accumulated, traffic } from './experiment.fakes.js';
import { type AssignedRequest, type ExperimentResult, type SavingEstimate } from './experiment.types.js';

const estimate = (requests: readonly AssignedRequest[]): SavingEstimate => {
  const result = estimateSaving(accumulated(requests), 199);
  if (result.kind !== 'estimated') throw new Error(result.message);
  return result;
};
const sum = (requests: readonly AssignedRequest[]): number => requests.reduce((total, { actualPd }) => total + actualPd, 0);
const of = (requests: readonly AssignedRequest[], arm: string): AssignedRequest[] => requests.filter((one) => one.arm === arm);

describe('the estimate', () => {
  it('without anything known before is the difference of the arms’ mean costs, for all treated requests', () => {
    const requests = traffic({ treat: (cost) => cost * 0.6 }).map((one) => ({ ...one, covariates: { ...one.covariates, promptCostPd: 7, maxTokens: null } }));
    const [treated, control] = [of(requests, 'treated'), of(requests, 'control')];
    const { savingPd, strata } = estimate(requests);
    const expected = (sum(control) / control.length) * treated.length - sum(treated);
    expect(Math.abs(Number(savingPd) - expected)).toBeLessThan(2);
    expect(strata).toMatchObject([{ models: ['large'], controlRequests: control.length, treatedRequests: treated.length }]);
  });

  it('finds the saving, and puts it between the interval’s ends', () => {
    const requests = traffic({ treat: (cost) => cost * 0.6 });
    const { savingPd, lowPd, highPd, halfWidthPd } = estimate(requests);
    const trueSaving = (of(requests, 'treated').reduce((total, { actualPd }) => total + actualPd, 0) * 0.4) / 0.6;
    expect(Math.abs(Number(savingPd) / trueSaving - 1)).toBeLessThan(0.1);
    expect(lowPd).toBeLessThan(savingPd);
    expect(highPd).toBeGreaterThan(savingPd);
    expect(halfWidthPd * 2n - (highPd - lowPd)).toBeLessThanOrEqual(1n);
  });

  it('is not misled by an arm with dearer prompts, and is the more precise for knowing them', () => {
    const [cheap, dear] = [traffic({ seed: 1 }), traffic({ seed: 2 })];
    // Prompts of the treated are dearer by chance: all the cheap conversations with short prompts are taken out of one arm.
    const requests = [...cheap, ...dear].filter(({ arm, covariates }) => arm === 'control' || covariates.promptCostPd > 300_000);
    const blind = requests.map((one) => ({ ...one, covariates: { ...one.covariates, promptCostPd: 7 } }));
    const [adjusted, raw] = [estimate(requests), estimate(blind)];
    expect(Math.abs(Number(adjusted.savingPd))).toBeLessThan(0.02 * sum(of(requests, 'treated')));
    expect(Number(raw.savingPd)).toBeLessThan(-0.1 * sum(of(requests, 'treated')));
    expect(adjusted.standardErrorPd * 3).toBeLessThan(raw.standardErrorPd);
  });

  it('knows of a conversation only what its first request told', () => {
    const requests = traffic();
    const first = new Set(requests.map(({ cluster }) => requests.find((one) => one.cluster === cluster)!.requestId));
    // Later prompts are what the treatment made of them.
    const later = requests.map((one) => (first.has(one.requestId) ? one : { ...one, covariates: { promptCostPd: 1_000_000_000, requestedModel: 'escalated', maxTokens: 1 } }));
    expect(estimate(later)).toEqual(estimate(requests));
  });

  it('is the same, to the last bit, whatever the order of requests', () => {
    const requests = traffic({ conversations: 150, treat: (cost) => cost * 0.7 });
    const expected = estimate(requests);
    fc.assert(
      fc.property(fc.shuffledSubarray(requests, { minLength: requests.length }), (shuffled) => {
        expect(estimate(shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  it('scales with costs: in other units it is the same saving', () => {
    const requests = traffic({ conversations: 300, treat: (cost) => cost * 0.7 });
    const before = estimate(requests);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1_000 }), (factor) => {
        const { savingPd, lowPd, highPd } = estimate(requests.map((one) => ({ ...one, actualPd: one.actualPd * factor, covariates: { ...one.covariates, promptCostPd: one.covariates.promptCostPd * factor } })));
        for (const [after, was] of [[savingPd, before.savingPd], [lowPd, before.lowPd], [highPd, before.highPd]] as const) expect(Number(after) / (Number(was) * factor)).toBeCloseTo(1, 6);
      }),
      { numRuns: 10 },
    );
  });

  it('is below zero where the treatment costs', () => {
    const { savingPd, highPd, costOfProofPd } = estimate(traffic({ treat: (cost) => cost * 1.5 }));
    for (const amount of [savingPd, highPd, costOfProofPd]) expect(amount).toBeLessThan(0n);
  });

  it('counts what answers cost, whether their receipts are void or not', () => {
    // Nothing in the experiment's input says whether a receipt is void: a treated request that failed is its whole cost.
    const requests = traffic({ treat: (cost) => cost });
    const failed = requests.map((one) => (one.arm === 'treated' ? { ...one, actualPd: 2 * one.actualPd } : one));
    const all = sum(of(requests, 'treated'));
    expect(Number(estimate(failed).savingPd - estimate(requests).savingPd)).toBe(-all);
  });

  it('compares models with themselves, and merges those with few controls', () => {
    const requests = [
      ...traffic({ model: 'large', treat: (cost) => cost * 0.5 }),
      ...traffic({ model: 'small', conversations: 300, cost: (prompt, random) => 0.1 * prompt + 1_000 * random(), seed: 2 }),
      ...traffic({ model: 'rare', conversations: 40, seed: 3 }),
      ...traffic({ model: 'rarer', conversations: 40, seed: 4 }),
    ];
    const { strata, savingPd, arms, costOfProofPd } = estimate(requests);
    expect(strata.map(({ models }) => models)).toEqual([['rare', 'rarer', 'small'], ['large']]);
    expect(strata.reduce((total, one) => total + one.savingPd, 0n)).toBe(savingPd);
    expect(strata.reduce((total, one) => total + one.controls, 0)).toBe(arms.control.clusters);
    expect(arms.control.clusters + arms.treated.clusters).toBe(800 + 300 + 40 + 40);
    const lost = strata.reduce((total, one) => total + (Number(one.savingPd) * one.controlRequests) / one.treatedRequests, 0);
    expect(Math.abs(Number(costOfProofPd) - lost)).toBeLessThanOrEqual(strata.length);
  });

  it('notices when the treated need more requests, and clusters that changed sides', () => {
    const longer = estimate(traffic({ turns: (random, arm) => (arm === 'treated' ? 2 : 1) + Math.floor(3 * random()) }));
    expect(longer.requestsPerCluster.treated - longer.requestsPerCluster.control).toBeCloseTo(1, 0);
    expect(longer.requestsPerCluster.z).toBeGreaterThan(5);
    expect(Math.abs(estimate(traffic()).requestsPerCluster.z)).toBeLessThan(3);

    const requests = traffic();
    const last = requests.findLastIndex(({ arm, cluster }, index) => arm === 'treated' && requests[index - 1]?.cluster === cluster);
    const crossed = estimate(requests.with(last, { ...requests[last]!, arm: 'control' }));
    expect(crossed).toEqual({ ...estimate(requests), crossed: 1 });
  });
});

describe('what cannot be estimated', () => {
  const reason = (requests: readonly AssignedRequest[]): ExperimentResult['kind'] | string => {
    const result = estimateSaving(accumulated(requests), 199);
    return result.kind === 'estimated' ? result.kind : result.reason;
  };
  const requests = traffic({ conversations: 200, controlShare: 0.5 });
  const clusters = (arm: string, count: number): AssignedRequest[] => {
    const names = new Set([...new Set(of(requests, arm).map(({ cluster }) => cluster))].slice(0, count));
    return requests.filter(({ cluster }) => names.has(cluster));
  };

  it('is said to be so, and why', () => {
    expect(reason([])).toBe('no_requests');
    expect(reason(of(requests, 'treated'))).toBe('no_controls');
    expect(reason(of(requests, 'control'))).toBe('no_treated');
    expect(reason([...of(requests, 'treated'), ...clusters('control', 1)])).toBe('one_cluster');
    expect(reason([...of(requests, 'control'), ...clusters('treated', 1)])).toBe('one_cluster');
    expect(reason([...of(requests, 'treated'), ...clusters('control', 29)])).toBe('too_few_controls');
    expect(reason([...of(requests, 'treated'), ...clusters('control', 30)])).toBe('estimated');
    expect(reason([...of(requests, 'control'), ...clusters('treated', 2)])).toBe('estimated');
  });

  it('is what never varies, or next to never', () => {
    expect(reason(requests.map((one) => ({ ...one, actualPd: one.arm === 'control' ? 1_000 : 600 })))).toBe('zero_variance');
    expect(reason(requests.map((one) => ({ ...one, actualPd: 0 })))).toBe('zero_variance');
    expect(reason(requests.map((one) => ({ ...one, actualPd: 3 * one.covariates.promptCostPd })))).toBe('zero_variance');
  });

  it('is what so few conversations make vary that most draws of controls would not show it', () => {
    const request = (serial: number, arm: Arm, actualPd: number): AssignedRequest => ({ requestId: `01956c00-0000-7000-8000-${String(serial).padStart(12, '0')}`, cluster: `${arm} ${serial}`, arm, covariates: { promptCostPd: 0, requestedModel: 'large', maxTokens: null }, actualPd });
    const flat = Array.from({ length: 256 }, (_, serial) => request(serial, serial < 128 ? 'control' : 'treated', 1_000));
    // Two controls that together are as the others are; the first of them has two requests.
    const odd = flat.with(0, { ...flat[0]!, actualPd: 2_000 }).with(1, { ...flat[1]!, cluster: flat[0]!.cluster }).with(2, { ...flat[2]!, actualPd: 0 });
    expect(reason(odd)).toBe('zero_variance');
  });
});
