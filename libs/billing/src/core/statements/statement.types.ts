import { type Uuid } from '@apex/common';
import { type Mechanism } from '@apex/usage';

/**
 * A statement as it is stored, hashed and shown. docs/statement-format.md says what each figure is made of; it and
 * `FORMAT` change together. Amounts are decimal strings of picodollars, counts whole numbers, other numbers strings.
 */
export const FORMAT = 'apex-statement/1';

/** Picodollars. */
type Amount = string;
/** ISO 8601, UTC, with milliseconds. */
type Instant = string;

export interface SavingsFigures {
  readonly receipts: number;
  readonly void: number;
  readonly baselinePicodollars: Amount;
  readonly actualPicodollars: Amount;
  readonly savingPicodollars: Amount;
  readonly overheadPicodollars: Amount;
  /** Of billable receipts, what `prompt_cache` and `exact_cache` are credited with. */
  readonly losslessPicodollars: Amount;
  readonly mechanisms: ReadonlyArray<{ readonly mechanism: Mechanism; readonly receipts: number; readonly savingPicodollars: Amount }>;
}

/** A period whose savings were not proven yet. */
export interface CarriedSavings {
  readonly periodStart: Instant;
  readonly savingPicodollars: Amount;
  readonly losslessPicodollars: Amount;
  readonly billedPicodollars: Amount;
}

export interface ExperimentFigures {
  readonly arms: Readonly<Record<'treated' | 'control', { readonly clusters: number; readonly requests: number }>>;
  /** null: nothing can be estimated, and `reason` says why. */
  readonly estimate: null | {
    readonly savingPicodollars: Amount;
    readonly lowPicodollars: Amount;
    readonly highPicodollars: Amount;
    readonly halfWidthPicodollars: Amount;
    readonly costOfProofPicodollars: Amount;
    /** A decimal number. */
    readonly lengthZ: string;
    readonly strata: ReadonlyArray<{ readonly models: readonly string[]; readonly controls: number; readonly treated: number; readonly savingPicodollars: Amount }>;
  };
  readonly reason: string | null;
}

/** The secret that assigned a month's arms. */
export interface MonthSecret {
  /** `2026-11` */
  readonly month: string;
  /** SHA-256 of the secret; null where this Apex does not hold it any more. */
  readonly secretHash: string | null;
  /** Hex; null while the month is not over. */
  readonly secret: string | null;
}

export const LINE_KINDS = ['vbp', 'bvm', 'passthrough'] as const;
export type LineKind = (typeof LINE_KINDS)[number];

/** A line of the invoice. exact = own + brought forward = cents x 10^10 + residual + carried forward. */
export interface InvoiceLine {
  readonly kind: LineKind;
  readonly ownPicodollars: Amount;
  readonly broughtForwardPicodollars: Amount;
  readonly exactPicodollars: Amount;
  readonly cents: number;
  readonly residualPicodollars: Amount;
  readonly carriedForwardPicodollars: Amount;
}

/** Minutes of a sandbox. */
export interface BvmLine {
  readonly runId: Uuid;
  readonly sandboxClass: string;
  readonly milliseconds: number;
  readonly priceVersion: string;
  readonly costPicodollars: Amount;
  readonly chargePicodollars: Amount;
}

/** What calls with a platform key cost upstream, in one period: as it was stated before, and as the books have it now. */
export interface PassThroughPeriod {
  readonly periodStart: Instant;
  readonly periodEnd: Instant;
  readonly statedPicodollars: Amount;
  readonly lines: ReadonlyArray<{ readonly provider: string; readonly model: string; readonly attempts: number; readonly costPicodollars: Amount }>;
}

export interface StatementDocument {
  readonly format: typeof FORMAT;
  readonly id: Uuid;
  readonly customerId: string;
  readonly currency: 'usd';
  readonly period: { readonly start: Instant; readonly end: Instant };
  /** null: a preview. */
  readonly closedAt: Instant | null;
  readonly previous: { readonly id: Uuid; readonly hash: string } | null;
  /** This statement knows what the customer's chain held up to link `to`; the one before it, up to `after`. */
  readonly chain: { readonly after: number; readonly to: number; readonly head: string };
  readonly terms: { readonly tier: string; readonly platformFeePicodollars: Amount; readonly vbpRatePpm: number; readonly vbpBilled: boolean; readonly billingAnchorDay: number };
  readonly receipts: {
    readonly leaves: number;
    readonly merkleRoot: string;
    /** Of requests from here on, all receipts are among the leaves; earlier than the period where an experiment is pooled. */
    readonly from: Instant;
    readonly priceVersions: readonly string[];
    readonly policies: ReadonlyArray<{ readonly id: Uuid; readonly version: number; readonly controlPpm: number | null }>;
  };
  readonly savings: SavingsFigures & {
    readonly models: ReadonlyArray<SavingsFigures & { readonly model: string }>;
    readonly arms: Readonly<Record<'treated' | 'control', SavingsFigures>>;
  };
  /** What was learned since the last statement about requests of earlier periods. */
  readonly corrections: {
    /** Savings have been billed without a break since here: what is learned about older requests changes no bill. null: not billed before. */
    readonly since: Instant | null;
    readonly receipts: number;
    readonly savingPicodollars: Amount;
    readonly losslessPicodollars: Amount;
  };
  readonly experiment: ExperimentFigures & { readonly months: readonly MonthSecret[] };
  readonly billing: {
    readonly claimedPicodollars: Amount;
    readonly claimedLosslessPicodollars: Amount;
    readonly proof: string;
    /** What of the experiment limits the bill where it is proven. */
    readonly bound: 'lower_bound' | 'estimate';
    readonly carriedIn: readonly CarriedSavings[];
    readonly carriedOut: readonly CarriedSavings[];
    readonly deniedPicodollars: Amount;
    readonly lapsedPicodollars: Amount;
    readonly billedPicodollars: Amount;
    /** A loss of earlier periods; not positive. */
    readonly broughtForwardPicodollars: Amount;
    /** billed + brought forward */
    readonly basePicodollars: Amount;
    readonly carriedForwardPicodollars: Amount;
    /** rate x max(0, base); where VBP is not billed, what it would have been. */
    readonly vbpPicodollars: Amount;
  };
  readonly bvm: readonly BvmLine[];
  readonly passThrough: readonly PassThroughPeriod[];
  readonly invoice: {
    readonly lines: readonly InvoiceLine[];
    readonly dueCents: number;
    /** Of the customer's credit, before this statement. */
    readonly creditPicodollars: Amount;
    readonly creditCents: number;
    /** due - credit */
    readonly chargedCents: number;
    /** Billed by the subscription. */
    readonly platformFeeCents: number;
  };
}
