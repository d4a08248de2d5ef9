import { type InvoiceLine, LINE_KINDS, type LineKind, type StatementDocument } from './statement.types.js';

export const PICODOLLARS_PER_CENT = 10_000_000_000n;
/** Stripe asks for no less than this: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const MINIMUM_CENTS = 50;
const MILLION = 1_000_000n;

/** The one rounding: half-even, to cents. @throws RangeError for what no invoice can ask for */
export function toCents(amount: bigint): number {
  const sign = amount < 0n ? -1n : 1n;
  const size = amount * sign;
  const whole = size / PICODOLLARS_PER_CENT;
  const twice = (size % PICODOLLARS_PER_CENT) * 2n;
  const cents = Number(sign * (twice > PICODOLLARS_PER_CENT || (twice === PICODOLLARS_PER_CENT && whole % 2n === 1n) ? whole + 1n : whole));
  if (!Number.isSafeInteger(cents)) throw new RangeError(`not an amount for an invoice: ${amount} picodollars`);
  return cents;
}

/** rate x savings, a fraction of a picodollar left off. Savings are not negative. */
export const feeOf = (savingsPd: bigint, ratePpm: number): bigint => (savingsPd * BigInt(ratePpm)) / MILLION;

export interface InvoiceInput {
  /** Of this period, exact. */
  readonly own: Readonly<Record<LineKind, bigint>>;
  /** What earlier statements could not charge. */
  readonly broughtForward: Readonly<Record<LineKind, bigint>>;
  /** The customer's credit. */
  readonly creditPd: bigint;
  readonly platformFeePd: bigint;
}

/**
 * The lines that are charged, each rounded once, and what is carried forward: a line that is not worth a cent, and all of
 * them where together with the platform fee they are less than can be charged. Credit is taken in whole cents, first.
 */
export function invoiceOf({ own, broughtForward, creditPd, platformFeePd }: InvoiceInput): StatementDocument['invoice'] {
  const exact = (kind: LineKind): bigint => own[kind] + broughtForward[kind];
  const cents = (kind: LineKind): number => Math.max(0, toCents(exact(kind)));
  const platformFeeCents = toCents(platformFeePd);
  const due = LINE_KINDS.reduce((sum, kind) => sum + cents(kind), 0);
  const credit = Math.min(due, creditPd > 0n ? Number(creditPd / PICODOLLARS_PER_CENT) : 0);
  const isTooLittle = due > credit && due - credit + platformFeeCents < MINIMUM_CENTS;
  const lines = LINE_KINDS.map((kind): InvoiceLine => {
    const charged = isTooLittle ? 0 : cents(kind);
    return {
      kind,
      ownPicodollars: String(own[kind]),
      broughtForwardPicodollars: String(broughtForward[kind]),
      exactPicodollars: String(exact(kind)),
      cents: charged,
      residualPicodollars: String(charged === 0 ? 0n : exact(kind) - BigInt(charged) * PICODOLLARS_PER_CENT),
      carriedForwardPicodollars: String(charged === 0 ? exact(kind) : 0n),
    };
  });
  const dueCents = isTooLittle ? 0 : due;
  const creditCents = isTooLittle ? 0 : credit;
  return { lines, dueCents, creditPicodollars: String(creditPd), creditCents, chargedCents: dueCents - creditCents, platformFeeCents };
}
