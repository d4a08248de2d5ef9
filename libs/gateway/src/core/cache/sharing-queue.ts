import { type CachedAnswer } from './cached-answer.js';

/** So many wait at most, and half as many of one customer. */
const MAX_WAITING = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Places where the keys of those that were passed over are noted, a power of two; the newer one takes the older one's place. */
const NOTES = 16_384;
const NOTED_DIGITS = 6;

/** What a queue holds of one customer. */
interface Share {
  answers: number;
  bytes: number;
}

/**
 * Answers on their way to the other processes, a few at a time: to give one away costs a good part of a request, and
 * most are never asked for again. In a flood there are more than it is worth to give away, and some are passed over; one of them
 * that is asked for again goes before all that were asked for once.
 */
export class SharingQueue {
  private askedAgain: CachedAnswer[] = [];
  private askedOnce: CachedAnswer[] = [];
  private readonly shares = new Map<string, Share>();
  private readonly all: Share = { answers: 0, bytes: 0 };
  private readonly passedOver: (string | undefined)[] = new Array<undefined>(NOTES).fill(undefined);
  private passedOverTotal = 0;

  constructor(
    private readonly maxAnswers = MAX_WAITING,
    private readonly maxBytes = MAX_BYTES,
  ) {}

  get size(): number {
    return this.all.answers;
  }

  /** How many times an answer was passed over, ever. */
  get passedOverCount(): number {
    return this.passedOverTotal;
  }

  /** Whether it waits now; else it is passed over. */
  offer(answer: CachedAnswer): boolean {
    return this.add(answer, this.askedOnce);
  }

  /** It was asked for again. Whether it waits since now: it had been passed over, and there is room. */
  again(answer: CachedAnswer): boolean {
    const place = placeOf(answer.hash);
    if (this.passedOver[place] !== answer.hash) return false;
    this.passedOver[place] = undefined;
    if (this.isFull(answer)) this.makeRoom(answer);
    return this.add(answer, this.askedAgain);
  }

  /** The next ones, and no more of them than fit into so many bytes; one in any case. */
  take(maxAnswers: number, maxBytes: number): CachedAnswer[] {
    const taken: CachedAnswer[] = [];
    let bytes = 0;
    for (const queue of [this.askedAgain, this.askedOnce]) {
      let many = 0;
      for (; many < queue.length && taken.length < maxAnswers; many++) {
        const answer = queue[many]!;
        const more = bytesOf(answer);
        if (taken.length > 0 && bytes + more > maxBytes) break;
        bytes += more;
        taken.push(answer);
        this.count(answer, -1);
      }
      queue.splice(0, many);
      if (queue.length > 0) break;
    }
    return taken;
  }

  /** The newest of those that were asked for once is passed over; where it is the customer's own part that is full, of theirs. */
  private makeRoom(answer: CachedAnswer): void {
    const at = this.isOwnPartFull(answer) ? this.askedOnce.findLastIndex(({ customerId }) => customerId === answer.customerId) : this.askedOnce.length - 1;
    if (at < 0) return;
    for (const newest of this.askedOnce.splice(at, 1)) {
      this.count(newest, -1);
      this.passOver(newest);
    }
  }

  private add(answer: CachedAnswer, queue: CachedAnswer[]): boolean {
    if (this.isFull(answer)) {
      this.passOver(answer);
      return false;
    }
    queue.push(answer);
    this.count(answer, 1);
    return true;
  }

  private isFull(answer: CachedAnswer): boolean {
    const { maxAnswers, maxBytes, all } = this;
    return all.answers >= maxAnswers || all.bytes + bytesOf(answer) > maxBytes || this.isOwnPartFull(answer);
  }

  private isOwnPartFull(answer: CachedAnswer): boolean {
    const own = this.shares.get(answer.customerId);
    return own !== undefined && (own.answers >= this.maxAnswers / 2 || own.bytes + bytesOf(answer) > this.maxBytes / 2);
  }

  private count(answer: CachedAnswer, times: 1 | -1): void {
    const { customerId } = answer;
    const bytes = times * bytesOf(answer);
    let own = this.shares.get(customerId);
    if (own === undefined) this.shares.set(customerId, (own = { answers: 0, bytes: 0 }));
    for (const share of [own, this.all]) {
      share.answers += times;
      share.bytes += bytes;
    }
    if (own.answers === 0) this.shares.delete(customerId);
  }

  private passOver({ hash }: CachedAnswer): void {
    this.passedOver[placeOf(hash)] = hash;
    this.passedOverTotal++;
  }
}

function placeOf(hash: string): number {
  let place = 0;
  for (let i = 0; i < NOTED_DIGITS; i++) place = (Math.imul(place, 31) + hash.charCodeAt(i)) | 0;
  return place & (NOTES - 1);
}

function bytesOf({ chunks }: CachedAnswer): number {
  let bytes = 0;
  for (const { length } of chunks) bytes += length;
  return bytes;
}
