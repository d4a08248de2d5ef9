import { z } from 'zod';

/** Which of a customer's kept answers are no longer to be given: all, those of a tag, of a model, or the one of a key. */
export const cacheSelectorSchema = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ tag: z.string().regex(/^[\x21-\x2b\x2d-\x7e]{1,64}$/, 'a tag as in x-apex-tags') }),
  z.strictObject({ model: z.string().min(1).max(256).regex(/^[^\0-\x1f]*$/, 'the name of a model') }),
  z.strictObject({ key: z.string().regex(/^[0-9a-f]{64}$/, 'a key as in x-apex-cache-key') }),
]);

export type CacheSelector = z.infer<typeof cacheSelectorSchema>;

/** What a selector is called among the marks. */
export function markOf(selector: CacheSelector): string {
  if ('all' in selector) return ALL;
  if ('tag' in selector) return tagMark(selector.tag);
  return 'model' in selector ? modelMark(selector.model) : keyMark(selector.key);
}

export const ALL = '*';
const tagMark = (tag: string): string => `t:${tag}`;
const modelMark = (model: string): string => `m:${model}`;
const keyMark = (key: string): string => `k:${key}`;

/** What of an answer selectors can meet. */
export interface Selectable {
  readonly hash: string;
  readonly requestedModel: string;
  readonly model: string;
  readonly tags: readonly string[];
  /** The latest mark of its customer that was known when its request began; 0: none. */
  readonly epoch: number;
}

/**
 * One customer's invalidations: for each selector the time of its last use, in microseconds of the store's clock and
 * strictly growing, so that it serves as a number of generation. An answer is good if its request began with knowledge of
 * every mark that meets it: one that was under way at an invalidation never comes back, and a process that has missed one
 * keeps answers that others refuse, never the other way round.
 */
export class Marks {
  private readonly times: Map<string, number>;
  /** The latest. */
  readonly epoch: number;

  constructor(times: Iterable<readonly [mark: string, time: number]>) {
    this.times = new Map(times);
    this.epoch = Math.max(0, ...this.times.values());
  }

  entries(): IterableIterator<[mark: string, time: number]> {
    return this.times.entries();
  }

  isCurrent(answer: Selectable): boolean {
    if (answer.epoch >= this.epoch) return true;
    return (
      this.allows(ALL, answer) &&
      this.allows(modelMark(answer.requestedModel), answer) &&
      this.allows(modelMark(answer.model), answer) &&
      this.allows(keyMark(answer.hash), answer) &&
      answer.tags.every((tag) => this.allows(tagMark(tag), answer))
    );
  }

  /** With another mark, the oldest ones as one for everything where there are too many. */
  with(mark: string, time: number): Marks {
    return this.joined(mark === ALL ? [[ALL, time]] : [...this.times, [mark, time]]);
  }

  /** What either knows. */
  and(other: Marks): Marks {
    return this.joined([...this.times, ...other.times]);
  }

  private joined(all: readonly (readonly [mark: string, time: number])[]): Marks {
    const latest = new Map<string, number>();
    for (const [mark, time] of all) latest.set(mark, Math.max(time, latest.get(mark) ?? 0));
    if (latest.size <= MAX_MARKS) return new Marks(latest);
    const byAge = [...latest].sort((a, b) => a[1] - b[1]);
    const old = byAge.slice(0, latest.size - MAX_MARKS + 1);
    const rest = byAge.slice(old.length).filter(([mark]) => mark !== ALL);
    return new Marks([[ALL, Math.max(latest.get(ALL) ?? 0, old.at(-1)![1])], ...rest]);
  }

  private allows(mark: string, { epoch }: Selectable): boolean {
    const time = this.times.get(mark);
    return time === undefined || time <= epoch;
  }
}

export const NO_MARKS = new Marks([]);

/** Selectors that are remembered for one customer. */
export const MAX_MARKS = 256;
