import { type CachedAnswer, type CacheSlot } from '../core/cache/cached-answer.js';

/** What an entry takes besides its body: objects, strings, a buffer's own bookkeeping. Rather too much than too little. */
const ENTRY_BYTES = 1_024;
const CHUNK_BYTES = 128;

export const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;

/**
 * An answer and its places in two lists, among all and among its customer's, each least recently used first. All of it is one
 * object: tens of thousands of them live long, and what V8 spends on an object that lives is a good part of a request.
 */
interface Entry {
  /** Null: both ends of the two lists. */
  readonly answer: CachedAnswer | null;
  readonly bytes: number;
  before: Entry;
  after: Entry;
  ownBefore: Entry;
  ownAfter: Entry;
}

interface Customer {
  readonly entries: Map<string, Entry>;
  readonly ends: Entry;
  bytes: number;
}

/**
 * Answers in this process, the least recently used forgotten first. One customer can fill half of the room: beyond that its
 * own answers make way for each other, and everybody else's stay.
 *
 * Lists beside the maps: to put a key into a Map again and again, as a hot one would be, takes ever longer, as V8 keeps what
 * was deleted in the key's chain until it grows the table.
 */
export class MemoryAnswerCache {
  private readonly customers = new Map<string, Customer>();
  private readonly ends = newEntry(null, 0);
  private answers = 0;
  private bytes = 0;

  constructor(private readonly maxBytes = DEFAULT_MEMORY_BYTES) {}

  get size(): { readonly answers: number; readonly bytes: number } {
    return { answers: this.answers, bytes: this.bytes };
  }

  get({ customerId, hash }: CacheSlot): CachedAnswer | null {
    const customer = this.customers.get(customerId);
    const entry = customer?.entries.get(hash);
    if (customer === undefined || entry === undefined) return null;
    if (this.ends.before !== entry) {
      unlink(entry);
      append(entry, this.ends);
    }
    if (customer.ends.ownBefore !== entry) {
      unlinkOwn(entry);
      appendOwn(entry, customer.ends);
    }
    return entry.answer;
  }

  put(answer: CachedAnswer): void {
    this.drop(answer);
    const { customerId, hash } = answer;
    const bytes = bytesOf(answer);
    const share = this.maxBytes / 2;
    if (bytes > share) return;
    let customer = this.customers.get(customerId);
    if (customer === undefined) this.customers.set(customerId, (customer = { entries: new Map(), ends: newEntry(null, 0), bytes: 0 }));
    const entry = newEntry(answer, bytes);
    customer.entries.set(hash, entry);
    append(entry, this.ends);
    appendOwn(entry, customer.ends);
    customer.bytes += bytes;
    this.bytes += bytes;
    this.answers++;
    while (this.bytes > this.maxBytes) this.drop(this.ends.after.answer!);
    while (customer.bytes > share) this.drop(customer.ends.ownAfter.answer!);
  }

  drop({ customerId, hash }: CacheSlot): void {
    const customer = this.customers.get(customerId);
    const entry = customer?.entries.get(hash);
    if (customer === undefined || entry === undefined) return;
    customer.entries.delete(hash);
    unlink(entry);
    unlinkOwn(entry);
    customer.bytes -= entry.bytes;
    this.bytes -= entry.bytes;
    this.answers--;
    if (customer.entries.size === 0) this.customers.delete(customerId);
  }
}

/** In no list yet, or the ends of empty ones. */
function newEntry(answer: CachedAnswer | null, bytes: number): Entry {
  const entry = { answer, bytes, before: null, after: null, ownBefore: null, ownAfter: null } as unknown as Entry;
  entry.before = entry.after = entry.ownBefore = entry.ownAfter = entry;
  return entry;
}

function append(entry: Entry, ends: Entry): void {
  entry.before = ends.before;
  entry.after = ends;
  ends.before.after = entry;
  ends.before = entry;
}

function unlink({ before, after }: Entry): void {
  before.after = after;
  after.before = before;
}

function appendOwn(entry: Entry, ends: Entry): void {
  entry.ownBefore = ends.ownBefore;
  entry.ownAfter = ends;
  ends.ownBefore.ownAfter = entry;
  ends.ownBefore = entry;
}

function unlinkOwn({ ownBefore, ownAfter }: Entry): void {
  ownBefore.ownAfter = ownAfter;
  ownAfter.ownBefore = ownBefore;
}

function bytesOf({ chunks }: CachedAnswer): number {
  let bytes = ENTRY_BYTES + CHUNK_BYTES * chunks.length;
  for (const { length } of chunks) bytes += length;
  return bytes;
}
