import { type Picodollars, type Uuid } from '@apex/common';
import { type TokenUsage } from '../usage.types.js';

/** In the order of the decomposition. */
export const MECHANISMS = ['compression', 'prompt_cache', 'routing', 'semantic_cache', 'exact_cache'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

/** Treated, or held out at random: on a control nothing acts, and it reads and writes none of Apex's caches. */
export type Arm = 'treated' | 'control';

/** The rates that apply to one request, as integers of picodollars per token x `denominator`. A null has no rate. */
export interface QuotedRates {
  readonly input: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly output: number | null;
  readonly reasoning: number | null;
  /** Per request. */
  readonly request: number;
  /** 1, unless a rate is finer than a picodollar per token. */
  readonly denominator: number;
  readonly priceVersion: string;
}

/** Why a receipt is void. */
export const VOID_REASONS = ['error', 'rejected', 'regenerated', 'judged_worse', 'false_hit'] as const;
export type VoidReason = (typeof VOID_REASONS)[number];

/** Money spent on the customer's behalf for a request. */
export const SPENDING_KINDS = ['attempt', 'embedding', 'classifier', 'judge', 'shadow'] as const;
export interface Spending {
  readonly kind: (typeof SPENDING_KINDS)[number];
  /** The attempt's id, or whatever names the spending once. */
  readonly id: string;
  readonly costPd: Picodollars;
}

/** What the request would have used and cost with the mechanisms up to this one. */
export interface Step {
  readonly mechanism: Mechanism;
  readonly usage: TokenUsage;
  /** null: nothing is called, and so nothing is paid (a hit of one of Apex's caches). */
  readonly rates: QuotedRates | null;
}

/** Known before anything was done to the request: nothing in it depends on the arm. */
export interface Covariates {
  readonly promptCostPd: Picodollars;
  readonly requestedModel: string;
  readonly maxTokens: number | null;
}

/** All that a receipt is computed from. It is stored with the receipt, so that anyone can compute it again. */
export interface ReceiptInputs {
  readonly v: 1;
  readonly provider: string;
  readonly requestedModel: string;
  /** null: no model was asked. */
  readonly servedModel: string | null;
  readonly arm: Arm;
  /** Of the experiment: a hash, never a session's name. */
  readonly cluster: string;
  readonly covariates: Covariates;
  readonly policyId: Uuid;
  readonly policyVersion: number;
  /** The request as it was sent, by the requested model, its cached tokens as the prefix ledger has them. */
  readonly baseline: { readonly usage: TokenUsage; readonly rates: QuotedRates };
  /** Output of the requested model / output of the served one, learned from controls, in millionths; at most 1,000,000. Read only where routing acted. */
  readonly lengthRatioPpm: number;
  /** One for each mechanism that acted, in the order of `MECHANISMS`. Empty: none did, and B is what was paid upstream. */
  readonly steps: readonly Step[];
  readonly spent: readonly Spending[];
  /** null: nothing speaks against the answer. */
  readonly voidReason: VoidReason | null;
}

/** The savings record of one request. */
export interface Receipt {
  readonly requestId: Uuid;
  readonly customerId: string;
  readonly inputs: ReceiptInputs;
  /** B */
  readonly baselinePd: Picodollars;
  /** A */
  readonly actualPd: Picodollars;
  /** S = B - A for a billable receipt; a void one contributes -A, and 0 if no mechanism acted. */
  readonly savingPd: Picodollars;
  /** What each mechanism that acted is credited with. */
  readonly shares: Readonly<Partial<Record<Mechanism, Picodollars>>>;
  /** c_last - A: usually negative. `shares` and it add up to B - A exactly. */
  readonly overheadPd: Picodollars;
  readonly status: 'billable' | 'void';
  readonly reason: VoidReason | null;
}

/** A fact that came after the receipt. Facts are only ever added; their order says nothing. */
export type AdjustmentFact =
  /** Spent later on the same request: a judge, a shadow call, an attempt whose bill became known. */
  | { readonly kind: 'spent'; readonly spending: Spending }
  | { readonly kind: 'void'; readonly reason: VoidReason };
