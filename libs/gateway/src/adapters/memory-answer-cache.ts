import { type CachedAnswer, type CacheSlot } from '../core/cache/cached-answer.js';

/** What an entry takes besides its body: objects, strings, a buffer's own bookkeeping. Rather too much than too little. */
const ENTRY_BYTES = 1_024;
const CHUNK_BYTES = 128;

export const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;

/** Links of the list of entries, least recently used first. */
interface Link {
  before: Link;
  after: Link;
}

interface Entry extends Link {
  readonly answer: CachedAnswer;
  readonly bytes: number;
}

/**
 * Answers in this process, the least recently used forgotten first. One customer can fill half of the room: beyond that its
 * own answers make way for each other, and everybody else's stay.
 *
 * A list beside the map: to put a key into a Map again and again, as a hot one would be, takes ever longer, as V8 keeps what
 * was deleted in the key's chain until it grows the table.
 */
export class MemoryAnswerCache {
  private readonly entries = new Map<string, Entry>();
  private readonly bytesOf = new Map<string, number>();
  private bytes = 0;
  /** Both ends of the list. */
  private readonly ends: Link;

  constructor(private readonly maxBytes = DEFAULT_MEMORY_BYTES) {
    const ends = {} as Link;
    ends.before = ends.after = ends;
    this.ends = ends;
  }

  get size(): { readonly answers: number; readonly bytes: number } {
    return { answers: this.entries.size, bytes: this.bytes };
  }

  get(slot: CacheSlot): CachedAnswer | null {
    const entry = this.entries.get(idOf(slot));
    if (entry === undefined) return null;
    if (this.ends.before !== entry) {
      unlink(entry);
      this.append(entry);
    }
    return entry.answer;
  }

  put(answer: CachedAnswer): void {
    this.drop(answer);
    const { customerId } = answer;
    const bytes = bytesOf(answer);
    const share = this.maxBytes / 2;
    if (bytes > share) return;
    const entry = { answer, bytes } as Entry;
    this.entries.set(idOf(answer), entry);
    this.append(entry);
    this.add(customerId, bytes);
    this.forgetWhile(() => this.bytes > this.maxBytes, null);
    this.forgetWhile(() => this.bytesOf.get(customerId)! > share, customerId);
  }

  drop(slot: CacheSlot): void {
    const id = idOf(slot);
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    unlink(entry);
    this.add(slot.customerId, -entry.bytes);
  }

  private add(customerId: string, bytes: number): void {
    this.bytes += bytes;
    const all = (this.bytesOf.get(customerId) ?? 0) + bytes;
    if (all === 0) this.bytesOf.delete(customerId);
    else this.bytesOf.set(customerId, all);
  }

  /** The oldest first; only a customer's own where one is given, which then has half of all, so that its next is not far. */
  private forgetWhile(tooMuch: () => boolean, customerId: string | null): void {
    for (let at = this.ends.after; at !== this.ends && tooMuch(); ) {
      const { answer } = at as Entry;
      at = at.after;
      if (customerId === null || answer.customerId === customerId) this.drop(answer);
    }
  }

  private append(entry: Entry): void {
    const { ends } = this;
    entry.before = ends.before;
    entry.after = ends;
    ends.before.after = entry;
    ends.before = entry;
  }
}

function unlink({ before, after }: Link): void {
  before.after = after;
  after.before = before;
}

/** No customer's id holds a colon. */
const idOf = ({ customerId, hash }: CacheSlot): string => `${customerId}:${hash}`;

function bytesOf({ chunks }: CachedAnswer): number {
  let bytes = ENTRY_BYTES + CHUNK_BYTES * chunks.length;
  for (const { length } of chunks) bytes += length;
  return bytes;
}
