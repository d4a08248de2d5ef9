import fc from 'fast-check';
import { type BilledSavings, billedSavings, type CarriedPeriod, type ClaimedSavings, type ExperimentBound, POOLED_PERIODS, proofOf } from './billed.js';
import { type ExperimentResult, type SavingEstimate } from './experiment.types.js';

const observed = { arms: { control: { clusters: 100, requests: 300 }, treated: { clusters: 1_900, requests: 5_700 } }, crossed: 0 };
const estimated = (savingPd: bigint, lowPd: bigint, highPd: bigint, z = 0): SavingEstimate => ({
  kind: 'estimated',
  savingPd,
  lowPd,
  highPd,
  halfWidthPd: (highPd - lowPd + 1n) / 2n,
  standardErrorPd: Number(highPd - lowPd) / 4,
  costOfProofPd: 0n,
  ...observed,
  requestsPerCluster: { treated: 3, control: 3, z },
  strata: [],
});
const nothing: ExperimentResult = { kind: 'not_estimable', reason: 'too_few_controls', message: '', ...observed };
const precise = (savingPd: bigint): SavingEstimate => estimated(savingPd, savingPd - savingPd / 20n, savingPd + savingPd / 20n);

const amount = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n });
const width = fc.bigInt({ min: 1n, max: 10n ** 18n });
const claims: fc.Arbitrary<ClaimedSavings> = fc.record({ savingPd: amount, losslessPd: amount });
const experiments: fc.Arbitrary<ExperimentResult> = fc.oneof(
  fc.constant(nothing),
  width.map(precise),
  fc.record({ saving: amount, below: width, above: width, z: fc.constantFrom(-3, 0, 3) }).map(({ saving, below, above, z }) => estimated(saving, saving - below, saving + above, z)),
);
const bounds = fc.constantFrom<ExperimentBound>('lower_bound', 'estimate');
const histories = fc.array(fc.record({ claimed: claims, experiment: experiments, bound: bounds }), { minLength: 1, maxLength: 10 });

/** Settles one period after the other. */
function settleAll(history: readonly { claimed: ClaimedSavings; experiment: ExperimentResult; bound?: ExperimentBound }[]): (BilledSavings & { before: readonly CarriedPeriod[] })[] {
  let carried: readonly CarriedPeriod[] = [];
  return history.map((one, index) => {
    const before = carried;
    const billed = billedSavings({ period: `p${index}`, carried, ...one });
    carried = billed.carry;
    return { ...billed, before };
  });
}
const rests = (periods: readonly CarriedPeriod[]): bigint => periods.reduce((sum, { savingPd, billedPd }) => sum + savingPd - billedPd, 0n);

describe('what is billed', () => {
  it('loses no picodollar: what is claimed is billed, denied, lapsed or carried', () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const [index, { before, billedPd, deniedPd, lapsedPd, carry }] of settleAll(history).entries()) {
          expect(billedPd + deniedPd + lapsedPd + rests(carry)).toBe(history[index]!.claimed.savingPd + rests(before));
          for (const never of [deniedPd, lapsedPd, rests(carry)]) expect(never).toBeGreaterThanOrEqual(0n);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('of a period by itself is below every bound', () => {
    fc.assert(
      fc.property(claims, experiments, bounds, (claimed, experiment, bound) => {
        const { billedPd, proof } = billedSavings({ period: 'p', claimed, carried: [], experiment, bound });
        expect(billedPd).toBeLessThanOrEqual(claimed.savingPd);
        if (proof !== 'proven') expect(billedPd).toBeLessThanOrEqual(claimed.losslessPd);
        if (experiment.kind === 'not_estimable') return;
        if (proof !== 'proven') expect(billedPd).toBeLessThanOrEqual(experiment.highPd > 0n ? experiment.highPd : 0n);
        else expect(billedPd).toBeLessThanOrEqual(bound === 'estimate' ? experiment.savingPd : experiment.lowPd);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of proven periods does not grow with what receipts claim beyond the experiment', () => {
    fc.assert(
      fc.property(width, width, bounds, (saving, more, bound) => {
        const billed = (savingPd: bigint): bigint => billedSavings({ period: 'p', claimed: { savingPd, losslessPd: 0n }, carried: [], experiment: precise(saving), bound }).billedPd;
        expect(billed(saving + more)).toBe(billed(saving));
      }),
    );
  });

  it('keeps at most two periods to be pooled with the next, the latest ones', () => {
    fc.assert(
      fc.property(histories, (history) => {
        let expected: string[] = [];
        for (const [index, { proof, carry }] of settleAll(history).entries()) {
          expected = proof === 'proven' ? [] : [...expected, `p${index}`].slice(1 - POOLED_PERIODS);
          expect(carry.map(({ period }) => period)).toEqual(expected);
        }
      }),
    );
  });
});

describe('proof', () => {
  it('is a half-width of at most 15% of E, to the picodollar, and no longer conversations', () => {
    expect(proofOf(nothing)).toBe('not_estimable');
    expect(proofOf(estimated(1_000n, 850n, 1_150n))).toBe('proven');
    expect(proofOf(estimated(1_000n, 850n, 1_151n))).toBe('too_wide');
    expect(proofOf(estimated(0n, -1n, 1n))).toBe('too_wide');
    expect(proofOf(estimated(-1_000n, -1_001n, -999n))).toBe('too_wide');
    expect(proofOf(estimated(1_000n, 990n, 1_010n, 2.4))).toBe('more_requests');
    expect(proofOf(estimated(1_000n, 990n, 1_010n, -9))).toBe('proven');
  });
});

describe('a proven period', () => {
  const settled = (savingPd: bigint, more = {}): BilledSavings => billedSavings({ period: 'p', claimed: { savingPd, losslessPd: 0n }, carried: [], experiment: precise(1_000n), ...more });

  it('bills what receipts claim, as far as the experiment bears it out', () => {
    expect(settled(900n)).toMatchObject({ billedPd: 900n, deniedPd: 0n, carry: [] });
    expect(settled(1_200n)).toMatchObject({ billedPd: 950n, deniedPd: 250n });
    expect(settled(1_200n, { bound: 'estimate' })).toMatchObject({ billedPd: 1_000n, deniedPd: 200n });
    expect(settled(-300n)).toMatchObject({ billedPd: -300n, deniedPd: 0n });
  });

  it('settles what was carried, and gives back what was billed too much', () => {
    const carried = (savingPd: bigint, billedPd: bigint): CarriedPeriod[] => [{ period: 'o', savingPd, losslessPd: billedPd, billedPd }];
    expect(settled(500n, { carried: carried(400n, 100n) })).toMatchObject({ billedPd: 800n, deniedPd: 0n, carry: [] });
    expect(settled(500n, { carried: carried(1_100n, 1_100n) })).toMatchObject({ billedPd: -150n, deniedPd: 650n, carry: [] });
  });
});

describe('periods without proof', () => {
  const claimed = { savingPd: 100n, losslessPd: 30n };

  it('bill what the lossless caches saved, and carry the rest for three periods at most', () => {
    const settled = settleAll(Array.from({ length: 4 }, () => ({ claimed, experiment: nothing })));
    expect(settled.map(({ billedPd }) => billedPd)).toEqual([30n, 30n, 30n, 30n]);
    expect(settled.map(({ lapsedPd }) => lapsedPd)).toEqual([0n, 0n, 70n, 70n]);
    expect(rests(settled[2]!.carry)).toBe(140n);
  });

  it('are settled by the third at the latest, if the pooled experiment is proven then', () => {
    const [, , third] = settleAll([{ claimed, experiment: nothing }, { claimed, experiment: nothing }, { claimed, experiment: precise(1_000n) }]);
    expect(third).toMatchObject({ proof: 'proven', billedPd: 240n, lapsedPd: 0n, carry: [] });
  });

  it('bill no more than everything together saved, and a loss at once', () => {
    expect(settleAll([{ claimed: { savingPd: 10n, losslessPd: 30n }, experiment: nothing }])[0]).toMatchObject({ billedPd: 10n });
    expect(settleAll([{ claimed: { savingPd: -50n, losslessPd: 30n }, experiment: nothing }])[0]).toMatchObject({ billedPd: -50n, lapsedPd: 0n });
  });

  it('bill nothing that the experiment rules out, however unproven it is itself', () => {
    const cachesOnly = { savingPd: 100n, losslessPd: 100n };
    const billed = (experiment: ExperimentResult): bigint => settleAll([{ claimed: cachesOnly, experiment }])[0]!.billedPd;
    expect(billed(estimated(60n, 10n, 110n))).toBe(100n);
    expect(billed(estimated(20n, -40n, 80n))).toBe(80n);
    expect(billed(estimated(-50n, -90n, -10n))).toBe(0n);
    // 80 of the two periods together, 100 of them billed before.
    expect(settleAll([{ claimed: cachesOnly, experiment: nothing }, { claimed: cachesOnly, experiment: estimated(20n, -40n, 80n) }])[1]).toMatchObject({ billedPd: -20n });
  });

  it('refuse a carry that cannot be', () => {
    const one: CarriedPeriod = { period: 'o', ...claimed, billedPd: 30n };
    for (const carried of [[one, one, one], [{ ...one, billedPd: 101n }]]) expect(() => billedSavings({ period: 'p', claimed, carried, experiment: nothing })).toThrow(RangeError);
  });
});
