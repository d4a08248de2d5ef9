import { type Tier } from '../../core/tiers.js';
import { type Limits } from './limits.js';

/** What a customer pays and may do: its tier's terms, and what was agreed beside them. */
export interface Terms {
  readonly tier: Tier;
  /** Per billing month. */
  readonly platformFeePd: bigint;
  /** Of billed savings, in parts per million. */
  readonly vbpRatePpm: number;
  /** false: what it would have been is shown. */
  readonly vbpBilled: boolean;
  readonly limits: Limits;
  /** What the platform's provider keys may spend in a billing month; null: no end. No flag softens it. */
  readonly platformBudgetMicroUsd: number | null;
  readonly workbench: boolean;
  readonly agentRunsPer5h: number | null;
  /** 1 to 28. */
  readonly billingAnchorDay: number;
}

/** A tier's terms, or a customer's own: null is "no limit" or "as agreed" in the one, and "as the tier has it" in the other. */
export interface TermsRow {
  readonly platformFeePd: bigint | null;
  readonly vbpRatePpm: number | null;
  readonly vbpBilled: boolean | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly concurrency: number | null;
  readonly agentRunsPer5h: number | null;
  readonly workbench: boolean | null;
}

export interface CustomerTermsRow extends TermsRow {
  readonly monthlyBudgetMicroUsd: number | null;
  readonly platformBudgetMicroUsd: number | null;
  readonly billingAnchorDay: number;
}

/** 20 % unless agreed otherwise. */
const USUAL_RATE_PPM = 200_000;

/** Null: it is yet to be agreed. */
export const feeFrom = (base: Pick<TermsRow, 'platformFeePd'>, own: Pick<TermsRow, 'platformFeePd'> | null): bigint | null => own?.platformFeePd ?? base.platformFeePd;

/** @param own null: nothing was agreed beside the tier */
export function termsFrom(tier: Tier, base: TermsRow, own: CustomerTermsRow | null): Terms {
  return {
    tier,
    platformFeePd: feeFrom(base, own) ?? 0n,
    vbpRatePpm: own?.vbpRatePpm ?? base.vbpRatePpm ?? USUAL_RATE_PPM,
    vbpBilled: own?.vbpBilled ?? base.vbpBilled ?? true,
    limits: {
      requestsPerMinute: own?.requestsPerMinute ?? base.requestsPerMinute,
      tokensPerMinute: own?.tokensPerMinute ?? base.tokensPerMinute,
      concurrency: own?.concurrency ?? base.concurrency,
      monthlyBudgetMicroUsd: own?.monthlyBudgetMicroUsd ?? null,
    },
    platformBudgetMicroUsd: own?.platformBudgetMicroUsd ?? null,
    workbench: own?.workbench ?? base.workbench ?? false,
    agentRunsPer5h: own?.agentRunsPer5h ?? base.agentRunsPer5h,
    billingAnchorDay: own?.billingAnchorDay ?? 1,
  };
}
