import { type ResponseCache } from '../../ports/response-cache.js';
import { type CachedAnswer, isFresh } from './cached-answer.js';
import { type Unfit, unfitness } from './fitness.js';
import { type CacheAsk, type FlightKeeper, type Found, Group, OwnFlight, type Recorded, type Seat } from './flight.js';
import { RecentIds } from './recent-ids.js';

/** The largest answer that is kept, in bytes of its body. */
export const MAX_CACHED_BYTES = 1024 * 1024;

export interface ExactCacheDeps {
  readonly cache: ResponseCache;
  /** Unix ms. */
  readonly now: () => number;
  /** Runs something later; the result cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Runs something once what is due now has been done. */
  readonly defer: (run: () => void) => void;
  /** The longest that a request waits for another's answer, in ms; then it goes on by itself. */
  readonly maxWaitMs?: number;
  /** No answer is given that is older, in ms, whatever a policy allows. */
  readonly maxTtlMs?: number;
  readonly onDefect: (error: unknown) => void;
}

/** Why an answer was not kept. */
export type NotKept = Unfit | 'too_large' | 'invalidated';

/** Since the process began. */
export interface CacheCounts {
  readonly hits: Readonly<Record<'memory' | 'shared' | 'flight', number>>;
  readonly misses: number;
  readonly stored: number;
  readonly notStored: Readonly<Partial<Record<NotKept, number>>>;
  /** Requests that wait for another's answer now. */
  readonly waiting: number;
}

const DEFAULT_MAX_WAIT_MS = 60_000;
/** How long requests do not wait for others with the same key once an answer to it could not be kept, in ms. */
const ALONE_MS = 10_000;
/** Beyond its deadline nobody believes that a request is still under way. */
const GRACE_MS = 10_000;

/**
 * The exact cache on a request's path: looks for an answer, and lets identical requests that come at the same time make
 * one call between them.
 *
 * When the one that is executed ends without an answer for all, it depends on why. Given up (its client left) says nothing
 * about the answer: the next one takes its place, and the others go on waiting. An answer that must not be kept (an error, a
 * refusal, a truncated one) would most likely be the same for the next: all go on at once, as they would without a cache,
 * and for some seconds requests with that key do not wait for each other. One after the other would spare the provider, and
 * let the last one wait a hundred times as long.
 */
export class ExactCache implements FlightKeeper {
  private readonly groups = new Map<string, Group>();
  private readonly alone: RecentIds;
  private readonly maxWaitMs: number;
  private readonly maxTtlMs: number;
  private readonly hits = { memory: 0, shared: 0, flight: 0 };
  private misses = 0;
  private stored = 0;
  private waiting = 0;
  private readonly notStored: Partial<Record<NotKept, number>> = {};

  constructor(private readonly deps: ExactCacheDeps) {
    this.maxWaitMs = deps.maxWaitMs ?? DEFAULT_MAX_WAIT_MS;
    this.maxTtlMs = deps.maxTtlMs ?? Infinity;
    this.alone = new RecentIds(ALONE_MS, 10_000);
  }

  get counts(): CacheCounts {
    return { hits: { ...this.hits }, misses: this.misses, stored: this.stored, notStored: { ...this.notStored }, waiting: this.waiting };
  }

  /**
   * Calls back exactly once, perhaps before it returns, unless the caller takes the result to say that nobody waits any
   * more; after the callback that does nothing.
   */
  lookup(asked: CacheAsk, done: (found: Found) => void): () => void {
    const ask = asked.ttlMs > this.maxTtlMs ? { ...asked, ttlMs: this.maxTtlMs } : asked;
    const { cache, now } = this.deps;
    const held = cache.peek(ask);
    if (held !== null && isFresh(held, ask.ttlMs, now())) {
      done(this.hit(held, 'memory'));
      return NOTHING;
    }
    const id = `${ask.customerId}:${ask.hash}`;
    const seat: Seat = { ask, done, stop: null };
    const known = this.groups.get(id);
    if (known !== undefined && now() <= known.until && this.mayWait(id)) {
      this.sit(known, seat);
      return () => this.leave(known, seat);
    }
    const group = new Group(id);
    // One that nobody joins is in no list: it ends alone.
    if (known === undefined || now() > known.until) this.groups.set(id, group);
    group.add(seat);
    this.waiting++;
    const fetched = cache.fetch(ask);
    if (fetched === null) this.takeOff(group);
    else
      void fetched.then((answer) => {
        if (answer !== null && isFresh(answer, ask.ttlMs, now())) this.land(group, answer, 'shared');
        else this.takeOff(group);
      });
    return () => this.leave(group, seat);
  }

  /** Waits for the others' answer, not beyond its own deadline. */
  private sit(group: Group, seat: Seat): void {
    const { after, now } = this.deps;
    const left = seat.ask.deadlineAt - now();
    group.add(seat);
    this.waiting++;
    seat.stop = after(Math.max(0, Math.min(left, this.maxWaitMs)), () => {
      seat.stop = null;
      if (!this.leave(group, seat)) return;
      this.tell(seat, now() >= seat.ask.deadlineAt ? LATE : this.miss(seat.ask, null));
    });
  }

  private leave(group: Group, seat: Seat): boolean {
    seat.stop?.();
    seat.stop = null;
    if (!group.delete(seat)) return false;
    this.waiting--;
    return true;
  }

  /** The next one is executed; without one there is nothing to wait for. */
  private takeOff(group: Group): void {
    const seat = group.next();
    if (seat === undefined) return this.dissolve(group);
    this.leave(group, seat);
    const { ask } = seat;
    group.until = ask.deadlineAt + GRACE_MS;
    this.tell(seat, this.miss(ask, group));
  }

  /** There is an answer for all. */
  private land(group: Group, answer: CachedAnswer, from: 'shared' | 'flight'): void {
    this.dissolve(group);
    for (const seat of group.seats()) if (this.leave(group, seat)) this.tell(seat, isFresh(answer, seat.ask.ttlMs, this.deps.now()) ? this.hit(answer, from) : this.miss(seat.ask, null));
  }

  /** There is none, and there would be none for the next either. */
  private scatter(group: Group): void {
    this.alone.add(group.id, this.deps.now());
    this.dissolve(group);
    for (const seat of group.seats()) if (this.leave(group, seat)) this.tell(seat, this.miss(seat.ask, null));
  }

  private dissolve(group: Group): void {
    if (this.groups.get(group.id) === group) this.groups.delete(group.id);
  }

  private mayWait(id: string): boolean {
    return !this.alone.has(id, this.deps.now());
  }

  /** For flights: the answer is there, or there will be none. */
  onEnd(flight: OwnFlight, recorded: Recorded | null): void {
    if (recorded === null) return this.unfit(flight);
    this.deps.defer(() => this.guarded(() => this.judge(flight, recorded), () => this.unfit(flight)));
  }

  /** For flights: somebody else has to. */
  onAbandon({ group }: OwnFlight): void {
    if (group !== null) this.takeOff(group);
  }

  private unfit({ group }: OwnFlight): void {
    if (group !== null) this.scatter(group);
  }

  private judge(flight: OwnFlight, recorded: Recorded): void {
    const { cache, now } = this.deps;
    const { ask, group } = flight;
    const size = recorded.chunks.reduce((bytes, { length }) => bytes + length, 0);
    const no = (reason: NotKept): void => {
      this.notStored[reason] = (this.notStored[reason] ?? 0) + 1;
    };
    if (size > MAX_CACHED_BYTES) {
      no('too_large');
      return this.unfit(flight);
    }
    const body = oneBuffer(recorded.chunks, size);
    const reason = unfitness(ask.surface, recorded.streamed, body);
    if (reason !== null) {
      no(reason);
      return this.unfit(flight);
    }
    const storedAt = now();
    let at = 0;
    const { customerId, hash, tags, ttlMs } = ask;
    const chunks = recorded.chunks.length === 1 ? [body] : recorded.chunks.map(({ length }) => body.subarray(at, (at += length)));
    // Mostly the same, and then one text is kept rather than two.
    const requestedModel = ask.requestedModel === recorded.model ? recorded.model : ask.requestedModel;
    const answer: CachedAnswer = { ...recorded, customerId, hash, requestedModel, tags, chunks, storedAt, expiresAt: storedAt + ttlMs, epoch: flight.epoch };
    // Whoever came after an invalidation must not get what was under way before it.
    if (!cache.isCurrent(answer)) {
      no('invalidated');
      // Where nothing new was learnt meanwhile the next one would fare no better.
      return cache.epoch(customerId) > flight.epoch ? this.onAbandon(flight) : this.unfit(flight);
    }
    cache.store(answer);
    this.stored++;
    if (group !== null) this.land(group, answer, 'flight');
  }

  private hit(answer: CachedAnswer, from: 'memory' | 'shared' | 'flight'): Found {
    this.hits[from]++;
    return { kind: 'hit', answer, from };
  }

  private miss(ask: CacheAsk, group: Group | null): Found {
    this.misses++;
    return { kind: 'miss', flight: new OwnFlight(this, ask, this.deps.cache.epoch(ask.customerId), group) };
  }

  private tell(seat: Seat, found: Found): void {
    this.guarded(() => seat.done(found), NOTHING);
  }

  /** What goes wrong for one must not keep the others waiting. */
  private guarded(run: () => void, otherwise: () => void): void {
    try {
      run();
    } catch (error) {
      this.deps.onDefect(error);
      otherwise();
    }
  }
}

const NOTHING = (): void => undefined;
const LATE: Found = { kind: 'late' };

/** Copied: a chunk may be a small part of a large buffer, which would stay in memory with it and be counted by nobody. */
function oneBuffer(chunks: readonly Buffer[], size: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(whole, at);
  return whole;
}
