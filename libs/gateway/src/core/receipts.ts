import { type Picodollars } from '@apex/common';
import { type PriceBook, type Target } from '@apex/llm';
import { type AttemptRow, computeReceipt, cost, NO_TOKENS, type Receipt, type ReceiptInputs, type Step, type TokenUsage } from '@apex/usage';
import { type Decided, type Plan } from './types.js';

/** Bytes of JSON per token, for the size of a prompt before any provider has counted it: a covariate, never a bill. */
const BYTES_PER_TOKEN = 4;

/** Providers that cache nothing unless they are asked to. */
const CACHES_ON_REQUEST = new Set(['anthropic']);
/** From here on, and in steps of so many, prompts are cached: https://platform.openai.com/docs/guides/prompt-caching */
const MIN_CACHED_TOKENS = 1_024;
const CACHED_STEP = 128;

/**
 * What the same request would have used had the provider been asked once more: with every discount of its own prompt cache
 * that it could have given, for it had seen the same prompt before. Whether it still remembered cannot be known, so the
 * customer has the benefit of the doubt.
 */
export function usageIfAskedAgain(usage: TokenUsage, provider: string): TokenUsage {
  const { promptTokens, cachedTokens, cacheWriteTokens } = usage;
  const asked = cachedTokens + cacheWriteTokens;
  const byItself = CACHES_ON_REQUEST.has(provider) || promptTokens < MIN_CACHED_TOKENS ? 0 : promptTokens - (promptTokens % CACHED_STEP);
  return { ...usage, cachedTokens: Math.max(asked, byItself), cacheWriteTokens: 0 };
}

export interface Served {
  readonly attempts: readonly AttemptRow[];
  /** The answer is whole and good. */
  readonly good: boolean;
  readonly servedModel: string | null;
  /** As the request would have used it without any mechanism; null: nobody counted. */
  readonly baselineUsage: TokenUsage | null;
  readonly steps: readonly Step[];
}

/**
 * The receipt of a request that had a plan; null where the requested model has no price, for then nothing can be claimed.
 * An attempt whose bill is unknown is not in it: reconciliation adds it when it is known.
 */
export function receiptFor(request: Decided, plan: Plan, served: Served, prices: PriceBook): Receipt | null {
  const [first] = request.candidates;
  if (first === undefined) return null;
  const requested: Target = first.target;
  const usage = served.baselineUsage ?? NO_TOKENS;
  // What the provider counts depends on whether it answered; what is known before the treatment must not.
  const expectedTokens = Math.ceil(request.body.length / BYTES_PER_TOKEN);
  const promptTokens = served.baselineUsage?.promptTokens ?? expectedTokens;
  const rates = prices.rates(requested.provider.priceAs, requested.model, promptTokens, request.receivedAt);
  if (rates?.input == null) return null;
  const promptCostPd: Picodollars = cost({ ...NO_TOKENS, promptTokens: expectedTokens }, { ...rates, request: 0 });
  const inputs: ReceiptInputs = {
    v: 1,
    provider: requested.provider.name,
    requestedModel: request.call.model,
    servedModel: served.servedModel,
    arm: plan.decision.arm,
    cluster: plan.cluster,
    covariates: { promptCostPd, requestedModel: request.call.model, maxTokens: plan.maxTokens },
    policyId: plan.decision.policyId,
    policyVersion: plan.decision.policyVersion,
    baseline: { usage, rates },
    lengthRatioPpm: 1_000_000,
    steps: served.steps,
    spent: served.attempts.filter(({ usage_source: source }) => source !== 'unknown').map(({ attempt_id: id, cost_pd: costPd }) => ({ kind: 'attempt', id, costPd })),
    voidReason: served.good ? null : 'error',
  };
  return computeReceipt(request.requestId, request.key.customerId, inputs);
}
