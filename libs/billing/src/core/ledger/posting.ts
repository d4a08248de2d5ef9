import { ApexError } from '@apex/common';

export const ACCOUNTS = [
  'customer:receivable',
  'customer:credit',
  'customer:carried',
  'customer:balance',
  'revenue:platform',
  'revenue:vbp',
  'revenue:bvm',
  'passthrough',
  'rounding',
  'cash',
  'adjustments',
] as const;
export type Account = (typeof ACCOUNTS)[number];

export interface PostingLine {
  readonly account: Account;
  /** Picodollars; positive is a debit. */
  readonly amountPd: bigint;
}

/** Something that moved amounts between accounts, once: `kind` and `sourceId` name it within the customer. */
export interface Posting {
  readonly customerId: string;
  /** `statement`, `credit`, `invoice`, `payment`, `refund`, `dispute`, `credit_note`, `adjustment` */
  readonly kind: string;
  /** The caller's, and the same on every retry: the id of the statement, of the payment, ... */
  readonly sourceId: string;
  readonly occurredAt: Date;
  readonly memo: string;
  /** Sum to zero. */
  readonly lines: readonly PostingLine[];
}

/** What numeric(38,0) holds. */
const LIMIT = 10n ** 38n;

/**
 * A posting's lines as they are kept: one for each account that it changes, in the order of `ACCOUNTS`. Two postings do the
 * same exactly when these are equal.
 *
 * @throws ApexError `ledger_unbalanced` when they do not sum to zero, `ledger_amount_too_large` for what cannot be stored
 */
export function normalizedLines(lines: readonly PostingLine[]): PostingLine[] {
  const sums = new Map<Account, bigint>();
  let total = 0n;
  for (const { account, amountPd } of lines) {
    sums.set(account, (sums.get(account) ?? 0n) + amountPd);
    total += amountPd;
  }
  if (total !== 0n) throw new ApexError('ledger_unbalanced', 500, `The lines of a ledger entry sum to ${total} picodollars instead of 0.`);
  const kept = ACCOUNTS.map((account) => ({ account, amountPd: sums.get(account) ?? 0n })).filter(({ amountPd }) => amountPd !== 0n);
  if (kept.some(({ amountPd }) => amountPd <= -LIMIT || amountPd >= LIMIT)) throw new ApexError('ledger_amount_too_large', 500, 'An amount of a ledger entry has more than 38 digits.');
  return kept;
}

/** @returns whether two lists of normalized lines are equal */
export const sameLines = (one: readonly PostingLine[], other: readonly PostingLine[]): boolean =>
  one.length === other.length && one.every(({ account, amountPd }, index) => account === other[index]!.account && amountPd === other[index]!.amountPd);
