import { type Claim, type KeyLimiter } from '@apex/auth';
import { type PriceBook, type Target } from '@apex/llm';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { choicesOf, continuesConversation, outputLimitOf } from '../surfaces/traits.js';
import { type Admitted } from '../types.js';

/** Bytes of JSON per token, for limits of tokens in a minute: an estimate, corrected when the provider has counted. */
const BYTES_PER_TOKEN = 4;
const PD_PER_MICRO = 1_000_000;

type Counts = KeyLimiter['counts'];

/**
 * What a request may use at most. Of a budget everything is claimed that could be billed: for the prompt a token for each of
 * its bytes (no tokenizer makes more of a text), for the answer as much as was allowed, or as the model can, at the dearest
 * of the targets that may be asked, twice where two may be asked at once. What is not used comes back when it has ended.
 *
 * @param enforced false: what cannot be known of a customer's own budget stays out of the count
 */
export function claimOf(request: Admitted, counts: Counts, enforced: boolean, prices: PriceBook): Claim | Refusal {
  const { body, top, surface } = request;
  const allowed = surface === 'embeddings' ? 0 : outputLimitOf(surface, body, top);
  const choices = choicesOf(surface, body, top);
  const tokens = counts.tokens ? Math.ceil(body.length / BYTES_PER_TOKEN) + (allowed ?? 0) * choices : 0;
  const platform = counts.platformBudget && request.candidates.some(({ credential }) => credential.owner === 'platform');
  if (!counts.budget && !platform) return { tokens, microUsd: 0, platformMicroUsd: 0 };

  let own = 0;
  let ours = 0;
  for (const { target, credential } of request.candidates) {
    const hard = platform && credential.owner === 'platform';
    if (!counts.budget && !hard) continue;
    const dearest = dearestOf(request, target, allowed, choices, prices);
    if (typeof dearest === 'number') {
      own = Math.max(own, dearest);
      if (hard) ours = Math.max(ours, dearest);
    } else if (hard || (enforced && dearest.binds)) return dearest.refusal;
  }
  const calls = request.hedgeAfterMs !== null && request.candidates.length > 1 ? 2 : 1;
  return { tokens, microUsd: own * calls, platformMicroUsd: ours * calls };
}

export const isRefusal = (claim: Claim | Refusal): claim is Refusal => 'httpStatus' in claim;

/** In whole micro-dollars; or why that cannot be told. What has no price is served and bills nothing, but with our own keys. */
function dearestOf(request: Admitted, target: Target, allowed: number | null, choices: number, prices: PriceBook): number | { readonly refusal: Refusal; readonly binds: boolean } {
  const { provider, model } = target;
  const window = prices.contextWindow(provider.priceAs, model);
  const output = allowed ?? window;
  const before = continuesConversation(request.top) ? window : 0;
  if (output === null || before === null) return { refusal: output === null ? refusals.maxTokensRequired(model) : refusals.promptUnbounded(model), binds: true };
  const prompt = request.body.length + before;
  const rates = prices.rates(provider.priceAs, model, prompt, request.receivedAt);
  if (rates === null) return { refusal: refusals.unpricedModel(model), binds: false };
  const perPrompt = Math.max(rates.input ?? 0, rates.cacheWrite ?? 0);
  const perOutput = Math.max(rates.output ?? 0, rates.reasoning ?? 0);
  return Math.ceil((prompt * perPrompt + output * choices * perOutput + rates.request) / rates.denominator / PD_PER_MICRO);
}
