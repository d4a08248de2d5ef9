import { type OutgoingRequest } from '../core/outgoing-head.js';
import { type ResponseHeaders } from '../core/response-fields.js';

/**
 * How a call failed.
 * - `connect_failed`, `connect_timeout`: the request was never sent.
 * - `first_byte_timeout`: sent, and no head came in time.
 * - `idle_timeout`: the answer began and then stood still.
 * - `reset`: the connection broke, before or in the middle of the answer; also when a kept-alive one proved dead.
 * - `aborted`: we ended it.
 * - `protocol`: what came was not HTTP/1.1, or not the HTTP/1.1 that was announced.
 */
export type CallFailure = 'connect_failed' | 'connect_timeout' | 'first_byte_timeout' | 'idle_timeout' | 'reset' | 'aborted' | 'protocol';

/** What a call tells, in this order; it ends with exactly one of `onEnd` and `onFailure`, and nothing after it. */
export interface CallEvents {
  /** Redirects are answers like others. 1xx heads are not told. */
  onHead(status: number, headers: ResponseHeaders): void;
  /** One piece per read of the socket, however many chunks it held. The bytes are the receiver's. */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: CallFailure): void;
}

/** The reins of a call under way. All of them do nothing once it is over. */
export interface CallControl {
  /** Ends the call in whatever state it is: `onFailure('aborted')` follows, at once. A request that was not sent never will be. */
  abort(): void;
  /** Until `resume` nothing is read and no time-out counts; no `onData` comes, though `onEnd` may where nothing is missing. */
  pause(): void;
  resume(): void;
}

/** What carries a call: the line of those that wait for a connection, or a connection. */
export interface Carrier {
  /** The call has ended by itself: let go of it, and of the request, if it was sent. */
  drop(call: Call): void;
  pause(): void;
  resume(): void;
}

/** One call: the caller's events on one side, what carries it on the other. One object per call, for the hot path. */
export class Call implements CallControl {
  carrier: Carrier | null = null;
  /** While it waits for a connection: until when, on the clock of `performance.now()`. */
  waitsUntil = Infinity;
  paused = false;
  over = false;

  constructor(
    readonly request: OutgoingRequest,
    readonly head: string,
    private readonly events: CallEvents,
    private readonly onDefect: (error: unknown) => void,
  ) {}

  abort(): void {
    this.stop('aborted');
  }

  pause(): void {
    if (this.over || this.paused) return;
    this.paused = true;
    this.carrier?.pause();
  }

  resume(): void {
    if (this.over || !this.paused) return;
    this.paused = false;
    this.carrier?.resume();
  }

  /** Ends it from this side: whatever carries it is let go first. */
  stop(failure: CallFailure): void {
    if (this.over) return;
    this.carrier?.drop(this);
    this.fail(failure);
  }

  tellHead(status: number, headers: ResponseHeaders): void {
    try {
      this.events.onHead(status, headers);
    } catch (error) {
      this.defect(error);
    }
  }

  tellData(chunk: Buffer): void {
    try {
      this.events.onData(chunk);
    } catch (error) {
      this.defect(error);
    }
  }

  tellEnd(): void {
    if (!this.finish()) return;
    try {
      this.events.onEnd();
    } catch (error) {
      this.onDefect(error);
    }
  }

  fail(failure: CallFailure): void {
    if (!this.finish()) return;
    try {
      this.events.onFailure(failure);
    } catch (error) {
      this.onDefect(error);
    }
  }

  /** For what is known while the caller has no reins yet: told after `call` has returned. */
  failSoon(failure: CallFailure): void {
    queueMicrotask(() => this.fail(failure));
  }

  /** A receiver that throws has lost bytes: this answer is of no use to it any more. */
  private defect(error: unknown): void {
    this.stop('protocol');
    this.onDefect(error);
  }

  private finish(): boolean {
    if (this.over) return false;
    this.over = true;
    this.carrier = null;
    return true;
  }
}
