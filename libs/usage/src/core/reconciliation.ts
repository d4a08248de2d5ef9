import { type Picodollars, type Uuid } from '@apex/common';
import { type AttemptStatus, NO_TOKENS, type TokenUsage } from './usage.types.js';

/** One line of a provider's usage export. A count that is left out is not compared, and settles as 0. */
export interface ExportRow {
  /** The id Apex sent with the attempt. */
  readonly attemptId: string;
  readonly responseId?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly promptTokens: number;
  readonly cachedTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly completionTokens: number;
  readonly reasoningTokens?: number | undefined;
  /** false: the provider served it, or tried to, and bills nothing. Default true. */
  readonly billed?: boolean | undefined;
}

/** What our books say about an attempt, its adjustment included. */
export interface KnownAttempt {
  readonly attemptId: Uuid;
  readonly status: AttemptStatus;
  readonly settled: boolean;
  /** Of the record, or of the adjustment once settled. */
  readonly usage: TokenUsage;
}

export type DifferenceKind = 'usage_differs' | 'unknown_here' | 'missing_there';

export interface Difference {
  readonly kind: DifferenceKind;
  readonly attemptId: string;
  readonly ours?: TokenUsage & { readonly status: AttemptStatus };
  readonly theirs?: TokenUsage & { readonly billed: boolean };
}

export type ReconciledPrice =
  | { readonly pricing: 'priced'; readonly costPicodollars: Picodollars; readonly priceVersion: string | null }
  | { readonly pricing: 'unpriced'; readonly priceVersion: string | null };

/** `agrees`: nothing to do. `settle`: what was not known is now. */
export type Verdict = { readonly kind: 'agrees' } | { readonly kind: 'already_settled' } | { readonly kind: 'settle'; readonly usage: TokenUsage } | { readonly kind: 'differs'; readonly difference: Disagreement };

/** A difference that one line of an export shows. */
export type Disagreement = Difference & { readonly kind: 'usage_differs' | 'unknown_here' };

/** What a provider bills for a line: nothing at all when it says so. */
const billedUsage = (row: ExportRow): TokenUsage =>
  row.billed === false
    ? NO_TOKENS
    : {
        promptTokens: row.promptTokens,
        cachedTokens: row.cachedTokens ?? 0,
        cacheWriteTokens: row.cacheWriteTokens ?? 0,
        completionTokens: row.completionTokens,
        reasoningTokens: row.reasoningTokens ?? 0,
      };

/** Compares one line with what we know. A settled attempt is never settled again; if the two disagree now, it is told. */
export function judge(row: ExportRow, ours: KnownAttempt | undefined): Verdict {
  if (!ours) return differs('unknown_here', row, undefined);
  const unknown = ours.status === 'aborted' || ours.status === 'interrupted';
  if (unknown && !ours.settled) return { kind: 'settle', usage: billedUsage(row) };
  if (!sameUsage(row, ours.usage)) return differs('usage_differs', row, ours);
  return { kind: unknown ? 'already_settled' : 'agrees' };
}

function sameUsage(row: ExportRow, ours: TokenUsage): boolean {
  const theirs = billedUsage(row);
  const compared = (Object.keys(NO_TOKENS) as Array<keyof TokenUsage>).filter((count) => row.billed === false || row[count] !== undefined);
  return compared.every((count) => theirs[count] === ours[count]);
}

const differs = (kind: Disagreement['kind'], row: ExportRow, ours: KnownAttempt | undefined): Verdict => ({
  kind: 'differs',
  difference: {
    kind,
    attemptId: row.attemptId,
    ...(ours && { ours: { ...ours.usage, status: ours.status } }),
    theirs: { ...billedUsage(row), billed: row.billed !== false },
  },
});
