import { newId } from '@apex/common';
import { type PriceBook, type UpstreamClient, planRetry } from '@apex/llm';
import { type TokenUsage, type UsageRecorder } from '@apex/usage';
import { type Reply } from '../../ports/reply.js';
import { Attempt, type AttemptResult } from '../attempt.js';
import { refusals } from '../refusals.js';
import { type Answer, type AttemptOutcome, type Decided, type Executed, type UpstreamHeaders } from '../types.js';
import { attributeOpen } from './05-attribute.js';

export interface ExecuteLimits {
  readonly maxAttempts: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface ExecuteDeps {
  readonly upstream: Pick<UpstreamClient, 'call'>;
  readonly recorder: UsageRecorder;
  readonly prices: PriceBook;
  readonly limits: ExecuteLimits;
  readonly now: () => number;
  readonly random: () => number;
  /** Runs something later; the result cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly estimateUsage: (request: Decided, answer: { json?: unknown; sse?: Buffer }) => Promise<TokenUsage | null>;
  /** Sends the head of a streamed answer. */
  readonly startStream: (request: Decided, reply: Reply, upstream: UpstreamHeaders) => void;
}

/** Calls the provider, again where that can help, until there is an answer, no time, or nobody who waits for it. */
export class Execution {
  private readonly outcomes: AttemptOutcome[] = [];
  private attempt: Attempt | null = null;
  private cancelWait: (() => void) | null = null;
  private firstByteAt: number | null = null;
  private gone = false;

  constructor(
    private readonly request: Decided,
    private readonly reply: Reply,
    private readonly deps: ExecuteDeps,
    private readonly done: (executed: Executed, answer: Answer) => void,
  ) {}

  start(): void {
    this.reply.onGone(() => this.onClientGone());
    this.open();
  }

  /** The provider is called only once the books know that it will be. */
  private open(): void {
    const attempt = new Attempt(
      newId(),
      this.request,
      this.reply,
      {
        now: this.deps.now,
        maxResponseBytes: this.deps.limits.maxResponseBytes,
        estimateUsage: this.deps.estimateUsage,
        onStreamStart: (headers) => {
          this.firstByteAt = this.deps.now();
          this.deps.startStream(this.request, this.reply, headers);
        },
      },
      (result) => this.onResult(result),
    );
    const opening: AttemptOutcome = {
      attemptId: attempt.id,
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
      this.send(attempt);
    });
  }

  private send(attempt: Attempt): void {
    const { request, deps } = this;
    const left = Math.max(1, request.deadlineAt - deps.now());
    this.attempt = attempt;
    attempt.drivenBy(
      deps.upstream.call(
        {
          origin: request.provider.origin,
          path: request.provider.basePath + upstreamPaths[request.surface],
          method: 'POST',
          headers: upstreamHeaders(request, attempt.id),
          body: request.upstreamBody,
          firstByteTimeoutMs: Math.min(deps.limits.firstByteTimeoutMs, left),
          idleTimeoutMs: deps.limits.idleTimeoutMs,
        },
        attempt,
      ),
    );
  }

  private onResult({ outcome, answer, retry }: AttemptResult): void {
    this.attempt = null;
    this.outcomes.push(outcome);
    if (retry !== null && !this.gone) {
      const { deps } = this;
      const plan = planRetry({
        attemptNo: this.outcomes.length,
        maxAttempts: deps.limits.maxAttempts,
        outcome: retry,
        nowMs: deps.now(),
        deadlineMs: this.request.deadlineAt,
        random: deps.random(),
      });
      if (plan.retry) {
        this.cancelWait = deps.after(plan.delayMs, () => {
          this.cancelWait = null;
          this.open();
        });
        return;
      }
    }
    this.finish(outcome.status, answer, outcome.errorCode);
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

  private finish(last: AttemptOutcome['status'], answer: Answer, errorCode: string | null): void {
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

const upstreamPaths: Readonly<Record<Decided['surface'], string>> = {
  'chat.completions': '/chat/completions',
  embeddings: '/embeddings',
};

/** Headers of the client that mean something to the provider when the key is the client's own. */
const OWN_KEY_HEADERS = ['openai-organization', 'openai-project', 'openai-beta'] as const;

function upstreamHeaders(request: Decided, attemptId: string): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: request.call.stream ? 'text/event-stream' : 'application/json',
    authorization: `Bearer ${request.credential.apiKey}`,
    // OpenAI logs it with the request; it is how a provider's usage export is matched with ours.
    'x-client-request-id': attemptId,
    'user-agent': 'netra-apex',
  };
  if (request.credential.owner === 'customer') {
    for (const name of OWN_KEY_HEADERS) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
  }
  return headers;
}
