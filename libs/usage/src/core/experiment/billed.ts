import { type ExperimentResult } from './experiment.types.js';

/** What a period's receipts claim, with later facts folded in. */
export interface ClaimedSavings {
  /** Sum of S: of billable receipts B - A, of void ones what they cost. */
  readonly savingPd: bigint;
  /** What `exact_cache` and `prompt_cache` are credited with on billable receipts: they change no answer, and bill without proof. */
  readonly losslessPd: bigint;
}

/** A period that could not be proven yet. */
export interface CarriedPeriod extends ClaimedSavings {
  /** The caller's name of it. */
  readonly period: string;
  /** What was billed of it. Never more than `savingPd`; the difference is its rest. */
  readonly billedPd: bigint;
}

/** A pooled experiment spans at most this many periods, the current one included. */
export const POOLED_PERIODS = 3;
/** 15% of E, in parts per million. */
const MAX_HALF_WIDTH_PPM = 150_000n;
const MILLION = 1_000_000n;
/** Longer conversations among the treated than chance explains (1 in 100): then a saving per request is no saving yet. */
const MAX_LENGTH_Z = 2.326;

export type Proof =
  | 'proven'
  /** The experiment could not be estimated: see its result's reason. */
  | 'not_estimable'
  /** The 95% half-width is more than 15% of E (always so where E is not positive). */
  | 'too_wide'
  /** The treated needed more requests. */
  | 'more_requests';

/**
 * What of a proven experiment limits the bill. `lower_bound`: the lower end of the 95% interval, so that more is billed than
 * was saved in about one period of forty, whatever the receipts claim. `estimate`: E itself, which is right on average, but
 * above the true saving in every other period in which the receipts claim too much.
 */
export type ExperimentBound = 'lower_bound' | 'estimate';

export interface BillingInput {
  readonly period: string;
  readonly claimed: ClaimedSavings;
  /** What the last call returned as `carry`, oldest first. */
  readonly carried: readonly CarriedPeriod[];
  /** Of this period pooled with the carried ones. */
  readonly experiment: ExperimentResult;
  readonly bound?: ExperimentBound;
}

export interface BilledSavings {
  /** What the fee is taken of. Negative where more was lost than saved, or billed before than is proven now: that offsets later periods. */
  readonly billedPd: bigint;
  readonly proof: Proof;
  /** Claimed by receipts, and not borne out by a proven experiment. Not billed, now or later. */
  readonly deniedPd: bigint;
  /** Claimed, and not proven in time. Not billed, now or later. */
  readonly lapsedPd: bigint;
  /** For the next period: at most `POOLED_PERIODS - 1`, whose experiments are pooled with its own. */
  readonly carry: readonly CarriedPeriod[];
}

/**
 * What is billed of a period's savings. Once the experiment, pooled with the periods carried, is proven, all of them are
 * settled: min(sum of S, the experiment's bound), less what was billed before. Until then only what the lossless caches saved
 * is billed, no more than the sum of S and no more than the upper end of the interval leaves possible. The rest is carried;
 * what has been carried through `POOLED_PERIODS` periods lapses.
 *
 * Whole picodollars, and none is lost: claimed + carried rests = billed + denied + lapsed + carried rests after.
 * @throws RangeError for a carry that this function cannot have made
 */
export function billedSavings({ period, claimed, carried, experiment, bound = 'lower_bound' }: BillingInput): BilledSavings {
  if (carried.length >= POOLED_PERIODS || carried.some((one) => restOf(one) < 0n)) throw new RangeError('not what an earlier period can have carried');
  const before = sum(carried, ({ billedPd }) => billedPd);
  const proof = proofOf(experiment);
  if (proof === 'proven' && experiment.kind === 'estimated') {
    const saving = claimed.savingPd + sum(carried, ({ savingPd }) => savingPd);
    const entitled = least(saving, bound === 'estimate' ? experiment.savingPd : experiment.lowPd);
    return { billedPd: entitled - before, proof, deniedPd: saving - entitled, lapsedPd: 0n, carry: [] };
  }
  const lossless = least(claimed.savingPd, claimed.losslessPd);
  const billedPd = experiment.kind === 'estimated' ? least(lossless, greatest(0n, experiment.highPd) - before) : lossless;
  const periods = [...carried, { ...claimed, period, billedPd }];
  const expired = periods.splice(0, periods.length - POOLED_PERIODS + 1);
  return { billedPd, proof, deniedPd: 0n, lapsedPd: sum(expired, restOf), carry: periods };
}

/** Whether the experiment is precise enough to bill by. */
export function proofOf(experiment: ExperimentResult): Proof {
  if (experiment.kind === 'not_estimable') return 'not_estimable';
  if (experiment.halfWidthPd * MILLION > experiment.savingPd * MAX_HALF_WIDTH_PPM) return 'too_wide';
  return experiment.requestsPerCluster.z > MAX_LENGTH_Z ? 'more_requests' : 'proven';
}

/** What was claimed of a carried period and is not billed yet. */
const restOf = ({ savingPd, billedPd }: CarriedPeriod): bigint => savingPd - billedPd;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const sum = <T>(items: readonly T[], amount: (item: T) => bigint): bigint => items.reduce((total, item) => total + amount(item), 0n);
