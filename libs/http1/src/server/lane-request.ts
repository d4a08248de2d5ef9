import { type RequestHead } from '../core/request-head.js';

/** What a request's body turned out to be. `gone`: the client left before it was complete. */
export type LaneBody = { readonly kind: 'body'; readonly body: Buffer } | { readonly kind: 'too_large'; readonly limit: number } | { readonly kind: 'gone' };

/** The connection, as the reader of a request sees it. */
export interface RequestCarrier {
  readonly maxBodyBytes: number;
  /** Reading stops, for what has come is not wanted yet; or goes on. */
  hold(): void;
  flow(): void;
  /** More is sent of a body that nobody wants than is let in. */
  cut(): void;
}

/** What is read and thrown away of a body that nobody wants, so that the refusal reaches a client that is still sending. */
const DISCARD_BYTES = 1024 * 1024;
/** What is kept of a body before anybody has asked for it. */
const UNREAD_BYTES = 64 * 1024;
/** Up to here a body's memory is taken as a whole; what announces more is believed as it comes. */
const WHOLE_BYTES = 256 * 1024;
const EMPTY = Buffer.alloc(0);

/** The half of an exchange that comes in: a canonical head, and a body of the length that it announces. */
export class LaneRequest<C extends RequestCarrier> {
  readonly method: 'GET' | 'POST';
  /** As it was sent. */
  readonly url: string;
  /** As node:http tells them; no name came twice. */
  readonly headers: RequestHead['headers'];
  /** Bytes of the body that have not come yet. */
  missing: number;

  private readonly announced: number;
  private use: 'unread' | 'read' | 'discarded' = 'unread';
  private whole: Buffer | null = null;
  private parts: Buffer[] | null = null;
  private size = 0;
  private onBody: ((outcome: LaneBody) => void) | null = null;
  private left = false;

  constructor(
    protected readonly carrier: C,
    head: RequestHead,
  ) {
    this.method = head.method;
    this.url = head.url;
    this.headers = head.headers;
    this.announced = this.missing = head.bodyLength;
  }

  /** Calls back exactly once, with at most as many bytes as the lane takes; at once if all of them are there. */
  read(done: (outcome: LaneBody) => void): void {
    const limit = this.carrier.maxBodyBytes;
    if (this.announced > limit) {
      this.discard();
      return done({ kind: 'too_large', limit });
    }
    if (this.missing === 0) return done({ kind: 'body', body: this.take() });
    if (this.left) return done({ kind: 'gone' });
    this.use = 'read';
    this.onBody = done;
    this.carrier.flow();
  }

  /** Nobody wants the body. Of what still comes a mebibyte is let in; then the connection is cut. */
  discard(): void {
    this.use = 'discarded';
    this.whole = this.parts = null;
    this.carrier.flow();
  }

  /** The next bytes of the body, which are copied; the connection gives no more than are missing. */
  feed(bytes: Buffer): void {
    const at = this.size;
    this.missing -= bytes.length;
    this.size += bytes.length;
    if (this.use === 'discarded') {
      if (this.size > DISCARD_BYTES) this.carrier.cut();
      return;
    }
    if (this.announced <= WHOLE_BYTES) bytes.copy((this.whole ??= Buffer.allocUnsafe(this.announced)), at);
    else (this.parts ??= []).push(Buffer.from(bytes));
    if (this.use === 'unread') {
      if (this.size > UNREAD_BYTES && this.missing > 0) this.carrier.hold();
      return;
    }
    if (this.missing === 0) this.settle({ kind: 'body', body: this.take() });
  }

  /** The answer is out, and nobody has asked for the body. */
  protected discardUnread(): void {
    if (this.use === 'unread' && this.missing > 0) this.discard();
  }

  /** The client has left. */
  protected abandonBody(): void {
    this.left = true;
    if (this.missing > 0) this.settle({ kind: 'gone' });
  }

  private settle(outcome: LaneBody): void {
    const done = this.onBody;
    this.onBody = null;
    done?.(outcome);
  }

  private take(): Buffer {
    const { whole, parts, size } = this;
    this.whole = this.parts = null;
    return parts !== null ? Buffer.concat(parts, size) : (whole ?? EMPTY);
  }
}
