import { createHash } from 'node:crypto';
import { idTime, type Uuid } from '@apex/common';
import { type AdjustmentFact, type Arm, billedSavings, type CarriedPeriod, canonicalJson, estimateSaving, ExperimentAccumulator, type ExperimentBound, type ExperimentResult, foldAdjustments, type Receipt, type SealedReceipt } from '@apex/usage';
import { type BillingPeriod } from './billing-period.js';
import { feeOf, invoiceOf } from './invoice.js';
import { MerkleTree } from './merkle.js';
import { losslessSaving, SavingsTotal } from './savings-figures.js';
import { type BvmLine, type CarriedSavings, type ExperimentFigures, FORMAT, LINE_KINDS, type LineKind, type MonthSecret, type PassThroughPeriod, type StatementDocument } from './statement.types.js';

/** What a period's receipts have been proven to save is billed by the interval's lower end. */
const BOUND: ExperimentBound = 'lower_bound';

/** What a statement takes over from the one before it. */
export interface PreviousStatement {
  readonly id: Uuid;
  readonly hash: string;
  readonly document: StatementDocument;
}

/** What a statement says besides its receipts. */
export interface StatementFacts {
  readonly id: Uuid;
  /** null: a preview. */
  readonly closedAt: Date | null;
  readonly chain: { readonly to: number; readonly head: string };
  readonly terms: StatementDocument['terms'];
  readonly months: readonly MonthSecret[];
  /** The share of controls of a policy. */
  readonly controlPpmOf: ReadonlyMap<Uuid, number>;
  readonly bvm: readonly BvmLine[];
  readonly passThrough: readonly PassThroughPeriod[];
  readonly creditPd: bigint;
}

/**
 * Makes a statement of receipts that pass by one after the other, in the order of their requests: what is kept are sums, one
 * entry per cluster of the experiment, and one hash per binary digit of the number of receipts.
 */
export class StatementBuilder {
  /** All receipts of requests in `[from, period.end)` are wanted, and the earlier ones that something was learned about. */
  readonly from: Date;
  /** Links up to this one were known to the previous statement. */
  readonly afterSeq: number;
  private readonly tree = new MerkleTree();
  private readonly total = new SavingsTotal();
  private readonly arms: Record<Arm, SavingsTotal> = { treated: new SavingsTotal(), control: new SavingsTotal() };
  private readonly models = new Map<string, SavingsTotal>();
  private readonly priceVersions = new Set<string>();
  private readonly policyVersions = new Map<Uuid, number>();
  private readonly experiment = new ExperimentAccumulator();
  private readonly carried: readonly CarriedSavings[];
  private readonly correctionsSince: string | null;
  private readonly corrections = { receipts: 0, saving: 0n, lossless: 0n };

  constructor(
    private readonly customerId: string,
    private readonly period: BillingPeriod,
    private readonly previous: PreviousStatement | null,
    private readonly vbpBilled: boolean,
  ) {
    const before = previous?.document;
    // What was saved while nothing was billed is not billed later, and so it is not proven later either.
    this.carried = vbpBilled && before?.terms.vbpBilled === true ? before.billing.carriedOut : [];
    this.correctionsSince = before?.terms.vbpBilled === true ? (before.corrections.since ?? before.period.start) : null;
    this.from = this.carried[0] === undefined ? period.start : new Date(this.carried[0].periodStart);
    this.afterSeq = before?.chain.to ?? 0;
  }

  /** Each receipt once. @throws RangeError for one of another customer or of a later period */
  add(sealed: SealedReceipt): void {
    const { recorded } = sealed;
    const at = idTime(recorded.requestId);
    if (recorded.customerId !== this.customerId || at >= this.period.end.getTime()) throw new RangeError(`receipt ${recorded.requestId} is not of this statement`);
    this.tree.add(leafOf(sealed));
    const current = folded(sealed, Number.POSITIVE_INFINITY);
    if (at >= this.period.start.getTime()) this.count(current);
    else this.correct(sealed, current, at);
    if (at >= this.from.getTime()) this.observe(current, at);
  }

  finish(facts: StatementFacts): StatementDocument {
    const { total, corrections, previous, period } = this;
    const claimed = { savingPd: total.saving + corrections.saving, losslessPd: total.lossless + corrections.lossless };
    const experiment = estimateSaving(this.experiment);
    const billed = billedSavings({ period: period.start.toISOString(), claimed, carried: this.carried.map(carriedPeriod), experiment, bound: BOUND });
    const broughtForward = previous === null ? 0n : BigInt(previous.document.billing.carriedForwardPicodollars);
    const base = billed.billedPd + broughtForward;
    const vbp = base > 0n ? feeOf(base, facts.terms.vbpRatePpm) : 0n;
    const isBilled = this.vbpBilled;
    const sum = <T>(items: readonly T[], amount: (item: T) => string): bigint => items.reduce((all, item) => all + BigInt(amount(item)), 0n);
    const passThrough = facts.passThrough.reduce((all, one) => all + sum(one.lines, (line) => line.costPicodollars) - BigInt(one.statedPicodollars), 0n);
    return {
      format: FORMAT,
      id: facts.id,
      customerId: this.customerId,
      currency: 'usd',
      period: { start: period.start.toISOString(), end: period.end.toISOString() },
      closedAt: facts.closedAt?.toISOString() ?? null,
      previous: previous === null ? null : { id: previous.id, hash: previous.hash },
      chain: { after: this.afterSeq, ...facts.chain },
      terms: facts.terms,
      receipts: {
        leaves: this.tree.leaves,
        merkleRoot: this.tree.root(),
        from: this.from.toISOString(),
        priceVersions: [...this.priceVersions].sort(),
        policies: [...this.policyVersions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, version]) => ({ id, version, controlPpm: facts.controlPpmOf.get(id) ?? null })),
      },
      savings: {
        ...total.figures(),
        models: [...this.models].sort(([a], [b]) => (a < b ? -1 : 1)).map(([model, sums]) => ({ model, ...sums.figures() })),
        arms: { treated: this.arms.treated.figures(), control: this.arms.control.figures() },
      },
      corrections: { since: this.correctionsSince, receipts: corrections.receipts, savingPicodollars: String(corrections.saving), losslessPicodollars: String(corrections.lossless) },
      experiment: { ...experimentFigures(experiment), months: facts.months },
      billing: {
        claimedPicodollars: String(claimed.savingPd),
        claimedLosslessPicodollars: String(claimed.losslessPd),
        proof: billed.proof,
        bound: BOUND,
        carriedIn: this.carried,
        carriedOut: isBilled ? billed.carry.map(carriedSavings) : [],
        deniedPicodollars: String(billed.deniedPd),
        lapsedPicodollars: String(billed.lapsedPd),
        billedPicodollars: String(billed.billedPd),
        broughtForwardPicodollars: String(broughtForward),
        basePicodollars: String(base),
        carriedForwardPicodollars: String(isBilled ? (base < 0n ? base : 0n) : broughtForward),
        vbpPicodollars: String(vbp),
      },
      bvm: facts.bvm,
      passThrough: facts.passThrough,
      invoice: invoiceOf({
        own: { vbp: isBilled ? vbp : 0n, bvm: sum(facts.bvm, (line) => line.chargePicodollars), passthrough: passThrough },
        broughtForward: linesForward(previous),
        creditPd: facts.creditPd,
        platformFeePd: BigInt(facts.terms.platformFeePicodollars),
      }),
    };
  }

  /** Policies of the period's receipts, for `StatementFacts.controlPpmOf`. */
  policies(): Uuid[] {
    return [...this.policyVersions.keys()];
  }

  private count(current: Receipt): void {
    const { arm, requestedModel, baseline, steps, policyId, policyVersion } = current.inputs;
    let model = this.models.get(requestedModel);
    if (model === undefined) this.models.set(requestedModel, (model = new SavingsTotal()));
    for (const sums of [this.total, this.arms[arm], model]) sums.add(current);
    this.priceVersions.add(baseline.rates.priceVersion);
    for (const { rates } of steps) if (rates !== null) this.priceVersions.add(rates.priceVersion);
    this.policyVersions.set(policyId, policyVersion);
  }

  private correct(sealed: SealedReceipt, current: Receipt, at: number): void {
    if (this.correctionsSince === null || at < Date.parse(this.correctionsSince)) return;
    const before = sealed.link.seq > this.afterSeq ? null : folded(sealed, this.afterSeq);
    if (before !== null && sealed.adjustments.every(({ link }) => link.seq <= this.afterSeq)) return;
    this.corrections.receipts++;
    this.corrections.saving += BigInt(current.savingPd) - BigInt(before?.savingPd ?? 0);
    this.corrections.lossless += losslessSaving(current) - (before === null ? 0n : losslessSaving(before));
  }

  private observe({ requestId, actualPd, inputs: { cluster, arm, covariates } }: Receipt, at: number): void {
    this.experiment.add(monthOf(at), { requestId, cluster, arm, covariates, actualPd });
  }
}

/** The hash that a statement is known by. */
export const statementHash = (document: StatementDocument): string => createHash('sha256').update(canonicalJson(document), 'utf8').digest('hex');

/** A leaf of the statement's tree: the hashes of the receipt's link and of each of its adjustments', which cover all there is in them. */
export const leafOf = ({ link, adjustments }: SealedReceipt): Buffer => Buffer.from([link.hash, ...adjustments.map((one) => one.link.hash)].join(''), 'hex');

/** A receipt as a verifier reads it: hashes that it computes itself are left out. */
export function receiptLine({ recorded, link, adjustments }: SealedReceipt): string {
  const placeOf = ({ seq, prevHash }: SealedReceipt['link']) => ({ seq, prevHash });
  return canonicalJson({ receipt: recorded, link: placeOf(link), adjustments: adjustments.map((one) => ({ id: one.id, fact: one.fact, link: placeOf(one.link) })) });
}

/** The calendar month, in UTC, whose secret assigned a request. */
export const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);

function folded({ recorded, adjustments }: SealedReceipt, upToSeq: number): Receipt {
  const facts: AdjustmentFact[] = adjustments.filter(({ link }) => link.seq <= upToSeq).map(({ fact }) => fact);
  return facts.length === 0 ? recorded : foldAdjustments(recorded, facts);
}

const linesForward = (previous: PreviousStatement | null): Record<LineKind, bigint> =>
  Object.fromEntries(LINE_KINDS.map((kind) => [kind, BigInt(previous?.document.invoice.lines.find((line) => line.kind === kind)?.carriedForwardPicodollars ?? 0)])) as Record<LineKind, bigint>;

const carriedPeriod = (one: CarriedSavings): CarriedPeriod => ({ period: one.periodStart, savingPd: BigInt(one.savingPicodollars), losslessPd: BigInt(one.losslessPicodollars), billedPd: BigInt(one.billedPicodollars) });

const carriedSavings = (one: CarriedPeriod): CarriedSavings => ({ periodStart: one.period, savingPicodollars: String(one.savingPd), losslessPicodollars: String(one.losslessPd), billedPicodollars: String(one.billedPd) });

function experimentFigures(result: ExperimentResult): ExperimentFigures {
  if (result.kind === 'not_estimable') return { arms: result.arms, estimate: null, reason: result.reason };
  return {
    arms: result.arms,
    reason: null,
    estimate: {
      savingPicodollars: String(result.savingPd),
      lowPicodollars: String(result.lowPd),
      highPicodollars: String(result.highPd),
      halfWidthPicodollars: String(result.halfWidthPd),
      costOfProofPicodollars: String(result.costOfProofPd),
      lengthZ: String(result.requestsPerCluster.z),
      strata: result.strata.map(({ models, controls, treated, savingPd }) => ({ models, controls, treated, savingPicodollars: String(savingPd) })),
    },
  };
}
