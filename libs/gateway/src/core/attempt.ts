import { type Uuid } from '@apex/common';
import { type AttemptEnd, type UpstreamControl, type UpstreamEvents, type UpstreamFailure, parseRetryAfter, parseShouldRetry } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type Reply } from '../ports/reply.js';
import { type Refusal } from './call.js';
import { type Failing, brokenOff, malformed, tooLarge } from './failing.js';
import { refusals } from './refusals.js';
import { type TargetVerdict } from './resilience/target-health.js';
import { type Turn } from './turn.js';
import { type Answer, type AttemptOutcome, type Candidate, type Decided, type Upstream, type UpstreamHeaders } from './types.js';
import { type RelayStep, type StreamRelay } from './wire/wire.js';

/** The error of an attempt that was opened in the books and then not made. */
export const NOT_SENT = 'not_sent';

/** An answer without usage is counted from these bytes; beyond this many they are let go and the count stays unknown. */
const MAX_KEPT_STREAM_BYTES = 1024 * 1024;

/** A timer may ring this much before the clock says so. */
const TIMER_SLACK_MS = 20;

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
  readonly limits: { readonly maxResponseBytes: number };
  /** Counts tokens of an answer whose provider told none. */
  readonly estimateUsage: (request: Decided, candidate: Candidate, answer: { json?: unknown; sse?: Buffer }) => Promise<TokenUsage | null>;
}

/** Who began an attempt. */
export interface AttemptOwner {
  /** The head of a good answer has come, and nothing else yet. */
  onAnswering(attempt: Attempt): void;
  /** The first byte goes to the client: from here on there is no second attempt. */
  onStreamStart(upstream: Upstream): void;
  /** It is over. Exactly once. */
  onSettled(attempt: Attempt, result: AttemptResult): void;
}

/** Why an attempt's answer is not wanted any more. */
export type Abandoned = 'client_left' | 'outrun';

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
  /** What came with the stream's end and goes before it. */
  private last: Buffer[] = [];
  private held: Buffer[] = [];
  private streaming = false;
  private settled = false;
  private abortCause: ((provider: string) => Failing) | null = null;
  private readonly candidate: Candidate;

  /** @param index its place among the attempts of its request */
  constructor(
    readonly id: Uuid,
    readonly index: number,
    readonly turn: Turn,
    private readonly request: Decided,
    private readonly reply: Reply,
    private readonly deps: AttemptDeps,
    private readonly owner: AttemptOwner,
  ) {
    this.candidate = turn.candidate;
    this.startedAt = deps.now();
  }

  /** It has been sent. */
  drivenBy(control: UpstreamControl): void {
    this.control = control;
  }

  /** It will not be sent. `answer`: what the client is told, if it is told anything. */
  notSent(answer: Answer): void {
    this.finish({ status: 'failed', httpStatus: null, code: NOT_SENT, answer, retry: null, verdict: UNKNOWN });
  }

  /** Nobody waits for it any more: the provider is told at once, so that it stops generating, and it is over at once. */
  abandon(why: Abandoned): void {
    if (this.settled) return;
    const { control } = this;
    if (control === null) return this.notSent({ kind: 'nobody' });
    this.settled = true;
    control.abort();
    if (why === 'client_left') this.finish({ status: 'aborted', httpStatus: 499, code: 'client_closed_request', answer: { kind: 'nobody' }, retry: null, verdict: UNKNOWN });
    else this.finish({ status: 'interrupted', httpStatus: this.status === 0 ? null : this.status, code: 'hedge_lost', answer: { kind: 'nobody' }, retry: null, verdict: UNKNOWN });
  }

  onHead(status: number, headers: UpstreamHeaders): void {
    if (this.settled) return;
    this.status = status;
    this.headers = headers;
    if (!isSuccess(status)) return;
    const type = headers['content-type'];
    if (this.request.call.stream && typeof type === 'string' && type.includes('text/event-stream')) this.relay = this.candidate.wire.createRelay(this.request);
    this.owner.onAnswering(this);
  }

  onData(chunk: Buffer): void {
    if (this.settled) return;
    this.size += chunk.length;
    if (this.relay === null) {
      if (this.size > this.deps.limits.maxResponseBytes) return this.abort(tooLarge);
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
    const { abortCause } = this;
    const failing = abortCause === null ? brokenOff(failure, name) : abortCause(name);
    // A caller's own haste says nothing against the provider: it must not close it to other customers.
    const hasty = this.request.ownDeadline && this.deps.now() >= this.request.deadlineAt - TIMER_SLACK_MS;
    this.fail(hasty ? { ...failing, verdict: UNKNOWN } : failing);
  }

  /** Ends a call whose answer cannot be used. */
  private abort(cause: (provider: string) => Failing): void {
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
      return this.abort(malformed);
    }
    if (!relay.complete) return this.handOut(step);
    // What came with the end leaves with it, in one write. The books are between them, and are done within this turn.
    this.last.push(...step.forward);
    this.held.push(...step.hold);
    this.endStream(relay);
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
    this.owner.onStreamStart(this.upstream());
  }

  private keepForCounting(bytes: Buffer): void {
    if (this.size <= MAX_KEPT_STREAM_BYTES) this.chunks.push(bytes);
    else this.chunks = [];
  }

  private endStream(relay: StreamRelay): void {
    try {
      if (!relay.complete) this.handOut(relay.finish());
    } catch {
      return this.fail(malformed(this.candidate.target.provider.name));
    }
    this.settled = true;
    // A stream that ended before anything could be forwarded still has to begin for the client.
    this.beginStream();
    const answer: Answer = { kind: 'stream_end', last: this.last, rest: this.held, complete: relay.complete && !relay.failed };
    if (relay.usage !== null) return this.known(relay.usage, 'provider', answer);
    if (relay.failed || this.chunks.length === 0) return this.unknown(relay.failed ? 'upstream_stream_error' : 'usage_missing', answer);
    void this.estimate({ sse: Buffer.concat(this.chunks) }, answer);
  }

  private endWhole(): void {
    let whole;
    try {
      whole = this.candidate.wire.readWhole(this.request, this.chunks);
    } catch {
      return this.fail(malformed(this.candidate.target.provider.name));
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
      // A 403 is about what was asked for: asked often enough by one customer, it must not close the provider to the others.
      const verdict = status === 403 ? UNKNOWN : FAILED;
      return this.fail({ status: 'failed', code: 'upstream_auth_failed', refusal: refusals.upstreamRejectedPlatformKey(target.provider.name), retry: null, verdict, elsewhere: true });
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
    this.tell(this.outcome('final', this.status, null, usage, usageSource), answer, null, HEALTHY);
  }

  private unknown(errorCode: string, answer: Answer): void {
    this.tell(this.outcome('interrupted', this.status, errorCode, null, 'unknown'), answer, null, HEALTHY);
  }

  private fail({ status, code, refusal, retry, verdict = FAILED, elsewhere = false }: Failing): void {
    const retryAfter = this.headers['retry-after'];
    const answer: Answer = this.streaming ? { kind: 'stream_error', refusal } : { kind: 'refusal', refusal, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
    this.finish({ status, httpStatus: this.status === 0 ? null : this.status, code, answer, retry, verdict, elsewhere });
  }

  private finish(end: { status: 'failed' | 'interrupted' | 'aborted'; httpStatus: number | null; code: string; answer: Answer; retry: AttemptEnd | null; verdict: TargetVerdict; elsewhere?: boolean }): void {
    this.settled = true;
    const usageSource = end.status === 'failed' ? 'none' : 'unknown';
    this.tell(this.outcome(end.status, end.httpStatus, end.code, null, usageSource), end.answer, end.retry, end.verdict, end.elsewhere);
  }

  private tell(outcome: AttemptOutcome, answer: Answer, retry: AttemptEnd | null, verdict: TargetVerdict, better = false): void {
    const open = !this.streaming && answer.kind !== 'nobody';
    // A model that one provider does not have another may have, which says nothing against the first.
    const elsewhere = open && (verdict.kind === 'failed' || verdict.kind === 'saturated' || outcome.httpStatus === 404 || better);
    this.owner.onSettled(this, { outcome, answer, retry: open ? retry : null, elsewhere, verdict });
  }

  private upstream(): Upstream {
    return { candidate: this.candidate, headers: this.headers, ignored: this.turn.call.ignored };
  }

  private outcome(status: AttemptOutcome['status'], httpStatus: number | null, errorCode: string | null, usage: TokenUsage | null, usageSource: AttemptOutcome['usageSource']): AttemptOutcome {
    const { target, credential } = this.candidate;
    const told = this.headers['x-request-id'] ?? this.headers['request-id'];
    const providerRequestId = typeof told === 'string' ? told.slice(0, 128) : null;
    return { attemptId: this.id, target, startedAt: this.startedAt, endedAt: this.deps.now(), status, httpStatus, errorCode, providerRequestId, usage, usageSource, keyOwner: credential.owner };
  }
}

const HEALTHY: TargetVerdict = { kind: 'healthy' };
const FAILED: TargetVerdict = { kind: 'failed' };
const UNKNOWN: TargetVerdict = { kind: 'unknown' };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** A request that is wrong says nothing against the provider. */
function verdictOf(status: number, retryAfterMs: number | null): TargetVerdict {
  if (status === 429 || status === 529) return { kind: 'saturated', retryAfterMs };
  return status >= 500 || status === 408 ? FAILED : HEALTHY;
}
