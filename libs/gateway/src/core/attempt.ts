import { type Uuid } from '@apex/common';
import { type AttemptEnd, type UpstreamControl, type UpstreamEvents, type UpstreamFailure, parseRetryAfter, parseShouldRetry } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type Reply } from '../ports/reply.js';
import { type Refusal } from './call.js';
import { refusals } from './refusals.js';
import { type TargetVerdict } from './resilience/target-health.js';
import { type Answer, type AttemptOutcome, type Candidate, type Decided, type Upstream, type UpstreamHeaders } from './types.js';
import { type RelayStep, type StreamRelay } from './wire/wire.js';

/** An answer without usage is counted from these bytes; beyond this many they are let go and the count stays unknown. */
const MAX_KEPT_STREAM_BYTES = 1024 * 1024;

export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  readonly answer: Answer;
  /** What a retry would have to know; null where trying this target again is out of the question. */
  readonly retry: AttemptEnd | null;
  /** Another target may do better: the fault lies with this one, or on the way to it. */
  readonly elsewhere: boolean;
  readonly verdict: TargetVerdict;
}

export interface AttemptDeps {
  readonly now: () => number;
  readonly maxResponseBytes: number;
  /** Counts tokens of an answer whose provider told none. */
  readonly estimateUsage: (request: Decided, candidate: Candidate, answer: { json?: unknown; sse?: Buffer }) => Promise<TokenUsage | null>;
  /** The first byte goes to the client: from here on there is no second attempt. */
  readonly onStreamStart: (upstream: Upstream) => void;
}

/** What differs between the ways an attempt can fail. */
interface Failing {
  readonly status: 'failed' | 'interrupted';
  readonly code: string;
  readonly refusal: Refusal;
  readonly retry: AttemptEnd | null;
  readonly verdict?: TargetVerdict;
}

/**
 * One call to a provider: reads what comes, passes a stream on as it comes, and says at the end what is known.
 * It settles exactly once, whatever order of head, data, end, failure and abort it sees.
 */
export class Attempt implements UpstreamEvents {
  readonly startedAt: number;
  private control: UpstreamControl | null = null;
  private status = 0;
  private headers: UpstreamHeaders = {};
  private chunks: Buffer[] = [];
  private size = 0;
  private relay: StreamRelay | null = null;
  private arrived: Buffer[] = [];
  private held: Buffer[] = [];
  private streaming = false;
  private settled = false;
  private abortCause: 'client' | 'too_large' | 'protocol' | null = null;

  constructor(
    readonly id: Uuid,
    private readonly request: Decided,
    readonly candidate: Candidate,
    private readonly ignored: readonly string[],
    private readonly reply: Reply,
    private readonly deps: AttemptDeps,
    private readonly settle: (result: AttemptResult) => void,
  ) {
    this.startedAt = deps.now();
  }

  drivenBy(control: UpstreamControl): void {
    this.control = control;
    if (this.abortCause !== null) control.abort();
  }

  /** The client has left: the provider is told at once, so that it stops generating. */
  abandon(): void {
    this.abort('client');
  }

  onHead(status: number, headers: UpstreamHeaders): void {
    this.status = status;
    this.headers = headers;
    const type = headers['content-type'];
    if (this.request.call.stream && isSuccess(status) && typeof type === 'string' && type.includes('text/event-stream')) {
      this.relay = this.candidate.wire.createRelay(this.request);
    }
  }

  onData(chunk: Buffer): void {
    if (this.settled) return;
    this.size += chunk.length;
    if (this.relay === null) {
      if (this.size > this.deps.maxResponseBytes) return this.abort('too_large');
      this.chunks.push(chunk);
      return;
    }
    // What one read of the socket brings comes in many small calls; it goes on as one, in the same turn.
    if (this.arrived.push(chunk) === 1) queueMicrotask(() => this.passOn());
  }

  onEnd(): void {
    this.passOn();
    if (this.settled) return;
    if (this.relay !== null) return this.endStream(this.relay);
    if (isSuccess(this.status)) return this.endWhole();
    this.endWithError();
  }

  onFailure(failure: UpstreamFailure): void {
    this.passOn();
    if (this.settled) return;
    const { name } = this.candidate.target.provider;
    switch (this.abortCause) {
      case 'client':
        return this.finish({ status: 'aborted', httpStatus: 499, code: 'client_closed_request', answer: { kind: 'nobody' }, retry: null, verdict: { kind: 'unknown' } });
      case 'too_large':
        return this.fail({ status: 'interrupted', code: 'upstream_response_too_large', refusal: refusals.upstreamTooLarge(name), retry: null });
      case 'protocol':
        return this.fail({ status: 'interrupted', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(name), retry: null });
      case null:
        break;
    }
    switch (failure) {
      case 'connect_failed':
      case 'connect_timeout':
        // The provider never saw the request: nothing is billed, and that is known.
        return this.fail({ status: 'failed', code: failure, refusal: refusals.upstreamUnreachable(name), retry: { kind: 'connect_error' } });
      case 'first_byte_timeout':
      case 'idle_timeout':
        return this.fail({ status: 'interrupted', code: failure, refusal: refusals.upstreamTimeout(name), retry: { kind: 'timeout' } });
      case 'reset':
      case 'aborted':
        return this.fail({ status: 'interrupted', code: `upstream_${failure}`, refusal: refusals.upstreamInterrupted(name), retry: { kind: 'reset' } });
      case 'protocol':
        return this.fail({ status: 'interrupted', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(name), retry: null });
    }
  }

  private abort(cause: 'client' | 'too_large' | 'protocol'): void {
    if (this.settled || this.abortCause !== null) return;
    this.abortCause = cause;
    this.control?.abort();
  }

  /** Gives the relay what has arrived, and the client what the relay lets through. */
  private passOn(): void {
    const { relay, arrived } = this;
    if (relay === null || arrived.length === 0 || this.settled || this.abortCause !== null) return;
    this.arrived = [];
    const bytes = arrived.length === 1 ? arrived[0]! : Buffer.concat(arrived);
    this.keepForCounting(bytes);
    let step: RelayStep;
    try {
      step = relay.push(bytes);
    } catch {
      return this.abort('protocol');
    }
    this.handOut(step);
    if (relay.complete) this.endStream(relay);
  }

  private handOut(step: RelayStep): void {
    if (step.forward.length > 0) this.forward(step.forward);
    if (step.hold.length > 0) this.held.push(...step.hold);
  }

  private forward(parts: readonly Buffer[]): void {
    this.beginStream();
    let flowing = true;
    for (const part of parts) flowing = this.reply.write(part);
    if (flowing || this.control === null) return;
    const { control } = this;
    control.pause();
    this.reply.onDrain(() => control.resume());
  }

  private beginStream(): void {
    if (this.streaming) return;
    this.streaming = true;
    this.deps.onStreamStart(this.upstream());
  }

  private keepForCounting(bytes: Buffer): void {
    if (this.size <= MAX_KEPT_STREAM_BYTES) this.chunks.push(bytes);
    else this.chunks = [];
  }

  private endStream(relay: StreamRelay): void {
    try {
      if (!relay.complete) this.handOut(relay.finish());
    } catch {
      return this.fail({ status: 'interrupted', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(this.candidate.target.provider.name), retry: null });
    }
    this.settled = true;
    // A stream that ended before anything could be forwarded still has to begin for the client.
    this.beginStream();
    const answer: Answer = { kind: 'stream_end', rest: this.held, complete: relay.complete && !relay.failed };
    if (relay.usage !== null) return this.known(relay.usage, 'provider', answer);
    if (relay.failed || this.chunks.length === 0) return this.unknown(relay.failed ? 'upstream_stream_error' : 'usage_missing', answer);
    void this.estimate({ sse: Buffer.concat(this.chunks) }, answer);
  }

  private endWhole(): void {
    let whole;
    try {
      whole = this.candidate.wire.readWhole(this.request, this.chunks);
    } catch {
      return this.fail({ status: 'interrupted', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(this.candidate.target.provider.name), retry: null });
    }
    this.settled = true;
    const answer: Answer = { kind: 'whole', status: this.status, upstream: this.upstream(), body: whole.body };
    if (whole.usage !== null) return this.known(whole.usage, 'provider', answer);
    void this.estimate({ json: whole.json }, answer);
  }

  private endWithError(): void {
    const { status } = this;
    const { credential, target, wire } = this.candidate;
    const retryAfterMs = parseRetryAfter(this.headers, this.deps.now());
    const retry: AttemptEnd = { kind: 'status', status, retryAfterMs, shouldRetry: parseShouldRetry(this.headers) };
    if (status < 400) return this.fail({ status: 'failed', code: 'upstream_malformed_response', refusal: refusals.upstreamMalformed(target.provider.name), retry: null });
    // A platform key that is refused is our secret and our fault: neither its trace nor a 401 may reach the client.
    if ((status === 401 || status === 403) && credential.owner === 'platform') {
      return this.fail({ status: 'failed', code: 'upstream_auth_failed', refusal: refusals.upstreamRejectedPlatformKey(target.provider.name), retry: null });
    }
    const verdict = verdictOf(status, retryAfterMs);
    const code = `upstream_${status}`;
    const type = this.headers['content-type'];
    const body = typeof type === 'string' && type.includes('json') ? wire.readError(this.request, status, this.chunks) : null;
    if (body !== null) {
      // 529 is Anthropic's own; for everybody else an overloaded provider is a 503.
      const shown = status === 529 && !wire.passthrough ? 503 : status;
      return this.finish({ status: 'failed', httpStatus: status, code, answer: { kind: 'whole', status: shown, upstream: this.upstream(), body }, retry, verdict });
    }
    const refusal: Refusal = { httpStatus: status, type: 'upstream_error', code: 'upstream_error', message: `The provider '${target.provider.name}' answered with status ${status}.`, param: null };
    this.fail({ status: 'failed', code, refusal, retry, verdict });
  }

  private async estimate(answered: { json?: unknown; sse?: Buffer }, answer: Answer): Promise<void> {
    const usage = await this.deps.estimateUsage(this.request, this.candidate, answered).catch(() => null);
    if (usage === null) this.unknown('usage_missing', answer);
    else this.known(usage, 'tokenizer', answer);
  }

  private known(usage: TokenUsage, usageSource: 'provider' | 'tokenizer', answer: Answer): void {
    this.tell({ ...this.base(), status: 'final', httpStatus: this.status, errorCode: null, usage, usageSource }, answer, null, HEALTHY);
  }

  private unknown(errorCode: string, answer: Answer): void {
    this.tell({ ...this.base(), status: 'interrupted', httpStatus: this.status, errorCode, usage: null, usageSource: 'unknown' }, answer, null, HEALTHY);
  }

  private fail({ status, code, refusal, retry, verdict = FAILED }: Failing): void {
    const retryAfter = this.headers['retry-after'];
    const answer: Answer = this.streaming ? { kind: 'stream_error', refusal } : { kind: 'refusal', refusal, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
    this.finish({ status, httpStatus: this.status === 0 ? null : this.status, code, answer, retry, verdict });
  }

  private finish(end: { status: 'failed' | 'interrupted' | 'aborted'; httpStatus: number | null; code: string; answer: Answer; retry: AttemptEnd | null; verdict: TargetVerdict }): void {
    this.settled = true;
    const usageSource = end.status === 'failed' ? 'none' : 'unknown';
    this.tell({ ...this.base(), status: end.status, httpStatus: end.httpStatus, errorCode: end.code, usage: null, usageSource }, end.answer, end.retry, end.verdict);
  }

  private tell(outcome: AttemptOutcome, answer: Answer, retry: AttemptEnd | null, verdict: TargetVerdict): void {
    const open = !this.streaming && answer.kind !== 'nobody';
    // A model that one provider does not have another may have, which says nothing against the first.
    const elsewhere = open && (verdict.kind !== 'healthy' || outcome.httpStatus === 404);
    this.settle({ outcome, answer, retry: open ? retry : null, elsewhere, verdict });
  }

  private upstream(): Upstream {
    return { candidate: this.candidate, headers: this.headers, ignored: this.ignored };
  }

  private base() {
    const id = this.headers['x-request-id'] ?? this.headers['request-id'];
    return { attemptId: this.id, target: this.candidate.target, startedAt: this.startedAt, endedAt: this.deps.now(), providerRequestId: typeof id === 'string' ? id.slice(0, 128) : null };
  }
}

const HEALTHY: TargetVerdict = { kind: 'healthy' };
const FAILED: TargetVerdict = { kind: 'failed' };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** A request that is wrong says nothing against the provider. */
function verdictOf(status: number, retryAfterMs: number | null): TargetVerdict {
  if (status === 429 || status === 529) return { kind: 'saturated', retryAfterMs };
  return status >= 500 || status === 408 ? FAILED : HEALTHY;
}
