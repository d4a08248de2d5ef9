import { type PriceBook, type Target } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { scanTopLevel } from '../json/top-level.js';
import { type Admitted, type Plan } from '../types.js';
import { type EncodedCall } from '../wire/wire.js';
import { type Breakpoints, BreakpointPlanner } from './breakpoints.js';
import { CacheKeys, rootOf, withCacheKey } from './cache-key.js';
import { cachingRules, PrefixLedger, sentPrompt, usageAsSent } from './prefix-ledger.js';
import { type CallEnd, type PromptCacheUse } from './prompt-cache-use.js';
import { messagesBlocks, prefixNames } from './prompt-blocks.js';
import { Recurrence } from './recurrence.js';
import { spliceBreakpoints } from './splice-breakpoints.js';

/** A provider keeps what it was asked to keep for five minutes after its last use. Some of them pass on the way. */
const TTL_MS = 5 * 60_000 - 10_000;
/** No prompt of fewer bytes has as many tokens as any provider's cache begins with. */
const MIN_BYTES_PER_TOKEN = 2;
/** Bytes per token, where the step of a price list is to be chosen before anybody has counted. */
const BYTES_PER_TOKEN = 4;
const MIN_TOKENS = 1_024;

export interface PromptCachingDeps {
  readonly prices: PriceBook;
  readonly now: () => number;
  /** This process sees every request of its customers: what it has not seen has not been sent. */
  readonly sole: boolean;
}

/** What providers' prompt caches hold by our doing, and would hold without it. One for a process; in memory, and bounded. */
export class PromptCaching {
  readonly recurrence = new Recurrence(TTL_MS);
  readonly keys = new CacheKeys();
  private readonly ledger: PrefixLedger | null;

  constructor(readonly deps: PromptCachingDeps) {
    this.ledger = deps.sole ? new PrefixLedger(deps.now()) : null;
  }

  /** What can be done for a request, and what would have been without it. Notes it as sent, whatever becomes of it. */
  begin(request: Admitted, plan: Plan | null): PromptCacheUse | null {
    const [first] = request.candidates;
    if (request.surface === 'embeddings' || first === undefined || request.body.length < MIN_TOKENS * MIN_BYTES_PER_TOKEN) return null;
    const share = this.ledger === null ? null : this.noteSent(this.ledger, request, first.target);
    const allowed = plan?.decision.promptCache ?? null;
    return plan === null || allowed === null ? null : new UseForRequest(request, first.target, { ...allowed, conversation: plan.cluster }, share, this);
  }

  /** The share of the prompt that its provider could have seen in time; null: that cannot be known. */
  private noteSent(ledger: PrefixLedger, { key, body, top, call }: Admitted, target: Target): number | null {
    const { ttlMs } = cachingRules(cachesOnRequest(target), body, call.model);
    const now = this.deps.now();
    const share = ledger.see(sentPrompt(body, top, scopeOf(key.customerId, target)), ttlMs, now);
    return ledger.isSure(ttlMs, now) ? share : null;
  }
}

interface Allowed {
  readonly minTokens: number;
  readonly minRecurrences: number;
  readonly conversation: string;
}

class UseForRequest implements PromptCacheUse {
  /** By the names of the providers that were asked so. */
  private readonly placed = new Map<string, Breakpoints>();
  private readonly asksItself: boolean;

  constructor(
    private readonly request: Admitted,
    private readonly requested: Target,
    private readonly allowed: Allowed,
    private readonly share: number | null,
    private readonly owner: PromptCaching,
  ) {
    this.asksItself = OWN_WORDS.some((word) => request.body.includes(word));
  }

  prepare(call: EncodedCall, target: Target): EncodedCall {
    const { operation, body } = call;
    // Another model's prices are not what the receipt compares with.
    if (this.asksItself || operation.kind !== 'generate' || target.model !== this.requested.model || target.provider.priceAs !== this.requested.provider.priceAs) return call;
    switch (operation.protocol) {
      case 'anthropic-messages':
        return this.withBreakpoints(call, target);
      case 'openai-chat':
      case 'openai-responses':
        return isOpenAi(target) && body.length >= this.allowed.minTokens * MIN_BYTES_PER_TOKEN ? { ...call, body: this.withKey(body, target) } : call;
      case 'gemini':
        return call;
    }
  }

  isPlacedAt(target: Target): boolean {
    return this.placed.has(target.provider.name);
  }

  actedOn(target: Target, usage: TokenUsage): boolean {
    return this.isPlacedAt(target) && usage.cachedTokens + usage.cacheWriteTokens > 0;
  }

  asSent(usage: TokenUsage): TokenUsage {
    const { body, call } = this.request;
    return usageAsSent(usage, cachingRules(cachesOnRequest(this.requested), body, call.model), this.asksItself, this.share);
  }

  settle({ target, usage, startedAt }: CallEnd): void {
    const breakpoints = this.placed.get(target.provider.name);
    if (breakpoints === undefined || usage === null) return;
    breakpoints.reads?.decide(usage.cachedTokens > 0, startedAt);
    if (usage.cachedTokens + usage.cacheWriteTokens === 0) return;
    for (const sight of breakpoints.marked) sight.liveUntil = startedAt + TTL_MS;
  }

  private withBreakpoints(call: EncodedCall, target: Target): EncodedCall {
    const { owner, request, allowed } = this;
    const { body } = call;
    // A translation may bring breakpoints that the customer asked for in other words.
    const top = OWN_WORDS.some((word) => body.includes(word)) ? null : scanTopLevel(body);
    const prompt = top === null || top.duplicate !== null ? null : messagesBlocks(body, top);
    const rates = owner.deps.prices.rates(target.provider.priceAs, target.model, Math.ceil(body.length / BYTES_PER_TOKEN), request.receivedAt);
    if (prompt === null || rates?.input == null || rates.cacheRead === null || rates.cacheWrite === null) return call;
    const { input, cacheRead, cacheWrite } = rates;
    const scope = `${request.key.customerId}\n${target.provider.name}\n${target.model}`;
    const planner = new BreakpointPlanner(owner.recurrence, allowed);
    const breakpoints = planner.plan(scope, prompt, prefixNames(body, prompt, scope), { input, cacheRead, cacheWrite }, owner.deps.now());
    if (breakpoints === null) return call;
    this.placed.set(target.provider.name, breakpoints);
    return { ...call, body: spliceBreakpoints(body, prompt.blocks, breakpoints.at) };
  }

  private withKey(body: Buffer, target: Target): Buffer {
    const { owner, request, allowed } = this;
    const root = rootOf(request.body, request.top, scopeOf(request.key.customerId, target));
    const key = owner.keys.keyFor(root, allowed.conversation, owner.deps.now());
    return body === request.body ? withCacheKey(body, key, request.top) : withCacheKey(body, key);
  }
}

/** Words by which customers ask for a prompt cache themselves. One that merely speaks of them is left alone as well. */
const OWN_WORDS = ['cache_control', 'prompt_cache_', 'cachedContent', 'cached_content'] as const;

const cachesOnRequest = ({ provider }: Target): boolean => provider.kind.protocols[0] === 'anthropic-messages';

/** Others that speak its protocol may refuse what they do not know. */
const isOpenAi = ({ provider }: Target): boolean => provider.kind.kind === 'openai' && /^https:\/\/(?:[a-z0-9-]+\.)*api\.openai\.com$/.test(provider.origin);

const scopeOf = (customerId: string, { provider, model }: Target): string => `${customerId}\n${provider.name}\n${model}`;
