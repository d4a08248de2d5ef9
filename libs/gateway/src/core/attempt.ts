import { type Uuid } from '@apex/common';
import { type AttemptEnd, type UpstreamControl, type UpstreamEvents, type UpstreamFailure, parseRetryAfter, parseShouldRetry, readOpenAiUsage } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type Reply } from '../ports/reply.js';
import { readUsageTail } from './json/usage-tail.js';
import { refusals } from './refusals.js';
import { ChatReader } from './sse/chat-reader.js';
import { SseRelay } from './sse/sse-relay.js';
import { type Answer, type AttemptOutcome, type Decided, type Refusal, type UpstreamHeaders } from './types.js';

/** An answer without usage is counted from these bytes; beyond this many they are let go and the count stays unknown. */
const MAX_KEPT_STREAM_BYTES = 1024 * 1024;

export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  readonly answer: Answer;
  /** What a retry would have to know; null where trying again is out of the question. */
  readonly retry: AttemptEnd | null;
}

export interface AttemptDeps {
  readonly now: () => number;
  readonly maxResponseBytes: number;
  /** Counts tokens of an answer whose provider told none. */
  readonly estimateUsage: (request: Decided, answer: { json?: unknown; sse?: Buffer }) => Promise<TokenUsage | null>;
  /** The first byte goes to the client: from here on there is no second attempt. */
  readonly onStreamStart: (headers: UpstreamHeaders) => void;
}

/**
 * One call to the provider: reads what comes, passes a stream on as it comes, and says at the end what is known.
 * It settles exactly once, whatever order of head, data, end, failure and abort it sees.
 */
export class Attempt implements UpstreamEvents {
  readonly startedAt: number;
  private control: UpstreamControl | null = null;
  private status = 0;
  private headers: UpstreamHeaders = {};
  private chunks: Buffer[] = [];
  private size = 0;
  private relay: SseRelay | null = null;
  private arrived: Buffer[] = [];
  private held: Buffer[] = [];
  private streaming = false;
  private settled = false;
  private abortCause: 'client' | 'too_large' | null = null;

  constructor(
    readonly id: Uuid,
    private readonly request: Decided,
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
      this.relay = new SseRelay(new ChatReader(this.request.stripUsageChunk));
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
    const { provider } = this.request;
    if (this.abortCause === 'client') return this.finish('aborted', 499, 'client_closed_request', null, { kind: 'nobody' }, null);
    if (this.abortCause === 'too_large') return this.fail('interrupted', 'upstream_response_too_large', refusals.upstreamTooLarge(provider.name), null);
    switch (failure) {
      case 'connect_failed':
      case 'connect_timeout':
        // The provider never saw the request: nothing is billed, and that is known.
        return this.fail('failed', failure, refusals.upstreamUnreachable(provider.name), { kind: 'connect_error' });
      case 'first_byte_timeout':
      case 'idle_timeout':
        return this.fail('interrupted', failure, refusals.upstreamTimeout(provider.name), { kind: 'timeout' });
      case 'reset':
      case 'aborted':
        return this.fail('interrupted', `upstream_${failure}`, refusals.upstreamInterrupted(provider.name), { kind: 'reset' });
      case 'protocol':
        return this.fail('interrupted', 'upstream_malformed_response', refusals.upstreamMalformed(provider.name), null);
    }
  }

  private abort(cause: 'client' | 'too_large'): void {
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
    let step;
    try {
      step = relay.push(bytes);
    } catch {
      return this.abort('too_large');
    }
    if (step.forward.length > 0) this.forward(step.forward);
    if (step.hold.length > 0) this.held.push(...step.hold);
    if (relay.complete) this.endStream(relay);
  }

  private forward(parts: readonly Buffer[]): void {
    if (!this.streaming) {
      this.streaming = true;
      this.deps.onStreamStart(this.headers);
    }
    let flowing = true;
    for (const part of parts) flowing = this.reply.write(part);
    if (flowing || this.control === null) return;
    const { control } = this;
    control.pause();
    this.reply.onDrain(() => control.resume());
  }

  private keepForCounting(chunk: Buffer): void {
    if (this.size <= MAX_KEPT_STREAM_BYTES) this.chunks.push(chunk);
    else this.chunks = [];
  }

  private endStream(relay: SseRelay): void {
    this.settled = true;
    this.held.push(...relay.finish().hold);
    // A stream that ended before anything could be forwarded still has to begin for the client.
    if (!this.streaming) {
      this.streaming = true;
      this.deps.onStreamStart(this.headers);
    }
    const answer: Answer = { kind: 'stream_end', rest: this.held };
    if (relay.usage !== null) return this.known(relay.usage, 'provider', answer);
    if (relay.failed || this.chunks.length === 0) return this.unknown('usage_missing', answer);
    void this.estimate({ sse: Buffer.concat(this.chunks) }, answer);
  }

  private endWhole(): void {
    const answer: Answer = { kind: 'whole', status: this.status, headers: this.headers, body: this.chunks };
    const last = this.chunks.at(-1);
    const fromTail = last === undefined ? null : readOpenAiUsage(readUsageTail(last));
    if (fromTail !== null) {
      this.settled = true;
      return this.known(fromTail, 'provider', answer);
    }
    let json: { usage?: unknown };
    try {
      json = JSON.parse(Buffer.concat(this.chunks).toString('utf8')) as typeof json;
    } catch {
      return this.fail('interrupted', 'upstream_malformed_response', refusals.upstreamMalformed(this.request.provider.name), null);
    }
    this.settled = true;
    const usage = readOpenAiUsage(json?.usage);
    if (usage !== null) return this.known(usage, 'provider', answer);
    void this.estimate({ json }, answer);
  }

  private endWithError(): void {
    const { provider, credential } = this.request;
    const { status } = this;
    const retryAfterMs = parseRetryAfter(this.headers, this.deps.now());
    const retry: AttemptEnd = { kind: 'status', status, retryAfterMs, shouldRetry: parseShouldRetry(this.headers) };
    if (status < 400) return this.fail('failed', 'upstream_malformed_response', refusals.upstreamMalformed(provider.name), null);
    // A platform key that is refused is our secret and our fault: neither its trace nor a 401 may reach the client.
    if ((status === 401 || status === 403) && credential.owner === 'platform') {
      return this.fail('failed', 'upstream_auth_failed', refusals.upstreamRejectedPlatformKey(provider.name), null);
    }
    const type = this.headers['content-type'];
    if (typeof type === 'string' && type.includes('json')) {
      const answer: Answer = { kind: 'whole', status, headers: this.headers, body: this.chunks };
      return this.finish('failed', status, `upstream_${status}`, null, answer, retry);
    }
    const refusal: Refusal = { httpStatus: status, type: 'upstream_error', code: 'upstream_error', message: `The provider '${provider.name}' answered with status ${status}.`, param: null };
    this.fail('failed', `upstream_${status}`, refusal, retry);
  }

  private async estimate(answered: { json?: unknown; sse?: Buffer }, answer: Answer): Promise<void> {
    const usage = await this.deps.estimateUsage(this.request, answered).catch(() => null);
    if (usage === null) this.unknown('usage_missing', answer);
    else this.known(usage, 'tokenizer', answer);
  }

  private known(usage: TokenUsage, usageSource: 'provider' | 'tokenizer', answer: Answer): void {
    this.settle({ outcome: { ...this.base(), status: 'final', httpStatus: this.status, errorCode: null, usage, usageSource }, answer, retry: null });
  }

  private unknown(errorCode: string, answer: Answer): void {
    this.settle({ outcome: { ...this.base(), status: 'interrupted', httpStatus: this.status, errorCode, usage: null, usageSource: 'unknown' }, answer, retry: null });
  }

  private fail(status: 'failed' | 'interrupted', errorCode: string, refusal: Refusal, retry: AttemptEnd | null): void {
    const retryAfter = this.headers['retry-after'];
    const answer: Answer = this.streaming
      ? { kind: 'stream_error', refusal }
      : { kind: 'refusal', refusal, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
    this.finish(status, this.status === 0 ? null : this.status, errorCode, null, answer, this.streaming ? null : retry);
  }

  private finish(status: 'failed' | 'interrupted' | 'aborted', httpStatus: number | null, errorCode: string, usage: null, answer: Answer, retry: AttemptEnd | null): void {
    this.settled = true;
    const usageSource = status === 'failed' ? 'none' : 'unknown';
    this.settle({ outcome: { ...this.base(), status, httpStatus, errorCode, usage, usageSource }, answer, retry });
  }

  private base() {
    const id = this.headers['x-request-id'];
    return { attemptId: this.id, startedAt: this.startedAt, endedAt: this.deps.now(), providerRequestId: typeof id === 'string' ? id.slice(0, 128) : null };
  }
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;
