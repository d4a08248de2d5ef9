import { isUtf8 } from 'node:buffer';
import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';

export class BodyTooLarge extends Error {}
export class BodyNotJson extends Error {}
/** The client left; there is nobody to answer. */
export class ClientGone extends Error {}

/** What is thrown away of a body over the limit, so that its sender gets to read the answer. */
const DRAIN_FACTOR = 4;

/** One HTTP request and its response, with what a simulated provider needs: to know when its client has left. */
export class Exchange {
  readonly path: string;
  readonly method: string;
  /** When the request was accepted, on the monotonic clock. */
  readonly acceptedAt = performance.now();
  private left = false;
  private wake: (() => void) | null = null;

  constructor(private readonly request: IncomingMessage, private readonly response: ServerResponse, private readonly onLost: (exchange: Exchange) => void) {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.method = request.method ?? 'GET';
    response.on('close', () => {
      this.left = true;
      if (!response.writableEnded) this.onLost(this);
      this.wake?.();
    });
  }

  get gone(): boolean {
    return this.left;
  }

  get elapsedMs(): number {
    return performance.now() - this.acceptedAt;
  }

  get headersSent(): boolean {
    return this.response.headersSent;
  }

  query(name: string): string | null {
    return new URL(this.request.url ?? '/', 'http://localhost').searchParams.get(name);
  }

  header(name: string): string | null {
    const value = this.request.headers[name];
    return typeof value === 'string' ? value : null;
  }

  /** @throws BodyTooLarge, BodyNotJson (also for invalid UTF-8), ClientGone */
  async readJson(limit: number): Promise<unknown> {
    const body = await this.readBody(limit);
    try {
      if (isUtf8(body)) return JSON.parse(body.toString('utf8')) as unknown;
    } catch {
      // Falls through: both ways of not being JSON are one to the client.
    }
    throw new BodyNotJson();
  }

  private readBody(limit: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      this.request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= limit) chunks.push(chunk);
        else chunks.length = 0;
        if (size > limit * DRAIN_FACTOR) this.destroy();
      });
      this.request.on('end', () => (size > limit ? reject(new BodyTooLarge()) : resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))));
      this.request.on('error', () => reject(new ClientGone()));
      this.response.on('close', () => { if (!this.request.complete) reject(new ClientGone()); });
    });
  }

  /** Waits that long; false if the client left meanwhile. No timer for 0. */
  pause(ms: number): Promise<boolean> {
    if (this.left || ms <= 0) return Promise.resolve(!this.left);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve(!this.left);
      };
      const timer = setTimeout(done, ms);
      this.wake = done;
    });
  }

  /** Lets other connections be served, and this one's end be noticed. False if the client has left. */
  breathe(): Promise<boolean> {
    return new Promise((resolve) => setImmediate(() => resolve(!this.left)));
  }

  /** Waits until the client or its connection goes. */
  untilLost(): Promise<void> {
    return this.left ? Promise.resolve() : new Promise((resolve) => { this.wake = resolve; });
  }

  send(status: number, headers: OutgoingHttpHeaders, body: string): void {
    if (this.left) return;
    this.response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  }

  open(status: number, headers: OutgoingHttpHeaders): void {
    if (!this.left) this.response.writeHead(status, headers);
  }

  /** Writes a piece; waits when the client does not keep up. False if it has left. */
  write(piece: string): Promise<boolean> | boolean {
    if (this.left) return false;
    if (this.response.write(piece)) return true;
    return new Promise((resolve) => {
      const done = (): void => {
        this.response.off('drain', done);
        this.wake = null;
        resolve(!this.left);
      };
      this.response.on('drain', done);
      this.wake = done;
    });
  }

  finish(lastPiece: string): void {
    if (!this.left) this.response.end(lastPiece);
  }

  /** Sends the piece to the network and then breaks the connection in the middle of the response. */
  async breakAfter(piece: string): Promise<void> {
    if (!this.left) await new Promise<void>((resolve) => this.response.write(piece, () => resolve()));
    this.destroy();
  }

  /** Breaks the connection now. */
  destroy(): void {
    this.request.socket.destroy();
  }
}
