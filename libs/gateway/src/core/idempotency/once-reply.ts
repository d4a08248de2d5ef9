import { type Lease } from '../../ports/idempotency-store.js';
import { type Reply } from '../../ports/reply.js';
import { MAX_KEPT_BYTES } from './kept-answer.js';

/**
 * The reply to a request that holds a key: what goes to the client is noted, and at its end either kept for a replay or
 * forgotten. A client that leaves once the answer is complete will come back for it, so the answer is kept for it too.
 */
export class OnceReply implements Reply {
  /** It is the key's reply as well: there is always somebody. */
  readonly gone = false;
  private status = 0;
  private headers: readonly string[] = [];
  private streamed = false;
  private parts: Buffer[] = [];
  private size = 0;

  constructor(
    private readonly client: Reply,
    private readonly lease: Lease,
    private readonly maxBytes = MAX_KEPT_BYTES,
  ) {}

  /** What comes now is no answer to be kept: the key is free before the client hears of it. */
  release(): void {
    this.lease.release();
  }

  onGone(listener: () => void): void {
    this.client.onGone(listener);
  }

  send(status: number, headers: string[], body: readonly Buffer[]): void {
    this.note(status, headers);
    for (const part of body) this.take(part);
    this.finish(() => this.client.send(status, headers, body));
  }

  head(status: number, headers: string[]): void {
    this.note(status, headers);
    this.streamed = true;
    this.client.head(status, headers);
  }

  write(chunk: Buffer): boolean {
    this.take(chunk);
    return this.client.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.client.onDrain(listener);
  }

  end(chunk?: Buffer): void {
    if (chunk !== undefined) this.take(chunk);
    this.finish(() => this.client.end(chunk));
  }

  private note(status: number, headers: readonly string[]): void {
    this.status = status;
    // The connection adds headers of its own to the list it is given.
    this.headers = [...headers];
  }

  private take(part: Buffer): void {
    this.size += part.length;
    if (this.size <= this.maxBytes) this.parts.push(part);
    else this.parts = [];
  }

  private finish(hand: () => void): void {
    // A refusal that nobody has foreseen.
    if (this.status < 200 || this.status >= 300) this.lease.release();
    try {
      hand();
    } catch (error) {
      this.lease.release();
      throw error;
    }
    const { status, headers, streamed } = this;
    this.lease.keep(this.size > this.maxBytes ? null : { status, headers, streamed, body: Buffer.concat(this.parts, this.size) });
  }
}
