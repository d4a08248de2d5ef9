import { createHash } from 'node:crypto';
import { type PriceBook } from '@apex/llm';
import { cost, NO_TOKENS, type QuotedRates } from '@apex/usage';
import { PoissonBootstrap } from './bootstrap.js';
import { type LoggedCall } from './logged-call.js';

/** What a mechanism would have saved. Amounts in picodollars. */
export interface Saved {
  calls: number;
  pd: bigint;
}

export interface ModelSums {
  readonly model: string;
  calls: number;
  costPd: bigint;
  savedPd: bigint;
}

export interface Analysis {
  readonly calls: number;
  readonly unpriced: number;
  readonly costPd: bigint;
  readonly exactCache: Readonly<Saved>;
  /** Repeated calls whose answers the model drew at random: saved only where the policy or the request opts in. */
  readonly exactCacheOptIn: Readonly<Saved>;
  readonly promptCache: Readonly<Saved>;
  readonly models: readonly Readonly<ModelSums>[];
  /** Of (exactCache + promptCache) / cost; null for fewer than two conversations. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly conversations: number;
}

export interface WhatIfOptions {
  readonly exactTtlMs: number;
  /** How long a provider keeps a prefix. */
  readonly prefixTtlMs: number;
}

/** Below this providers cache nothing: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching */
const MIN_PREFIX_TOKENS = 1_024;
const BLOCK = 1_024;

/**
 * Replays a log, call by call in its order, and asks what Apex would have saved: repeated calls answered from the exact
 * cache, and recurring prefixes read from the provider's prompt cache where the provider caches only on request
 * (Anthropic; others do so by themselves, and what they do anyway is not a saving). A call saves by one of them at most.
 */
export class WhatIf {
  private readonly seen = new Map<string, number>();
  private readonly prefixes = new Map<string, { at: number; sightings: number }>();
  private readonly models = new Map<string, ModelSums>();
  private readonly conversations = new Set<string>();
  private readonly bootstrap = new PoissonBootstrap();
  private readonly exact: Saved = { calls: 0, pd: 0n };
  private readonly optIn: Saved = { calls: 0, pd: 0n };
  private readonly prompt: Saved = { calls: 0, pd: 0n };
  private calls = 0;
  private unpriced = 0;
  private costPd = 0n;
  private lastAt = 0;

  constructor(
    private readonly prices: PriceBook,
    private readonly options: WhatIfOptions,
  ) {}

  add(call: LoggedCall): void {
    this.calls++;
    // A log without times is one after the other, and nothing in it expires.
    const at = (this.lastAt = call.at ?? this.lastAt);
    const rates = this.prices.rates(call.provider, call.model, call.usage.promptTokens, at === 0 ? Date.now() : at);
    const costPd = rates === null ? null : costOf(call, rates);
    if (rates === null || costPd === null) {
      this.unpriced++;
      return;
    }
    this.costPd += costPd;
    const cluster = digest(call.conversation);
    this.conversations.add(cluster);
    const saved = this.exactly(call, at, costPd) ?? this.byPrefix(call, at, rates);
    const model = this.models.get(call.model) ?? { model: call.model, calls: 0, costPd: 0n, savedPd: 0n };
    model.calls++;
    model.costPd += costPd;
    model.savedPd += saved;
    this.models.set(call.model, model);
    this.bootstrap.add(cluster, Number(costPd), Number(saved));
  }

  result(): Analysis {
    return {
      calls: this.calls,
      unpriced: this.unpriced,
      costPd: this.costPd,
      exactCache: this.exact,
      exactCacheOptIn: this.optIn,
      promptCache: this.prompt,
      models: [...this.models.values()].sort((a, b) => (a.costPd > b.costPd ? -1 : 1)),
      interval: this.conversations.size < 2 ? null : this.bootstrap.interval(),
      conversations: this.conversations.size,
    };
  }

  /** The whole cost of a call that was made before; null for one that was not. */
  private exactly(call: LoggedCall, at: number, costPd: bigint): bigint | null {
    const key = digest(JSON.stringify([call.provider, call.model, call.settings, call.prompt]));
    const before = this.seen.get(key);
    const isHit = before !== undefined && at - before <= this.options.exactTtlMs;
    // A hit does not prolong an entry's life.
    if (call.ok && !isHit) this.seen.set(key, at);
    if (!isHit) return null;
    const bucket = call.deterministic ? this.exact : this.optIn;
    bucket.calls++;
    bucket.pd += costPd;
    return call.deterministic ? costPd : 0n;
  }

  /** What reading the longest recurring prefix from the cache would have saved, less what writing it costs; may be negative. */
  private byPrefix(call: LoggedCall, at: number, rates: QuotedRates): bigint {
    const { usage, prompt } = call;
    // Whoever caches already is left as it is.
    if (call.provider !== 'anthropic' || usage.promptTokens < MIN_PREFIX_TOKENS || usage.cachedTokens + usage.cacheWriteTokens > 0) return 0n;
    let recurring = 0;
    let sightings = 0;
    let chain = call.model;
    for (let end = BLOCK; end <= prompt.length; end += BLOCK) {
      chain = digest(chain + prompt.slice(end - BLOCK, end));
      const known = this.prefixes.get(chain);
      const isAlive = known !== undefined && at - known.at <= this.options.prefixTtlMs;
      if (isAlive) {
        recurring = end;
        sightings = known.sightings;
      }
      this.prefixes.set(chain, { at, sightings: isAlive ? known.sightings + 1 : 1 });
    }
    const tokens = Math.floor((usage.promptTokens * recurring) / prompt.length);
    if (tokens < MIN_PREFIX_TOKENS) return 0n;
    // Seen for the second time it is written, at a premium; from the third on it is read.
    const kind = sightings === 1 ? { cacheWriteTokens: tokens } : { cachedTokens: tokens };
    const plain = cost({ ...NO_TOKENS, promptTokens: tokens }, rates);
    const saved = BigInt(plain - cost({ ...NO_TOKENS, promptTokens: tokens, ...kind }, rates));
    this.prompt.calls++;
    this.prompt.pd += saved;
    return saved;
  }
}

function costOf(call: LoggedCall, rates: QuotedRates): bigint | null {
  try {
    return BigInt(cost(call.usage, rates));
  } catch {
    // A kind of token that has no rate.
    return null;
  }
}

const digest = (value: string): string => createHash('sha256').update(value).digest('base64').slice(0, 22);
