import { type AuthenticatedKey, type ProviderCredential } from '@apex/auth';
import { type Uuid } from '@apex/common';
import { type Target } from '@apex/llm';
import { type Decision } from '@apex/policy';
import { type RequestTrace } from '@apex/telemetry';
import { type AttemptRow, type Receipt, type Surface, type TokenUsage, type UsageRecordRow } from '@apex/usage';
import { type Call, type Refusal } from './call.js';
import { type TopLevel } from './json/top-level.js';
import { type PromptCacheUse } from './prompt-cache/prompt-cache-use.js';
import { type Wire } from './wire/wire.js';

/**
 * One request's states, in order:
 * Received -> Authenticated -> Admitted -> Decided -> Executed -> Attributed, or Denied on the way.
 */
export interface Received {
  readonly requestId: Uuid;
  /** Unix ms at which the request's head had arrived. */
  readonly receivedAt: number;
  readonly path: 'gateway' | 'direct';
  readonly surface: Surface;
  /** Raw header values; each stage checks what it uses. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly trace: RequestTrace | null;
}

export interface Authenticated extends Received {
  readonly key: AuthenticatedKey;
  readonly labels: Labels;
}

/** What the caller attached to the request for its own accounting. */
export interface Labels {
  readonly session: string | null;
  readonly tags: readonly string[];
}

export interface Admitted extends Authenticated {
  readonly body: Buffer;
  /** Where the body's members stand. */
  readonly top: TopLevel;
  /** The body, parsed; null where nothing had to be. */
  readonly json: Readonly<Record<string, unknown>> | null;
  readonly call: Call;
  /** Where it may go, the configured fallbacks last. At least one. */
  readonly candidates: readonly Candidate[];
  /** After so long without an answer's head another candidate may be asked as well; null: never. */
  readonly hedgeAfterMs: number | null;
  /** Unix ms after which nobody waits any more. */
  readonly deadlineAt: number;
  /** The caller has set it, and sooner than the operator would have. */
  readonly ownDeadline: boolean;
}

/** A place that can answer this request, with the key to it and the way to speak to it. */
export interface Candidate {
  readonly target: Target;
  readonly weight: number;
  readonly isFallback: boolean;
  readonly credential: ProviderCredential;
  readonly wire: Wire;
}

export interface Cohort {
  /** `control`: held out by the experiment; nothing acts on it. */
  readonly cohort: 'gateway' | 'direct' | 'control';
  readonly reason: string | null;
}

/** What may be done for a request, and what its receipt has to know that was known before anything was done. */
export interface Plan {
  readonly decision: Decision;
  /** Of the experiment. */
  readonly cluster: string;
  readonly maxTokens: number | null;
}

export interface Decided extends Admitted, Cohort {
  /** null: nothing may act, and there is nothing to prove. */
  readonly plan: Plan | null;
  /** null: the provider's prompt cache is left to itself. */
  readonly promptCache: PromptCacheUse | null;
}

/** Refused by Apex before any attempt, for a caller that is known: it is recorded. */
export interface Denied extends Authenticated, Cohort {
  readonly refusal: Refusal;
  readonly call: Call | null;
}

/** How one attempt ended. */
export interface AttemptOutcome {
  readonly attemptId: Uuid;
  readonly target: Target;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: AttemptRow['status'];
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly providerRequestId: string | null;
  /** null: the provider told none (see `status` for whether it may bill all the same). */
  readonly usage: TokenUsage | null;
  readonly usageSource: AttemptRow['usage_source'];
  /** Of the key that it was made with. */
  readonly keyOwner: ProviderCredential['owner'];
}

/** All attempts are over; what the client got is known. */
export interface Executed {
  readonly request: Decided;
  /** In the order in which they began. */
  readonly attempts: readonly AttemptOutcome[];
  /** Whose answer the client gets; null: nobody was asked. */
  readonly target: Target | null;
  readonly status: UsageRecordRow['status'];
  /** The status that the client saw or would have seen. */
  readonly httpStatus: number;
  readonly errorCode: string | null;
  readonly firstByteAt: number | null;
  readonly endedAt: number;
}

/** Executed, with its price: the rows that go into the books. */
export interface Attributed {
  readonly record: UsageRecordRow;
  readonly attempts: readonly AttemptRow[];
  /** null: nothing could act on it. */
  readonly receipt: Receipt | null;
  readonly trace: RequestTrace | null;
}

/** What the client is still to get once the request is in the books. */
export type Answer =
  /** The provider's own answer, good or bad, whole, as the client is to read it. */
  | { readonly kind: 'whole'; readonly status: number; readonly upstream: Upstream; readonly body: readonly Buffer[] }
  | { readonly kind: 'refusal'; readonly refusal: Refusal; readonly retryAfter: string | null }
  /** A stream that has begun: the events that came with its end, and the end. `complete`: with its protocol's own end, and not with an error. */
  | { readonly kind: 'stream_end'; readonly last: readonly Buffer[]; readonly rest: readonly Buffer[]; readonly complete: boolean }
  /** A stream that has begun and cannot be finished: the client is told inside it. */
  | { readonly kind: 'stream_error'; readonly refusal: Refusal }
  | { readonly kind: 'nobody' };

/** Who answered, for the answer's headers. */
export interface Upstream {
  readonly candidate: Candidate;
  readonly headers: UpstreamHeaders;
  /** Hints of the client that this provider has no use for. */
  readonly ignored: readonly string[];
}

export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;
