import { type Clock } from '@apex/common';
import { BoundedMap } from './bounded-map.js';
import { prefixDigests } from './prefix-digests.js';
import { type Prompt } from './prompt.js';

/** How many block ends before a breakpoint are looked at for an earlier entry. */
const LOOKBACK = 20;

export type CacheTtl = '5m' | '1h';
const TTL_MS: Readonly<Record<CacheTtl, number>> = { '5m': 5 * 60_000, '1h': 60 * 60_000 };

/** A place up to which a caller wants its prompt kept. `length` is one of the block ends. */
export interface Breakpoint {
  readonly length: number;
  readonly ttl: CacheTtl;
}

/** Tokens of a prompt that were in the cache, and that now are because they were written. */
export interface CacheUse {
  readonly read: number;
  readonly written5m: number;
  readonly written1h: number;
}

const UNUSED: CacheUse = Object.freeze({ read: 0, written5m: 0, written1h: 0 });

/**
 * A prompt cache that is written where the caller says, by Anthropic's rules
 * (platform.claude.com/docs/en/build-with-claude/prompt-caching): entries lie at breakpoints only; a hit is the longest
 * entry at a breakpoint or up to 20 block ends before it; what lies between the hit and the last breakpoint is written,
 * the part up to the last 1-hour breakpoint for an hour; a use renews an entry. Holds hashes only, at most `maxEntries`.
 */
export class BreakpointCache {
  private readonly entries: BoundedMap<{ readonly expiresAt: number; readonly ttl: CacheTtl }>;

  constructor(private readonly clock: Clock, maxEntries = 400_000) {
    this.entries = new BoundedMap(maxEntries);
  }

  /** `blockEnds` and `breakpoints` rise. Breakpoints before `minimum` tokens are ignored. */
  use(scope: string, prompt: Prompt, blockEnds: readonly number[], breakpoints: readonly Breakpoint[], minimum: number): CacheUse {
    const points = breakpoints.filter((point) => point.length >= minimum);
    const last = points.at(-1);
    if (!last) return UNUSED;
    const now = this.clock.now();
    const keys = new Map<number, string>();
    for (const [length, digest] of prefixDigests(prompt, lookedAt(blockEnds, points, minimum))) keys.set(length, `${scope}\n${length}\n${digest}`);
    let read = 0;
    for (const [length, key] of keys) {
      const entry = this.entries.get(key);
      if (!entry || entry.expiresAt <= now) continue;
      read = length;
      this.entries.set(key, { ...entry, expiresAt: now + TTL_MS[entry.ttl] });
    }
    for (const { length, ttl } of points) {
      if (length > read) this.entries.set(keys.get(length) as string, { expiresAt: now + TTL_MS[ttl], ttl });
    }
    const hour = Math.max(read, points.findLast((point) => point.ttl === '1h')?.length ?? 0);
    return { read, written1h: hour - read, written5m: Math.max(0, last.length - hour) };
  }
}

/** The breakpoints and the block ends shortly before them, rising, each once. */
function lookedAt(blockEnds: readonly number[], points: readonly Breakpoint[], minimum: number): number[] {
  const lengths = new Set<number>();
  for (const { length } of points) {
    const at = blockEnds.lastIndexOf(length);
    for (const end of blockEnds.slice(Math.max(0, at - LOOKBACK), at + 1)) if (end >= minimum) lengths.add(end);
  }
  return [...lengths].sort((a, b) => a - b);
}
