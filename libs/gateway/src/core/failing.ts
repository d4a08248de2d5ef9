import { type AttemptEnd, type UpstreamFailure } from '@apex/llm';
import { type Refusal } from './call.js';
import { refusals } from './refusals.js';
import { type TargetVerdict } from './resilience/target-health.js';

/** A way in which an attempt failed that was not the provider's own answer. */
export interface Failing {
  /** `failed`: nothing is billed, and that is known. `interrupted`: the bill is not known. */
  readonly status: 'failed' | 'interrupted';
  readonly code: string;
  /** What the client is told, if nothing better comes. */
  readonly refusal: Refusal;
  /** What a retry has to know; null: none. */
  readonly retry: AttemptEnd | null;
  /** `failed` unless said otherwise. */
  readonly verdict?: TargetVerdict;
  /** Another target may do better, though nothing is said against this one. */
  readonly elsewhere?: boolean;
}

/** What was asked for makes an answer large: one customer who asks for much must not close the provider to the others. */
export const tooLarge = (provider: string): Failing => ({ status: 'interrupted', code: 'upstream_response_too_large', refusal: refusals.upstreamTooLarge(provider), retry: null, verdict: { kind: 'unknown' } });

export const malformed = (provider: string): Failing => ({ status: 'interrupted', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(provider), retry: null });

/** The call did not come to its end. */
export function brokenOff(failure: UpstreamFailure, provider: string): Failing {
  switch (failure) {
    case 'connect_failed':
    case 'connect_timeout':
      // The provider never saw the request: nothing is billed, and that is known.
      return { status: 'failed', code: failure, refusal: refusals.upstreamUnreachable(provider), retry: { kind: 'connect_error' } };
    case 'first_byte_timeout':
    case 'idle_timeout':
      return { status: 'interrupted', code: failure, refusal: refusals.upstreamTimeout(provider), retry: { kind: 'timeout' } };
    case 'reset':
    case 'aborted':
      return { status: 'interrupted', code: `upstream_${failure}`, refusal: refusals.upstreamInterrupted(provider), retry: { kind: 'reset' } };
    case 'protocol':
      return malformed(provider);
  }
}
