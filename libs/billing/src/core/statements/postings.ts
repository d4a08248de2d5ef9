import { PICODOLLARS_PER_CENT } from './invoice.js';
import { type StatementDocument } from './statement.types.js';

/** A line of the ledger's entry for a statement; positive is a debit. Account names are the ledger's. */
export interface StatementPosting {
  readonly account: 'customer:receivable' | 'customer:credit' | 'customer:carried' | 'revenue:platform' | 'revenue:vbp' | 'revenue:bvm' | 'passthrough' | 'rounding';
  readonly amountPd: bigint;
}

const REVENUE = { vbp: 'revenue:vbp', bvm: 'revenue:bvm', passthrough: 'passthrough' } as const;

/**
 * What a closed statement does to the books: what was earned in the period goes to the receivables as far as it is charged,
 * to `customer:carried` as far as it is not yet, and the differences of the roundings to `rounding`. The platform fee is
 * among it only where no subscription asks for it. Sums to zero; accounts that nothing happens to are left out.
 */
export function postingsOf({ invoice, terms }: StatementDocument, isFeeInvoiced: boolean): StatementPosting[] {
  const cents = (amount: number): bigint => BigInt(amount) * PICODOLLARS_PER_CENT;
  const platformFee = isFeeInvoiced ? 0n : BigInt(terms.platformFeePicodollars);
  const platformFeeCents = isFeeInvoiced ? 0 : invoice.platformFeeCents;
  const sum = (name: 'residualPicodollars' | 'carriedForwardPicodollars' | 'broughtForwardPicodollars'): bigint => invoice.lines.reduce((all, line) => all + BigInt(line[name]), 0n);
  const postings: StatementPosting[] = [
    { account: 'customer:receivable', amountPd: cents(invoice.chargedCents) + cents(platformFeeCents) },
    { account: 'customer:credit', amountPd: cents(invoice.creditCents) },
    { account: 'customer:carried', amountPd: sum('carriedForwardPicodollars') - sum('broughtForwardPicodollars') },
    { account: 'rounding', amountPd: sum('residualPicodollars') + platformFee - cents(platformFeeCents) },
    { account: 'revenue:platform', amountPd: -platformFee },
    ...invoice.lines.map(({ kind, ownPicodollars }) => ({ account: REVENUE[kind], amountPd: -BigInt(ownPicodollars) })),
  ];
  return postings.filter(({ amountPd }) => amountPd !== 0n);
}

/** What Stripe is to be asked for: a row for each line that is charged, and one for the credit that is used. */
export interface StatementCharge {
  readonly kind: 'vbp' | 'bvm' | 'passthrough' | 'credit';
  readonly amountCents: number;
  readonly description: string;
}

const NAMES = { vbp: 'Share of proven savings', bvm: 'Validation workbench', passthrough: 'Provider usage at cost' } as const;

export function chargesOf({ invoice, period, billing, terms }: StatementDocument): StatementCharge[] {
  const when = `${period.start.slice(0, 10)} to ${new Date(Date.parse(period.end) - 1).toISOString().slice(0, 10)}`;
  const charges: StatementCharge[] = invoice.lines
    .filter((line) => line.cents > 0)
    .map(({ kind, cents }) => ({ kind, amountCents: cents, description: `${NAMES[kind]}, ${when}${kind === 'vbp' ? `: ${percent(terms.vbpRatePpm)} of ${dollars(BigInt(billing.basePicodollars))} net` : ''}` }));
  if (invoice.creditCents > 0) charges.push({ kind: 'credit', amountCents: -invoice.creditCents, description: `Credit, ${when}` });
  return charges;
}

const percent = (ppm: number): string => `${ppm / 10_000}%`;

/** Whole cents, rounded down: a description, not an amount. */
const dollars = (amount: bigint): string => `$${amount / (100n * PICODOLLARS_PER_CENT)}.${String((amount / PICODOLLARS_PER_CENT) % 100n).padStart(2, '0')}`;
