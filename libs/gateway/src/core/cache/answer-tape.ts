import { type Reply } from '../../ports/reply.js';
import { type Answer, type Executed } from '../types.js';
import { isComplete } from '../idempotency/kept-answer.js';
import { MAX_CACHED_BYTES } from './exact-cache.js';
import { type Flight, type Recorded } from './flight.js';

/**
 * The reply to a request whose answer may be kept: notes what of a stream goes to the client, with its boundaries. It holds
 * on to the client as well while nobody executes: `onGone` may be called again, and the last listener counts.
 */
export class AnswerTape implements Reply {
  private listener: (() => void) | null = null;
  private contentType: string | null = null;
  private ignored: readonly string[] = [];
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(
    private readonly client: Reply,
    private readonly maxBytes = MAX_CACHED_BYTES,
  ) {
    client.onGone(() => this.listener?.());
  }

  get gone(): boolean {
    return this.client.gone;
  }

  onGone(listener: () => void): void {
    this.listener = listener;
  }

  send(status: number, headers: string[], body: readonly Buffer[]): void {
    this.client.send(status, headers, body);
  }

  head(status: number, headers: string[]): void {
    const type = headerOf(headers, 'content-type');
    this.contentType = type === null ? null : lasting(type);
    this.ignored = headerOf(headers, 'x-apex-ignored')?.split(',') ?? [];
    this.client.head(status, headers);
  }

  write(chunk: Buffer): boolean {
    this.note(chunk);
    return this.client.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.client.onDrain(listener);
  }

  end(chunk?: Buffer): void {
    this.client.end(chunk);
  }

  /** Tells those who wait for it what became of the request. `inBooks`: it could be recorded, and so the client gets its answer. */
  settle(flight: Flight, executed: Executed, answer: Answer, inBooks: boolean): void {
    if (answer.kind === 'nobody') flight.abandon();
    else flight.end(inBooks && isComplete(answer) ? this.recorded(executed, answer) : null);
  }

  /** Null: nothing that could be given again. A fallback's answer is not what was asked for: it must not outlive the outage. */
  private recorded({ request, attempts, target }: Executed, answer: Answer): Recorded | null {
    const winner = attempts.findLast((attempt) => attempt.status === 'final' && attempt.target === target);
    const candidate = request.candidates.find((one) => one.target === target);
    if (winner?.usage == null || candidate === undefined || candidate.isFallback) return null;
    const { usage, usageSource } = winner;
    if (usageSource !== 'provider' && usageSource !== 'tokenizer') return null;
    const by = { usage, usageSource, provider: candidate.target.provider.name, model: candidate.target.model };
    if (answer.kind === 'whole') {
      const type = answer.upstream.headers['content-type'];
      const { ignored } = answer.upstream;
      return { ...by, status: answer.status, contentType: typeof type === 'string' ? lasting(type) : null, streamed: false, chunks: answer.body, ignored };
    }
    if (answer.kind !== 'stream_end') return null;
    for (const part of answer.last) this.note(part);
    // What was kept back for the books is the last chunk: it goes out as one.
    if (answer.rest.length > 0) this.note(answer.rest.length === 1 ? answer.rest[0]! : Buffer.concat(answer.rest));
    return this.size > this.maxBytes ? null : { ...by, status: 200, contentType: this.contentType, streamed: true, chunks: this.chunks, ignored: this.ignored };
  }

  private note(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size <= this.maxBytes) this.chunks.push(chunk);
    else this.chunks = [];
  }
}

/** A header's value is a slice of its head, all of which it would keep. Nearly all are one of these. */
const lasting = (type: string): string => TYPES.find((known) => known === type) ?? Buffer.from(type).toString();
const TYPES = ['application/json', 'text/event-stream', 'application/json; charset=utf-8', 'text/event-stream; charset=utf-8'];

function headerOf(headers: readonly string[], name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]!;
  return null;
}
