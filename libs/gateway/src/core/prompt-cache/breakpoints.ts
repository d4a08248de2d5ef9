import { type PromptBlock, type PromptBlocks } from './prompt-blocks.js';
import { type Odds } from './odds.js';
import { type Recurrence, type Sight } from './recurrence.js';

/** Prices in any one unit per token. */
export interface CacheRates {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export interface BreakpointRules {
  readonly minTokens: number;
  readonly minRecurrences: number;
}

/** Where breakpoints go, and what is hoped for. */
export interface Breakpoints {
  /** Indices of blocks, rising; at most four. */
  readonly at: readonly number[];
  /** The prefixes that end there: once the provider has them they can be read. */
  readonly marked: readonly Sight[];
  /** A prefix should be in the provider's cache already. Whether it was is in the answer, and is to be told here; null: none should. */
  readonly reads: Odds | null;
}

/**
 * How likely a prefix must be to come again before it is written: writing costs (write - input) more per token, each read
 * saves (input - read), so it pays from a chance of (write - input) / (input - read) on. With Anthropic's 1.25 and 0.1
 * that is 0.28. Infinity where the price list knows no discount for reading.
 */
export const breakEven = ({ input, cacheRead, cacheWrite }: CacheRates): number => (cacheRead < input ? Math.max(0, cacheWrite - input) / (input - cacheRead) : Infinity);

/** A provider looks for an earlier entry at up to 20 blocks before a breakpoint; this stays clear of how it counts them. */
const LOOKBACK = 15;
/** A prefix can be read once the first answer behind it has begun: https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const WRITING_MS = 5_000;
/** JSON of a prompt is at least this long per token, nearly always: what is shorter than the minimum is surely so. */
const MIN_BYTES_PER_TOKEN = 2;

/**
 * Decides for one request, as it is sent, by what was sent before. The prompt falls in three parts: what the provider has
 * already (reading it is pure gain), what was sent before but is not there (it came again, so it may come once more), and
 * what is new (which comes again if the conversation goes on). A part is written if its chance reaches the break-even, and
 * the new part only where something before it has come again: a prompt without a recurring prefix is never written.
 */
export class BreakpointPlanner {
  constructor(
    private readonly recurrence: Recurrence,
    private readonly rules: BreakpointRules,
  ) {}

  /** @param names of the prompt's prefixes; see `prefixNames` */
  plan(scope: string, prompt: PromptBlocks, names: readonly string[], rates: CacheRates, nowMs: number): Breakpoints | null {
    const { recurrence, rules } = this;
    const { blocks, head } = prompt;
    const { sights, known } = recurrence.see(names, nowMs);
    const tail = lastMarkable(blocks, blocks.length - 1);
    if (tail < 0) return null;
    const root = names[Math.max(0, head - 1)]!;
    const seen = lastMarkable(blocks, known - 1);
    const live = sights.findLastIndex(({ liveUntil }, index) => liveUntil > nowMs && blocks[index]!.mark !== null);
    // Whether more than tools and system is known of it: such conversations go on more often than others begin to.
    const ofTail = recurrence.oddsOf(`${root}${known > head ? 'goes on' : 'begins'}`, nowMs);
    const ofSeen = seen < 0 ? null : recurrence.oddsOf(`${scope} seen ${Math.min(sights[seen]!.times, 4)}`, nowMs);
    const reads = recurrence.oddsOf(`${root}read`, nowMs);

    const isWriting = sights.slice(live + 1, known).some(({ writingUntil }) => writingUntil > nowMs);
    const last = isWriting ? live : this.lastOf({ live, seen, tail, sights, ofTail, ofSeen, need: breakEven(rates) / reads.chance(2, 2), minRecurrences: rules.minRecurrences });
    if (seen >= 0 && ofSeen !== null) recurrence.expect(sights[seen]!, ofSeen);
    recurrence.expect(sights[tail]!, ofTail);
    if (last < 0 || bytesUpTo(blocks, last) < rules.minTokens * MIN_BYTES_PER_TOKEN) return null;
    const wanted = [lastMarkable(blocks, Math.min(head - 1, last)), last - live > LOOKBACK ? live : -1, Math.min(seen, last), last];
    const at = [...new Set(wanted.filter((index) => index >= 0))].sort((a, b) => a - b);
    for (const index of at) if (index > live) sights[index]!.writingUntil = nowMs + WRITING_MS;
    return { at, marked: at.map((index) => sights[index]!), reads: live < 0 ? null : reads };
  }

  private lastOf(facts: { live: number; seen: number; tail: number; sights: readonly Sight[]; ofTail: Odds; ofSeen: Odds | null; need: number; minRecurrences: number }): number {
    const { live, seen, tail, sights, ofTail, ofSeen, need, minRecurrences } = facts;
    if (need > 1) return -1;
    const again = ofSeen !== null && sights[seen]!.times > minRecurrences;
    // Of what came again once nothing is known better than that it may as well come again as not.
    const upToSeen = seen > live && again && ofSeen.chance(1, 2) >= need;
    // Of what is new nothing is hoped for until it has been seen to happen.
    if (tail > Math.max(live, seen) && again && ofTail.chance(0, 1) >= need) return tail;
    return upToSeen ? seen : live;
  }
}

function lastMarkable(blocks: readonly PromptBlock[], from: number): number {
  for (let index = from; index >= 0; index--) if (blocks[index]!.mark !== null) return index;
  return -1;
}

function bytesUpTo(blocks: readonly PromptBlock[], last: number): number {
  let bytes = 0;
  for (let index = 0; index <= last; index++) bytes += blocks[index]!.end - blocks[index]!.start;
  return bytes;
}
