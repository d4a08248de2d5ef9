import { newId } from '@apex/common';
import { type AttemptEnd, type PriceBook, type UpstreamClient, planRetry } from '@apex/llm';
import { type UsageRecorder } from '@apex/usage';
import { type Reply } from '../../ports/reply.js';
import { Attempt, type AttemptDeps, type AttemptOwner, type AttemptResult, NOT_SENT } from '../attempt.js';
import { refusals } from '../refusals.js';
import { type HedgeBudget } from '../resilience/hedge-budget.js';
import { type TargetBoard } from '../resilience/target-board.js';
import { Turn, takeTurn, takeTurnBeside } from '../turn.js';
import { type Answer, type AttemptOutcome, type Candidate, type Decided, type Executed, type Upstream } from '../types.js';
import { upstreamHeaders } from '../upstream-headers.js';
import { attributeOpen } from './05-attribute.js';

export interface ExecuteLimits {
  /** Attempts on one target. */
  readonly maxAttempts: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface ExecuteDeps extends AttemptDeps {
  readonly upstream: Pick<UpstreamClient, 'call'>;
  readonly board: TargetBoard;
  readonly hedges: HedgeBudget;
  readonly recorder: UsageRecorder;
  readonly prices: PriceBook;
  readonly limits: ExecuteLimits;
  readonly random: () => number;
  /** Runs something later; the result cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Sends the head of a streamed answer. */
  readonly startStream: (request: Decided, reply: Reply, upstream: Upstream) => void;
}

/**
 * Gets an answer: from the best target, from the next one where that may do better, from the same again where there is
 * no other, until there is no time or nobody who waits for it.
 *
 * Where the route says so, a call whose answer does not begin in time gets a rival, once: the next target is asked the
 * same. The first good head decides between the two, or the first word that the request is wrong, and the other one is
 * ended; one that merely fails leaves the field to the other.
 */
export class Execution implements AttemptOwner {
  /** In the order in which they began; those under way as the books would have them if this process died. */
  private readonly outcomes: AttemptOutcome[] = [];
  private readonly waiting: Candidate[];
  private attempt: Attempt | null = null;
  private rival: Attempt | null = null;
  private pause: { readonly turn: Turn; readonly cancel: () => void } | null = null;
  private cancelHedge: (() => void) | null = null;
  private hedged = false;
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
    const { request, deps } = this;
    this.reply.onGone(() => this.onClientGone());
    if (request.hedgeAfterMs !== null) deps.hedges.earn(request.call.model);
    const turn = takeTurn(request, this.waiting, deps.board, deps.now());
    if (turn instanceof Turn) return this.open(turn);
    const refusal = turn ?? refusals.noneAvailable(deps.board.retryAfterSeconds(request.candidates, deps.now()));
    this.finish('denied', { kind: 'refusal', refusal, retryAfter: null }, refusal.code, null);
  }

  onAnswering(attempt: Attempt): void {
    this.stopHedge();
    if (this.rival !== null) this.endTheOther(attempt);
  }

  onStreamStart(upstream: Upstream): void {
    this.firstByteAt = this.deps.now();
    this.deps.startStream(this.request, this.reply, upstream);
  }

  onSettled(attempt: Attempt, result: AttemptResult): void {
    const { turn } = attempt;
    const now = this.deps.now();
    this.outcomes[attempt.index] = result.outcome;
    if (!this.isUnderWay(attempt)) return turn.end(result.verdict, now);
    if (this.rival !== null) {
      if (!this.isLastWord(turn, result)) {
        this.attempt = attempt === this.rival ? this.attempt : this.rival;
        this.rival = null;
        return turn.end(result.verdict, now);
      }
      this.endTheOther(attempt);
    }
    this.stopHedge();
    this.attempt = null;
    if (!this.gone && this.goesOn(turn, result)) return;
    turn.end(result.verdict, now);
    this.conclude(result);
  }

  /** Whether a target did its part and found fault with the request itself: alone, it would not be asked again, and nobody else. */
  private isLastWord(turn: Turn, { verdict, elsewhere, retry }: AttemptResult): boolean {
    return verdict.kind === 'healthy' && !elsewhere && (retry === null || this.delayBefore(turn, retry) === null);
  }

  private endTheOther(attempt: Attempt): void {
    const other = attempt === this.rival ? this.attempt : this.rival;
    this.attempt = attempt;
    this.rival = null;
    other?.abandon('outrun');
  }

  private isUnderWay(attempt: Attempt): boolean {
    return attempt === this.attempt || attempt === this.rival;
  }

  /** The provider is called only once the books know that it will be. */
  private open(turn: Turn): void {
    const { request, outcomes, deps } = this;
    turn.attempts++;
    const attempt = new Attempt(newId(), outcomes.length, turn, request, this.reply, deps, this);
    if (this.attempt === null) this.attempt = attempt;
    else this.rival = attempt;
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
      keyOwner: turn.candidate.credential.owner,
    };
    const entry = attributeOpen(request, outcomes, opening, deps.prices);
    outcomes.push(opening);
    deps.recorder.open(entry, (error) => {
      // It was outrun, or the client left, before it could be sent: it is over already.
      if (!this.isUnderWay(attempt)) return;
      if (error === undefined) this.send(attempt);
      else attempt.notSent({ kind: 'refusal', refusal: refusals.recordingUnavailable(), retryAfter: null });
    });
  }

  private send(attempt: Attempt): void {
    const { request, deps } = this;
    const { candidate, call } = attempt.turn;
    const { provider } = candidate.target;
    const left = Math.max(1, request.deadlineAt - deps.now());
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
    if (request.hedgeAfterMs !== null) this.hedgeAfter(request.hedgeAfterMs);
  }

  private hedgeAfter(ms: number): void {
    const { deps, request } = this;
    if (this.hedged || this.waiting.length === 0 || deps.now() + ms >= request.deadlineAt) return;
    this.cancelHedge = deps.after(ms, () => {
      this.cancelHedge = null;
      this.hedge();
    });
  }

  private hedge(): void {
    const { deps, request } = this;
    const { model } = request.call;
    const now = deps.now();
    if (now >= request.deadlineAt || !deps.hedges.allows(model)) return;
    const turn = takeTurnBeside(request, this.waiting, deps.board, now);
    if (turn === null) return;
    deps.hedges.spend(model);
    this.hedged = true;
    this.open(turn);
  }

  private stopHedge(): void {
    if (this.cancelHedge === null) return;
    this.cancelHedge();
    this.cancelHedge = null;
  }

  /** Another target at once, or the same one after a while; false: this answer is the last. */
  private goesOn(turn: Turn, { retry, elsewhere, verdict }: AttemptResult): boolean {
    const { deps, request } = this;
    if (elsewhere && this.waiting.length > 0 && deps.now() < request.deadlineAt) {
      turn.end(verdict, deps.now());
      const next = takeTurn(request, this.waiting, deps.board, deps.now());
      if (!(next instanceof Turn)) return false;
      this.open(next);
      return true;
    }
    const delayMs = retry === null ? null : this.delayBefore(turn, retry);
    if (delayMs === null) return false;
    const cancel = deps.after(delayMs, () => {
      this.pause = null;
      this.open(turn);
    });
    this.pause = { turn, cancel };
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
    this.stopHedge();
    const { pause } = this;
    if (pause !== null) {
      this.pause = null;
      pause.cancel();
      pause.turn.end({ kind: 'unknown' }, this.deps.now());
      return this.finish('aborted', { kind: 'nobody' }, 'client_closed_request', pause.turn.candidate);
    }
    this.rival?.abandon('client_left');
    this.attempt?.abandon('client_left');
  }

  /** This attempt's answer is the request's. */
  private conclude({ outcome, answer }: AttemptResult): void {
    if (answer.kind === 'nobody') this.finish('aborted', answer, 'client_closed_request', outcome);
    else if (answer.kind === 'refusal' && outcome.errorCode === NOT_SENT) this.finish('failed', answer, answer.refusal.code, outcome);
    else this.finish(outcome.status, answer, outcome.errorCode, outcome);
  }

  private finish(status: Executed['status'], answer: Answer, errorCode: string | null, by: Pick<Candidate, 'target'> | null): void {
    // One attempt whose bill is unknown makes the request's bill unknown, whatever the client got.
    const unsure = this.outcomes.some((attempt) => attempt.usageSource === 'unknown');
    const endedAt = this.deps.now();
    this.done(
      {
        request: this.request,
        attempts: this.outcomes,
        target: by === null ? null : by.target,
        status: unsure && status !== 'aborted' ? 'interrupted' : status,
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
