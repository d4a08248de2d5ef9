import { type IncomingMessage } from 'node:http';
import { type BodyOutcome, type BodyReader } from '../ports/body-reader.js';

/** What is read and thrown away of a body that nobody wants, so that the refusal reaches a client that is still sending. */
const DISCARD_BYTES = 1024 * 1024;

/** `BodyReader` over node:http, with a limit that holds whatever `content-length` claims. */
export class NodeBodyReader implements BodyReader {
  constructor(
    private readonly req: IncomingMessage,
    private readonly limit: number,
  ) {}

  read(done: (outcome: BodyOutcome) => void): void {
    const { req, limit } = this;
    const announced = Number(req.headers['content-length'] ?? 0);
    if (announced > limit) {
      this.discard();
      return done({ kind: 'too_large', limit });
    }
    let first: Buffer | null = null;
    let rest: Buffer[] | null = null;
    let size = 0;
    let over = false;
    const finish = (outcome: BodyOutcome): void => {
      if (over) return;
      over = true;
      done(outcome);
    };
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (over) return;
      if (size > limit) {
        finish({ kind: 'too_large', limit });
        first = rest = null;
        this.cutAfter(size);
      } else if (first === null) first = chunk;
      else (rest ??= [first]).push(chunk);
    });
    req.once('end', () => finish({ kind: 'body', body: rest !== null ? Buffer.concat(rest, size) : (first ?? Buffer.alloc(0)) }));
    req.once('close', () => finish({ kind: 'gone' }));
    req.on('error', () => finish({ kind: 'gone' }));
  }

  discard(): void {
    this.cutAfter(0);
    this.req.resume();
  }

  /** Lets a little more in, then cuts the connection: an endless body costs us no more than that. */
  private cutAfter(alreadyRead: number): void {
    let size = 0;
    this.req.on('error', () => undefined);
    this.req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > DISCARD_BYTES && alreadyRead + size > DISCARD_BYTES) this.req.destroy();
    });
  }
}
