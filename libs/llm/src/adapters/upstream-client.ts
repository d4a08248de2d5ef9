import { Agent, type Dispatcher } from 'undici';
import { type UpstreamFailure, classifyUpstreamError } from '../core/upstream-failure.js';

export interface UpstreamClientOptions {
  /** Open connections per origin; each carries one request at a time. */
  readonly connections: number;
  /** For name look-up, TCP and TLS; also the longest wait for a free connection. */
  readonly connectTimeoutMs: number;
}

export interface UpstreamRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** A record, or name, value, name, value... */
  readonly headers: Readonly<Record<string, string>> | string[];
  readonly body: Buffer | null;
  /** From the request being sent to the answer's head. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of the answer's body. */
  readonly idleTimeoutMs: number;
}

/** The reins of a call under way. All of them do nothing once it is over. */
export interface UpstreamControl {
  /** Ends the call in whatever state it is: `onFailure('aborted')` follows, at once. A request that was not sent never will be. */
  abort(): void;
  pause(): void;
  resume(): void;
}

/** What a call tells, in this order; it ends with exactly one of `onEnd` and `onFailure`, and nothing after it. */
export interface UpstreamEvents {
  /** Header names are lower-case. Redirects are answers like others: they are not followed. */
  onHead(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: UpstreamFailure): void;
}

const ABORTED = new Error('the call was aborted');

/** undici's clock for its time-outs ticks every half second and may be a second late: a short wait has a timer of its own. */
const COARSE_IS_GOOD_FROM_MS = 60_000;

/**
 * HTTP/1.1 to the providers over keep-alive pools, one per origin; a pool goes when its last connection is closed.
 * HTTP/2 is off: there, one broken connection breaks every stream on it, and here a request's end is its socket's.
 * It makes no retry and follows no redirect.
 */
export class UpstreamClient {
  private readonly agent: Agent;
  private readonly live = new Set<Call>();

  constructor(private readonly options: UpstreamClientOptions) {
    this.agent = new Agent({
      connections: options.connections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs },
    });
  }

  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamControl {
    const call = new Call(events, this.live, request.firstByteTimeoutMs);
    this.live.add(call);
    const free = this.agent.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body,
        headersTimeout: request.firstByteTimeoutMs,
        bodyTimeout: request.idleTimeoutMs,
      },
      call,
    );
    call.dispatched(free ? null : this.options.connectTimeoutMs);
    return call;
  }

  /** Per origin with any connection: how many are open, how many calls are under way, and how many wait for one. */
  poolStats(): Record<string, { connected: number; running: number; waiting: number }> {
    return Object.fromEntries(
      Object.entries(this.agent.stats).map(([origin, { connected, running, pending }]) => [origin, { connected: Number(connected), running, waiting: pending }]),
    );
  }

  /** Takes no more calls and ends when those under way have. */
  close(): Promise<void> {
    return this.agent.close();
  }

  /** Ends all calls with `aborted` and closes every connection. */
  async destroy(): Promise<void> {
    for (const call of [...this.live]) call.abort();
    await this.agent.destroy();
  }
}

/** One call: undici's handler on one side, the caller's reins on the other. One object per call, for the hot path. */
class Call implements Dispatcher.DispatchHandler, UpstreamControl {
  private controller: Dispatcher.DispatchController | null = null;
  /** Until it is sent: for a connection. After that: for the answer's head. */
  private waiting: NodeJS.Timeout | null = null;
  private sent = false;
  private aborted = false;
  private paused = false;
  private over = false;
  private dispatching = true;

  constructor(
    private readonly events: UpstreamEvents,
    private readonly live: Set<Call>,
    private readonly firstByteTimeoutMs: number,
  ) {}

  /** undici has it. With all connections busy it would let the call wait for one for ever: then `longestWaitMs` counts. */
  dispatched(longestWaitMs: number | null): void {
    this.dispatching = false;
    if (longestWaitMs === null || this.sent || this.over) return;
    this.waiting = setTimeout(() => this.fail('connect_timeout'), longestWaitMs);
    this.waiting.unref();
  }

  abort(): void {
    if (this.over) return;
    this.aborted = true;
    if (this.controller === null) this.fail('aborted');
    else this.controller.abort(ABORTED);
  }

  pause(): void {
    this.paused = true;
    this.controller?.pause();
  }

  resume(): void {
    this.paused = false;
    this.controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.over) {
      controller.abort(ABORTED);
      return;
    }
    this.controller = controller;
    this.sent = true;
    this.stopWaiting();
    if (this.firstByteTimeoutMs < COARSE_IS_GOOD_FROM_MS) this.waiting = setTimeout(() => this.giveUp(controller), this.firstByteTimeoutMs).unref();
    if (this.paused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    // 1xx heads come before the real one.
    if (status < 200 || this.over) return;
    this.stopWaiting();
    this.events.onHead(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.over) this.events.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.finish()) this.events.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    const failure = classifyUpstreamError(error, { sent: this.sent, aborted: this.aborted });
    // Closed, or a request that HTTP cannot express: told like any other failure, after `call` has returned.
    if (this.dispatching) queueMicrotask(() => this.fail(failure));
    else this.fail(failure);
  }

  private giveUp(controller: Dispatcher.DispatchController): void {
    this.fail('first_byte_timeout');
    controller.abort(ABORTED);
  }

  private fail(failure: UpstreamFailure): void {
    if (this.finish()) this.events.onFailure(failure);
  }

  private finish(): boolean {
    if (this.over) return false;
    this.over = true;
    this.stopWaiting();
    this.live.delete(this);
    return true;
  }

  private stopWaiting(): void {
    if (this.waiting === null) return;
    clearTimeout(this.waiting);
    this.waiting = null;
  }
}
