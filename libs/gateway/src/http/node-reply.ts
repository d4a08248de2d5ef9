import { type ServerResponse } from 'node:http';
import { type Reply } from '../ports/reply.js';

/** Below this size a body is copied next to its head, so that an answer is one write and one packet. */
const SINGLE_WRITE_BYTES = 16 * 1024;

/** `Reply` over node:http. */
export class NodeReply implements Reply {
  private left = false;

  constructor(
    private readonly res: ServerResponse,
    /** While the process drains, connections are not kept for a next request. */
    private readonly closing: () => boolean,
  ) {}

  get gone(): boolean {
    return this.left || (this.res.closed && !this.res.writableFinished);
  }

  onGone(listener: () => void): void {
    this.res.once('close', () => {
      if (this.res.writableFinished || this.left) return;
      this.left = true;
      listener();
    });
    // A write to a client that has just left is not an error of ours.
    this.res.on('error', () => undefined);
  }

  send(status: number, headers: string[], body: readonly Buffer[]): void {
    if (this.res.closed) return;
    let length = 0;
    for (const part of body) length += part.length;
    headers.push('content-length', String(length));
    this.writeHead(status, headers);
    if (length <= SINGLE_WRITE_BYTES) {
      // node:http joins a string with the head into one write; latin1 keeps bytes as they are.
      let text = '';
      for (const part of body) text += part.toString('latin1');
      this.res.end(text, 'latin1');
      return;
    }
    for (const part of body) this.res.write(part);
    this.res.end();
  }

  head(status: number, headers: string[]): void {
    if (!this.res.closed) this.writeHead(status, headers);
  }

  write(chunk: Buffer): boolean {
    return this.res.closed ? true : this.res.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.res.once('drain', listener);
  }

  end(chunk?: Buffer): void {
    if (this.res.closed) return;
    if (chunk === undefined) this.res.end();
    else this.res.end(chunk);
  }

  private writeHead(status: number, headers: string[]): void {
    if (this.closing()) headers.push('connection', 'close');
    this.res.writeHead(status, headers);
  }
}
