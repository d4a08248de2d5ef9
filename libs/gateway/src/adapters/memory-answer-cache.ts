import { type CachedAnswer, type CacheSlot } from '../core/cache/cached-answer.js';

/** What an entry takes besides its body: objects, strings, a buffer's own bookkeeping. Rather too much than too little. */
const ENTRY_BYTES = 1_024;
const CHUNK_BYTES = 128;

export const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;

/** A place in a list, least recently used first. Both ends of a list are one link without an entry. */
interface Link {
  before: Link;
  after: Link;
  readonly entry: Entry | null;
}

interface Entry {
  readonly answer: CachedAnswer;
  readonly bytes: number;
  readonly among: Link;
  readonly amongOwn: Link;
}

interface Customer {
  readonly entries: Map<string, Entry>;
  readonly ends: Link;
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
  private readonly ends = newLink(null);
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
    makeLast(entry.among, this.ends);
    makeLast(entry.amongOwn, customer.ends);
    return entry.answer;
  }

  put(answer: CachedAnswer): void {
    this.drop(answer);
    const { customerId, hash } = answer;
    const bytes = bytesOf(answer);
    const share = this.maxBytes / 2;
    if (bytes > share) return;
    let customer = this.customers.get(customerId);
    if (customer === undefined) this.customers.set(customerId, (customer = { entries: new Map(), ends: newLink(null), bytes: 0 }));
    const entry = newEntry(answer, bytes);
    customer.entries.set(hash, entry);
    append(entry.among, this.ends);
    append(entry.amongOwn, customer.ends);
    customer.bytes += bytes;
    this.bytes += bytes;
    this.answers++;
    while (this.bytes > this.maxBytes) this.drop(this.ends.after.entry!.answer);
    while (customer.bytes > share) this.drop(customer.ends.after.entry!.answer);
  }

  drop({ customerId, hash }: CacheSlot): void {
    const customer = this.customers.get(customerId);
    const entry = customer?.entries.get(hash);
    if (customer === undefined || entry === undefined) return;
    customer.entries.delete(hash);
    unlink(entry.among);
    unlink(entry.amongOwn);
    customer.bytes -= entry.bytes;
    this.bytes -= entry.bytes;
    this.answers--;
    if (customer.entries.size === 0) this.customers.delete(customerId);
  }
}

function newEntry(answer: CachedAnswer, bytes: number): Entry {
  const entry = { answer, bytes } as { -readonly [K in keyof Entry]: Entry[K] };
  entry.among = newLink(entry);
  entry.amongOwn = newLink(entry);
  return entry;
}

/** In no list yet, or an empty list. */
function newLink(entry: Entry | null): Link {
  const link = { entry } as Link;
  link.before = link.after = link;
  return link;
}

function makeLast(link: Link, ends: Link): void {
  if (ends.before === link) return;
  unlink(link);
  append(link, ends);
}

function append(link: Link, ends: Link): void {
  link.before = ends.before;
  link.after = ends;
  ends.before.after = link;
  ends.before = link;
}

function unlink({ before, after }: Link): void {
  before.after = after;
  after.before = before;
}

function bytesOf({ chunks }: CachedAnswer): number {
  let bytes = ENTRY_BYTES + CHUNK_BYTES * chunks.length;
  for (const { length } of chunks) bytes += length;
  return bytes;
}
