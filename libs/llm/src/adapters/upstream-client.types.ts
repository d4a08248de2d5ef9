import { type UpstreamFailure } from '../core/upstream-failure.js';

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
