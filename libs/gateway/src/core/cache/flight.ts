import { type Surface } from '@apex/usage';
import { type CachedAnswer, type CacheSlot } from './cached-answer.js';

export interface CacheAsk extends CacheSlot {
  readonly surface: Surface;
  readonly requestedModel: string;
  /** Kept with the answer, to invalidate it by. */
  readonly tags: readonly string[];
  /** By the policy that is in force now; it also binds answers that were stored under another. */
  readonly ttlMs: number;
  /** Unix ms after which nobody waits any more. */
  readonly deadlineAt: number;
}

/** An answer that is in the books and whole, as its client got it. */
export type Recorded = Pick<CachedAnswer, 'status' | 'contentType' | 'streamed' | 'chunks' | 'ignored' | 'usage' | 'usageSource' | 'provider' | 'model'>;

export type Found =
  /** `flight`: another request, which this one has waited for, has just been given it. */
  | { readonly kind: 'hit'; readonly answer: CachedAnswer; readonly from: 'memory' | 'shared' | 'flight' }
  /** To be executed. Whoever gets this says in any case what became of it: others may wait for it. */
  | { readonly kind: 'miss'; readonly flight: Flight }
  /** The deadline has passed while it waited for another's answer. */
  | { readonly kind: 'late' };

/** A request that is executed, on behalf of those that wait for the same answer too. Only the first word counts. */
export interface Flight {
  /** It has ended. Null: with nothing that could be given to others. The answer is looked at later, off the request's path. */
  end(recorded: Recorded | null): void;
  /** It was given up before its end, for reasons of its own: whoever waits next takes its place. */
  abandon(): void;
}

/** One who waits. */
export interface Seat {
  readonly ask: CacheAsk;
  readonly done: (found: Found) => void;
  stop: (() => void) | null;
}

/** One key's requests: at most one of them is executed, the others wait for its answer. */
export class Group {
  /** Unix ms after which it is not joined any more. */
  until = Infinity;
  /** Nearly always there is but one. */
  private first: Seat | null = null;
  private others: Set<Seat> | null = null;

  /** @param id of its key, among all customers' */
  constructor(readonly id: string) {}

  add(seat: Seat): void {
    if (this.first === null && this.others === null) this.first = seat;
    else (this.others ??= new Set()).add(seat);
  }

  /** Whether it was among them. */
  delete(seat: Seat): boolean {
    if (this.first !== seat) return this.others?.delete(seat) ?? false;
    this.first = null;
    return true;
  }

  /** The one that came before all others. */
  next(): Seat | undefined {
    return this.first ?? this.others?.values().next().value;
  }

  /** In the order in which they came. */
  seats(): Seat[] {
    const others = this.others === null ? [] : [...this.others];
    return this.first === null ? others : [this.first, ...others];
  }
}

/** Told once of each flight what became of it. */
export interface FlightKeeper {
  onEnd(flight: OwnFlight, recorded: Recorded | null): void;
  onAbandon(flight: OwnFlight): void;
}

/** A request that is executed, for its group; null: for itself alone. */
export class OwnFlight implements Flight {
  private over = false;

  constructor(
    private readonly cache: FlightKeeper,
    readonly ask: CacheAsk,
    readonly epoch: number,
    readonly group: Group | null,
  ) {}

  end(recorded: Recorded | null): void {
    if (this.over) return;
    this.over = true;
    this.cache.onEnd(this, recorded);
  }

  abandon(): void {
    if (this.over) return;
    this.over = true;
    this.cache.onAbandon(this);
  }
}
