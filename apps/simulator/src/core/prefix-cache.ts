import { type Clock } from '@apex/common';
import { BoundedMap } from './bounded-map.js';
import { prefixDigests } from './prefix-digests.js';
import { type Prompt } from './prompt.js';

const MINIMUM = 1024;
const STEP = 128;

/**
 * The provider's own prompt cache, by OpenAI's rules (platform.openai.com/docs/guides/prompt-caching): prefixes of at
 * least 1024 tokens, in steps of 128, per caller and model, kept for 5 minutes after their last use.
 * Holds hashes only, at most `maxPrefixes` of them; the oldest go first.
 */
export class PrefixCache {
  private readonly expiries: BoundedMap<number>;

  constructor(private readonly clock: Clock, private readonly ttlMs = 5 * 60_000, maxPrefixes = 400_000) {
    this.expiries = new BoundedMap(maxPrefixes);
  }

  /** How many leading tokens of the prompt were already there; from now on, all of its prefixes are. */
  use(scope: string, prompt: Prompt): number {
    if (prompt.tokens < MINIMUM) return 0;
    const now = this.clock.now();
    let cached = 0;
    for (const [length, digest] of prefixDigests(prompt, cacheable(prompt.tokens))) {
      const key = `${scope}\n${length}\n${digest}`;
      if ((this.expiries.get(key) ?? 0) > now) cached = length;
      this.expiries.set(key, now + this.ttlMs);
    }
    return cached;
  }
}

function* cacheable(tokens: number): Generator<number> {
  for (let length = MINIMUM; length <= tokens; length += STEP) yield length;
}
