import { MECHANISMS, type SavingsSums } from '@apex/usage';
import { count, usd } from './words.js';

/** What the demo reads of `GET /api/savings`. */
export interface Savings {
  readonly total: SavingsSums;
  readonly experiment: {
    readonly state: 'proven' | 'not_estimable' | 'too_wide' | 'more_requests';
    readonly reason: string | null;
    readonly arms: Readonly<Record<'treated' | 'control', { readonly clusters: number; readonly requests: number }>>;
    readonly estimatePicodollars: string | null;
    readonly interval: { readonly lowPicodollars: string; readonly highPicodollars: string } | null;
    readonly halfWidthShare: number | null;
    readonly billedPicodollars: string;
    readonly carriedPicodollars: string;
    readonly costOfProofPicodollars: string | null;
  };
}

/** What a run saved by mechanism, as its receipts say, and what the comparison with those held out says of that. */
export function savingsInWords({ total, experiment }: Savings): string {
  const acted = MECHANISMS.filter((mechanism) => total.mechanisms[mechanism].receipts > 0);
  return [
    `Saved      ${usd(BigInt(total.savingPicodollars))} net, by ${count(total.receipts)} receipts${share(total)}`,
    ...acted.map((mechanism) => row(mechanism.replace('_', ' '), total.mechanisms[mechanism].savingPicodollars, `${count(total.mechanisms[mechanism].receipts)} requests`)),
    ...(acted.length === 0 ? ['           no mechanism acted: no request came twice, and no prompt was long enough for a provider to keep'] : []),
    ...(total.void > 0 ? [`           ${count(total.void)} receipts are void: they claim nothing and count what they cost`] : []),
    '',
    ...comparison(experiment),
  ].join('\n');
}

function comparison({ state, reason, arms, estimatePicodollars, interval, halfWidthShare, billedPicodollars, carriedPicodollars, costOfProofPicodollars }: Savings['experiment']): string[] {
  const heldOut = `${count(arms.control.clusters)} of ${count(arms.control.clusters + arms.treated.clusters)} conversations were held out at random, and nothing was done to them`;
  const lines =
    estimatePicodollars === null || interval === null
      ? [`Experiment ${heldOut}`, `           nothing can be said yet: ${reason ?? 'too little is known.'}`]
      : [
          `Experiment ${heldOut}`,
          `           compared with them the others cost ${usd(rounded(estimatePicodollars))} less; 95% interval ${usd(rounded(interval.lowPicodollars))} to ${usd(rounded(interval.highPicodollars))}`,
          `           ${verdict(state, halfWidthShare)}`,
        ];
  lines.push(`           the fee would be a share of ${usd(BigInt(billedPicodollars))}; ${usd(BigInt(carriedPicodollars))} waits for more proof`);
  if (costOfProofPicodollars !== null) lines.push(`           not saved on those held out, which is the cost of proof and never billed: ${usd(rounded(costOfProofPicodollars))}`);
  return lines;
}

function verdict(state: Savings['experiment']['state'], halfWidthShare: number | null): string {
  const width = halfWidthShare === null ? 'the interval is too wide' : `the interval's half-width is ${(halfWidthShare * 100).toFixed(0)}% of that`;
  if (state === 'proven') return `${width}: proven (at most 15% is asked for)`;
  if (state === 'more_requests') return 'but they asked more often: not proven, and only what caches saved is billed';
  return `${width}: not proven before it is 15%, and until then only what caches saved is billed`;
}

const row = (name: string, amount: string, note: string): string => `           ${name.padEnd(16)} ${usd(BigInt(amount)).padStart(20)}   ${note}`;

function share({ baselinePicodollars, savingPicodollars }: SavingsSums): string {
  const baseline = BigInt(baselinePicodollars);
  return baseline <= 0n ? '' : `: ${(Number((BigInt(savingPicodollars) * 10_000n) / baseline) / 100).toFixed(1)}% of the ${usd(baseline)} that it would have cost`;
}

/** An estimate's digits beyond the millionth of a dollar say nothing. */
const rounded = (amount: string): bigint => (BigInt(amount) / 1_000_000n) * 1_000_000n;
