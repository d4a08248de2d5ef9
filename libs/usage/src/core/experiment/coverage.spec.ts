import { billedSavings, type ExperimentBound } from './billed.js';
import { estimateSaving } from './estimator.js';
import { type ExperimentResult } from './experiment.types.js';
import { seededRandom } from './random.js';
import { type SimulatedPeriod, simulatePeriod, type Workload } from './simulated-period.fakes.js';

const PERIODS = 2_000;
/** A fifth of what is shipped, so that 2,000 periods take seconds: critical values are coarser, not others. */
const REHEARSALS = 199;
const INFLATION = 1.2;

interface Played {
  readonly period: SimulatedPeriod;
  readonly result: ExperimentResult;
}

function* play(workload: Workload): Generator<Played> {
  const random = seededRandom(20_261_123);
  for (let index = 0; index < PERIODS; index++) {
    const period = simulatePeriod(random, workload);
    yield { period, result: estimateSaving(period.experiment, REHEARSALS) };
  }
}

const covers = ({ period, result }: Played): boolean => result.kind === 'estimated' && result.lowPd <= period.truePd && period.truePd <= result.highPd;

function expectCoverage(covered: number): void {
  expect(covered / PERIODS).toBeGreaterThanOrEqual(0.93);
  expect(covered / PERIODS).toBeLessThanOrEqual(0.97);
}

// About 3,000 requests a period: what a small customer sends, and what leaves an experiment least to go by.
describe('over 2,000 simulated periods with heavy-tailed costs', () => {
  it('the interval covers a saving of nothing', () => {
    let covered = 0;
    for (const played of play({ tail: 'lognormal', effect: 'none', conversations: 1_000, controlShare: 0.1 })) if (covers(played)) covered++;
    expectCoverage(covered);
  }, 120_000);

  it('the interval covers the saving of routing to a model 1.5x as verbose, with tails that have no third moment', () => {
    let covered = 0;
    for (const played of play({ tail: 'pareto', effect: 'routing', conversations: 1_000, controlShare: 0.1 })) if (covers(played)) covered++;
    expectCoverage(covered);
  }, 120_000);

  it('the interval covers it where periods can be proven, and what is billed is not more than was saved, nor what inflated baselines claim', () => {
    let [covered, proven, tooMuch, tooMuchOfProven, claimedTooMuch] = [0, 0, 0, 0, 0];
    for (const played of play({ tail: 'lognormal', effect: 'routing', conversations: 1_500, controlShare: 0.25 })) {
      if (covers(played)) covered++;
      const { period, result } = played;
      const billed = (inflation: number, bound?: ExperimentBound) => billedSavings({ period: 'p', claimed: period.claimed(inflation), carried: [], experiment: result, ...(bound && { bound }) });
      const [honest, inflated] = [billed(1), billed(INFLATION)];
      if (inflated.billedPd > period.truePd) tooMuch++;
      expect(honest.billedPd).toBeLessThanOrEqual(inflated.billedPd);
      if (inflated.proof !== 'proven' || result.kind !== 'estimated') continue;
      proven++;
      if (inflated.billedPd > period.truePd) tooMuchOfProven++;
      const claimed = period.claimed(INFLATION).savingPd;
      if (claimed > period.truePd) claimedTooMuch++;
      // Caught: what is billed is the experiment's, and what receipts claim beyond it is denied.
      expect(inflated.billedPd).toBe(result.lowPd);
      expect(inflated.deniedPd).toBe(claimed - result.lowPd);
      expect(billed(INFLATION, 'estimate').billedPd).toBe(claimed < result.savingPd ? claimed : result.savingPd);
    }
    expectCoverage(covered);
    expect(proven).toBeGreaterThan(400);
    expect(claimedTooMuch).toBe(proven);
    expect(tooMuch / PERIODS).toBeLessThanOrEqual(0.05);
    expect(tooMuchOfProven / proven).toBeLessThanOrEqual(0.05);
  }, 240_000);
});
