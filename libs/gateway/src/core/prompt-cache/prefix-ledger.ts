import { hash } from 'node:crypto';
import { type TokenUsage } from '@apex/usage';
import { skipSpace } from '../json/skip-value.js';
import { type MemberSpan, type TopLevel } from '../json/top-level.js';
import { entriesAt } from '../json/walk.js';

/** What a provider does with prompts by itself, or because it is asked to. */
export interface CachingRules {
  /** It caches what a request's own breakpoints ask for, and nothing else. */
  readonly onRequest: boolean;
  /** The longest that it may keep a prefix after its last use, as far as its documents tell. */
  readonly ttlMs: number;
}

const MINUTE_MS = 60_000;
/** The smallest prefix that any model of the automatic kind caches, and its step: https://platform.openai.com/docs/guides/prompt-caching */
const MIN_TOKENS = 1_024;
const STEP = 128;
/** Blocks are cut into pieces of so many bytes, for what two prompts share may end inside one. Less than the smallest prefix. */
const PIECE_BYTES = 2_048;

/** A prompt as it was sent: the names of its prefixes, and how many bytes each has. */
export interface SentPrompt {
  readonly names: readonly string[];
  readonly bytes: readonly number[];
}

/**
 * What the provider would have in its cache had every request gone to it as it was sent, also those that were answered
 * elsewhere. What cannot be known is granted: as long as this process has not watched for the whole time to live, everything
 * may be in the cache. Memory is bounded; what is forgotten is unknown again.
 */
export class PrefixLedger {
  /** When each prefix was sent last, the oldest first. */
  private readonly sent = new Map<string, number>();

  constructor(
    /** From then on everything is known. Unix ms. */
    private knownSince: number,
    private readonly maxPrefixes = 200_000,
  ) {}

  /** Whether all is known of the last so many milliseconds. */
  isSure(ttlMs: number, nowMs: number): boolean {
    return nowMs - ttlMs >= this.knownSince;
  }

  /** Notes a prompt. @returns the share of it that had been sent within `ttlMs` before */
  see({ names, bytes }: SentPrompt, ttlMs: number, nowMs: number): number {
    let known = -1;
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!;
      const lastAt = this.sent.get(name);
      if (lastAt !== undefined) {
        this.sent.delete(name);
        if (lastAt + ttlMs > nowMs) known = index;
      }
      this.sent.set(name, nowMs);
    }
    while (this.sent.size > this.maxPrefixes) {
      const [name, lastAt] = this.sent.entries().next().value!;
      this.sent.delete(name);
      this.knownSince = Math.max(this.knownSince, lastAt);
    }
    // The piece in which two prompts part may be shared as well, up to its last byte.
    return known < 0 ? 0 : bytes[Math.min(known + 1, bytes.length - 1)]! / bytes.at(-1)!;
  }
}

/**
 * The usage of the same call as the customer sent it, with the discount that its provider would have given by itself.
 * @param share of the prompt that the provider had seen in time; null: unknown, and the customer has the benefit of the doubt
 * @param asksItself the customer's own request holds breakpoints
 */
export function usageAsSent(usage: TokenUsage, rules: CachingRules, asksItself: boolean, share: number | null): TokenUsage {
  const { promptTokens } = usage;
  const reached = share === null ? promptTokens : Math.ceil(promptTokens * share);
  if (rules.onRequest) {
    if (!asksItself) return { ...usage, cachedTokens: 0, cacheWriteTokens: 0 };
    const asked = usage.cachedTokens + usage.cacheWriteTokens;
    const cachedTokens = Math.min(asked, reached);
    return { ...usage, cachedTokens, cacheWriteTokens: asked - cachedTokens };
  }
  const most = promptTokens < MIN_TOKENS ? 0 : promptTokens - (promptTokens % STEP);
  const steps = Math.min(most, Math.ceil(reached / STEP) * STEP);
  const granted = share === null ? Math.max(most, usage.cachedTokens + usage.cacheWriteTokens) : steps < MIN_TOKENS ? 0 : steps;
  return { ...usage, cachedTokens: granted, cacheWriteTokens: 0 };
}

/** Anthropic: five minutes, or the hour that may be asked for. Others say "up to an hour", and a day where that is asked for or usual. */
export function cachingRules(onRequest: boolean, body: Buffer, model: string): CachingRules {
  if (onRequest) return { onRequest, ttlMs: body.includes('"1h"') ? 60 * MINUTE_MS : 5 * MINUTE_MS };
  return { onRequest, ttlMs: (body.includes('prompt_cache_') || /gpt-[5-9]/.test(model) ? 24 * 60 : 60) * MINUTE_MS };
}

/** Where prompts are, in the order in which providers read them. */
const PARTS = ['tools', 'instructions', 'system', 'messages', 'input'] as const;

/** @param scope who asks which model */
export function sentPrompt(body: Buffer, top: TopLevel, scope: string): SentPrompt {
  const names: string[] = [];
  const bytes: number[] = [];
  let name = digest(scope);
  let total = 0;
  for (const part of PARTS) {
    const span = top.members.get(part);
    if (span === undefined) continue;
    for (const block of blocksOf(body, span)) {
      const said = block.includes(CACHE_CONTROL) ? Buffer.from(block.toString('latin1').replace(OWN_BREAKPOINT, ''), 'latin1') : block;
      for (let from = 0; from < said.length; from += PIECE_BYTES) {
        const piece = said.subarray(from, from + PIECE_BYTES);
        names.push((name = digest(`${name}${from === 0 ? part : ''}${digest(piece)}`)));
        bytes.push((total += piece.length));
      }
    }
  }
  return { names, bytes };
}

const CACHE_CONTROL = '"cache_control"';
/** Breakpoints move from turn to turn, and what they stand on stays what it is. */
const OWN_BREAKPOINT = /,?\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)/g;

/** A list by its entries; anything else as a whole. */
function blocksOf(body: Buffer, span: MemberSpan): Buffer[] {
  const entries = entriesAt(body, skipSpace(body, span.valueStart));
  if (entries === null) return [body.subarray(span.valueStart, span.valueEnd)];
  return entries.map(({ valueStart, valueEnd }) => body.subarray(valueStart, valueEnd));
}

const digest = (value: string | Uint8Array): string => hash('sha256', value, 'binary').slice(0, 20);
