import { prefixDigests } from '../../apps/simulator/src/core/prefix-digests.js';
import { type Read } from './simulated.js';

export interface Multipliers {
  /** Of the price of an input token. */
  readonly read: number;
  readonly write: number;
}

const TTL_MS = 5 * 60_000;
const MINIMUM = 1_024;

/**
 * The most that a prompt cache can save on these prompts, for one who knows all of them beforehand, in input tokens. Each
 * stretch between two block ends, behind one and the same prefix, is a case of its own: of sights that follow each other
 * within the time to live the first is written if there is a second, and all others are read. What is so chosen for a
 * stretch is chosen for every one before it as well, for those were seen whenever it was.
 */
export function optimalSaving(reads: readonly Read[], { read, write }: Multipliers): number {
  const stretches = new Map<string, { tokens: number; times: number[] }>();
  for (const { atMs, prompt, ends } of reads) {
    let before = 0;
    for (const [length, digest] of prefixDigests(prompt, ends)) {
      if (length < MINIMUM) continue;
      const stretch = stretches.get(`${length} ${digest}`) ?? { tokens: length - before, times: [] };
      stretches.set(`${length} ${digest}`, stretch);
      stretch.times.push(atMs);
      before = length;
    }
  }
  let saved = 0;
  for (const { tokens, times } of stretches.values()) {
    let from = 0;
    for (let at = 1; at <= times.length; at++) {
      if (at < times.length && times[at]! - times[at - 1]! < TTL_MS) continue;
      saved += Math.max(0, tokens * ((at - from - 1) * (1 - read) - (write - 1)));
      from = at;
    }
  }
  return saved;
}
