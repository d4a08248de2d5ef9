import { newId } from '@apex/common';
import { type AttemptEnd, type PriceBook, type UpstreamClient, planRetry } from '@apex/llm';
import { type TokenUsage, type UsageRecorder } from '@apex/usage';
import { type Reply } from '../../ports/reply.js';
import { Attempt, type AttemptResult } from '../attempt.js';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { type TargetBoard } from '../resilience/target-board.js';
import { type TargetVerdict } from '../resilience/target-health.js';
import { type Answer, type AttemptOutcome, type Candidate, type Decided, type Executed, type Upstream } from '../types.js';
import { type EncodedCall } from '../wire/wire.js';
import { attributeOpen } from './05-attribute.js';

export interface ExecuteLimits {
  /** Attempts on one target. */
  readonly maxAttempts: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface ExecuteDeps {
  readonly upstream: Pick<UpstreamClient, 'call'>;
  readonly board: TargetBoard;
  readonly recorder: UsageRecorder;
  readonly prices: PriceBook;
  readonly limits: ExecuteLimits;
  readonly now: () => number;
  readonly random: () => number;
  /** Runs something later; the result cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly estimateUsage: (request: Decided, candidate: Candidate, answer: { json?: unknown; sse?: Buffer }) => Promise<TokenUsage | null>;
  /** Sends the head of a streamed answer. */
  readonly startStream: (request: Decided, reply: Reply, upstream: Upstream) => void;
}

/** The target whose turn it is. */
interface Turn {
  readonly candidate: Candidate;
  readonly call: EncodedCall;
  readonly release: (verdict: TargetVerdict, nowMs: number) => void;
  attempts: number;
}

/**
 * Gets an answer: from the best target, from the next one where that may do better, from the same again where there is
 * no other, until there is no time or nobody who waits for it.
 */
export class Execution {
  private readonly outcomes: AttemptOutcome[] = [];
  private waiting: Candidate[];
  private turn: Turn | null = null;
  private attempt: Attempt | null = null;
  private cancelWait: (() => void) | null = null;
  private firstByteAt: number | null = null;
  private gone = false;

  constructor(
    private readonly request: Decided,
    private readonly reply: Reply,
    private readonly deps: ExecuteDeps,
    private readonly done: (executed: Executed, answer: Answer) => void,
  ) {
    this.waiting = deps.board.order(request.candidates, deps.now(), deps.random);
  }

  start(): void {
    this.reply.onGone(() => this.onClientGone());
    const refusal = this.nextTurn();
    if (refusal === null) return this.open();
    const { request, deps } = this;
    const none = refusal === 'none' ? refusals.noneAvailable(deps.board.retryAfterSeconds(request.candidates, deps.now())) : refusal;
    this.finish('denied', { kind: 'refusal', refusal: none, retryAfter: null }, none.code);
  }

  /**
   * Takes the next target that can be asked for this. Null: there is one now. Else why there is none: nothing was left,
   * or, where nothing else was tried, what the first one could not be asked for.
   */
  private nextTurn(): Refusal | 'none' | null {
    let inexpressible: Refusal | null = null;
    const { board, now } = this.deps;
    for (let candidate = this.waiting.shift(); candidate !== undefined; candidate = this.waiting.shift()) {
      if (!board.isAvailable(candidate, now())) continue;
      const encoded = candidate.wire.encode(this.request, candidate.target);
      if (encoded.ok) {
        this.turn = { candidate, call: encoded.call, release: board.begin(candidate.target), attempts: 0 };
        return null;
      }
      inexpressible ??= encoded.refusal;
    }
    return inexpressible ?? 'none';
  }

  /** The provider is called only once the books know that it will be. */
  private open(): void {
    const turn = this.turn!;
    turn.attempts++;
    const attempt = new Attempt(
      newId(),
      this.request,
      turn.candidate,
      turn.call.ignored,
      this.reply,
      {
        now: this.deps.now,
        maxResponseBytes: this.deps.limits.maxResponseBytes,
        estimateUsage: this.deps.estimateUsage,
        onStreamStart: (upstream) => {
          this.firstByteAt = this.deps.now();
          this.deps.startStream(this.request, this.reply, upstream);
        },
      },
      (result) => this.onResult(turn, result),
    );
    const opening: AttemptOutcome = {
      attemptId: attempt.id,
      target: turn.candidate.target,
      startedAt: attempt.startedAt,
      endedAt: attempt.startedAt,
      status: 'interrupted',
      httpStatus: null,
      errorCode: 'process_died',
      providerRequestId: null,
      usage: null,
      usageSource: 'unknown',
    };
    this.deps.recorder.open(attributeOpen(this.request, this.outcomes, opening, this.deps.prices), (error) => {
      const never: AttemptOutcome = { ...opening, status: 'failed', usageSource: 'none', endedAt: this.deps.now(), errorCode: 'not_sent' };
      if (error !== undefined) {
        this.outcomes.push(never);
        return this.finish('failed', { kind: 'refusal', refusal: refusals.recordingUnavailable(), retryAfter: null }, 'recording_unavailable');
      }
      if (this.gone) {
        this.outcomes.push(never);
        return this.finish('aborted', { kind: 'nobody' }, 'client_closed_request');
      }
      this.send(turn, attempt);
    });
  }

  private send({ candidate, call }: Turn, attempt: Attempt): void {
    const { request, deps } = this;
    const { provider } = candidate.target;
    const left = Math.max(1, request.deadlineAt - deps.now());
    this.attempt = attempt;
    attempt.drivenBy(
      deps.upstream.call(
        {
          origin: provider.origin,
          path: provider.basePath + provider.kind.path(call.operation),
          method: 'POST',
          headers: upstreamHeaders(request, candidate, attempt.id),
          body: call.body,
          firstByteTimeoutMs: Math.min(deps.limits.firstByteTimeoutMs, left),
          idleTimeoutMs: deps.limits.idleTimeoutMs,
        },
        attempt,
      ),
    );
  }

  private onResult(turn: Turn, result: AttemptResult): void {
    const { outcome, answer } = result;
    this.attempt = null;
    this.outcomes.push(outcome);
    if (!this.gone && this.goesOn(turn, result)) return;
    this.release(result.verdict);
    this.finish(outcome.status, answer, outcome.errorCode);
  }

  /** Another target at once, or the same one after a while; false: this answer is the last. */
  private goesOn(turn: Turn, { retry, elsewhere, verdict }: AttemptResult): boolean {
    const { deps, request } = this;
    if (elsewhere && this.waiting.length > 0 && deps.now() < request.deadlineAt) {
      this.release(verdict);
      if (this.nextTurn() === null) {
        this.open();
        return true;
      }
      return false;
    }
    const delayMs = retry === null ? null : this.delayBefore(turn, retry);
    if (delayMs === null) return false;
    this.cancelWait = deps.after(delayMs, () => {
      this.cancelWait = null;
      this.open();
    });
    return true;
  }

  private delayBefore(turn: Turn, outcome: AttemptEnd): number | null {
    const { deps } = this;
    const plan = planRetry({
      attemptNo: turn.attempts,
      maxAttempts: deps.limits.maxAttempts,
      outcome,
      nowMs: deps.now(),
      deadlineMs: this.request.deadlineAt,
      random: deps.random(),
    });
    return plan.retry ? plan.delayMs : null;
  }

  private onClientGone(): void {
    this.gone = true;
    this.attempt?.abandon();
    if (this.cancelWait !== null) {
      this.cancelWait();
      this.cancelWait = null;
      this.finish('aborted', { kind: 'nobody' }, 'client_closed_request');
    }
  }

  private release(verdict: TargetVerdict): void {
    this.turn?.release(verdict, this.deps.now());
    this.turn = null;
  }

  private finish(last: Executed['status'], answer: Answer, errorCode: string | null): void {
    this.release({ kind: 'unknown' });
    // One attempt whose bill is unknown makes the request's bill unknown, whatever the client got.
    const unsure = this.outcomes.some((attempt) => attempt.usageSource === 'unknown');
    const endedAt = this.deps.now();
    this.done(
      {
        request: this.request,
        attempts: this.outcomes,
        status: unsure && last !== 'aborted' ? 'interrupted' : last,
        httpStatus: answeredStatus(answer),
        errorCode,
        firstByteAt: this.firstByteAt ?? (answer.kind === 'whole' ? endedAt : null),
        endedAt,
      },
      answer,
    );
  }
}

function answeredStatus(answer: Answer): number {
  switch (answer.kind) {
    case 'whole':
      return answer.status;
    case 'refusal':
      return answer.refusal.httpStatus;
    case 'stream_end':
    case 'stream_error':
      return 200;
    case 'nobody':
      // nginx' "client closed request"; no such status ever goes over the wire.
      return 499;
  }
}

function upstreamHeaders(request: Decided, { target, credential, wire }: Candidate, attemptId: string): Record<string, string> {
  const { kind, keyless } = target.provider;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: request.call.stream ? 'text/event-stream' : 'application/json',
    ...(keyless && credential.apiKey === '' ? {} : kind.headers(credential.apiKey)),
    // OpenAI logs it with the request; it is how a provider's usage export is matched with ours.
    'x-client-request-id': attemptId,
    'user-agent': 'netra-apex',
  };
  if (credential.owner === 'customer' && wire.passthrough) {
    for (const name of kind.passedHeaders) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
  }
  return headers;
}
