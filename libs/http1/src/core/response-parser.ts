import { ChunkedDecoder } from './chunked-decoder.js';
import { type BodyFraming, type HeadResult, type ResponseHead, parseResponseHead } from './response-head.js';

/** All heads of an answer together: those that come before the head (1xx), and the head. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** Most heads are shorter: no string is made of the body behind them. */
const COMMON_HEAD_BYTES = 1024;

const HEAD_END = '\r\n\r\n';
const CR = 0x0d;
const LF = 0x0a;
const NONE: BodyFraming = { kind: 'none' };

/**
 * Reads the answers of one connection, one after the other: `start`, then `readHead` until there is one, then `readBody`
 * until `complete`. It never guesses: a `problem` ends it. However the bytes are cut, it reads the same. It keeps no
 * reference to the bytes that it is given.
 */
export class ResponseParser {
  /** The answer is whole; `consumed` says where its last piece ended in the bytes that were given. */
  complete = false;
  consumed = 0;
  /** What the last `readBody` found of the body: `[bodyStart, bodyEnd)` of what it was given. */
  bodyStart = 0;
  bodyEnd = 0;
  /** Null, or why this is not HTTP/1.1, for people. Nothing can be read after it. */
  problem: string | null = null;
  private framing: BodyFraming = NONE;
  private left = 0;
  private readonly chunked = new ChunkedDecoder();
  private bodiless = false;
  /** A head that came in pieces; none while heads come whole, as nearly all do. */
  private partial: Buffer | null = null;
  private partialLength = 0;
  private headBudget = MAX_HEAD_BYTES;

  /** Makes ready for the next answer. `bodiless`: the request was a HEAD. */
  start(bodiless: boolean): void {
    this.complete = false;
    this.consumed = 0;
    this.problem = null;
    this.bodiless = bodiless;
    this.partial = null;
    this.headBudget = MAX_HEAD_BYTES;
  }

  /** The answer's head; null while it is not whole, or with a `problem`. Heads with 1xx are passed over; 101 is a problem, as nobody asked for it. */
  readHead(bytes: Buffer, length: number): ResponseHead | null {
    for (let from = 0; ; from = this.consumed) {
      const result = this.partial === null ? this.readWhole(bytes, from, length) : this.readPartial(bytes, from, length);
      if (result === null) return null;
      if (!result.ok) return this.fail(result.problem);
      const { head } = result;
      if (head.status === 101) return this.fail('another protocol, which nobody asked for');
      if (head.status >= 200) return this.begin(head);
    }
  }

  /** Finds what `bytes` holds of the body from `from` up to `length`, in one piece, which it may have moved within `bytes`. */
  readBody(bytes: Buffer, from: number, length: number): void {
    this.bodyStart = from;
    switch (this.framing.kind) {
      case 'none':
        this.bodyEnd = this.consumed = from;
        return;
      case 'length':
        this.bodyEnd = this.consumed = from + Math.min(this.left, length - from);
        this.left -= this.consumed - from;
        this.complete = this.left === 0;
        return;
      case 'chunked': {
        const { chunked } = this;
        chunked.decode(bytes, from, length);
        this.bodyStart = chunked.start;
        this.bodyEnd = chunked.end;
        this.consumed = chunked.consumed;
        this.complete = chunked.complete;
        this.problem = chunked.problem;
        return;
      }
      case 'until-close':
        this.bodyEnd = this.consumed = length;
    }
  }

  /** The server has closed. True: that is the end of the answer; false: something is missing. */
  readEnd(): boolean {
    if (this.framing.kind === 'until-close') this.complete = true;
    return this.complete;
  }

  private begin(head: ResponseHead): ResponseHead {
    this.framing = head.framing;
    switch (head.framing.kind) {
      case 'none':
        this.complete = true;
        break;
      case 'length':
        this.left = head.framing.length;
        this.complete = this.left === 0;
        break;
      case 'chunked':
        this.chunked.reset();
        break;
      case 'until-close':
        break;
    }
    return head;
  }

  private readWhole(bytes: Buffer, from: number, length: number): HeadResult | null {
    let window = bytes.toString('latin1', from, Math.min(length, from + COMMON_HEAD_BYTES));
    let end = window.indexOf(HEAD_END);
    if (end === -1 && length - from > COMMON_HEAD_BYTES) {
      window = bytes.toString('latin1', from, Math.min(length, from + MAX_HEAD_BYTES));
      end = window.indexOf(HEAD_END);
    }
    if (end !== -1) {
      this.consumed = from + end + HEAD_END.length;
      return this.parse(bytes, from, window.slice(0, end));
    }
    this.consumed = length;
    if (from < length) {
      this.partial = Buffer.allocUnsafe(MAX_HEAD_BYTES);
      this.partialLength = 0;
      this.append(bytes, from, length);
      this.checkPartial(0, length - from);
    }
    return null;
  }

  private readPartial(bytes: Buffer, from: number, length: number): HeadResult | null {
    const partial = this.partial!;
    const before = this.partialLength;
    this.append(bytes, from, length);
    const end = partial.subarray(0, this.partialLength).indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1), 'latin1');
    if (end === -1) {
      this.consumed = length;
      this.checkPartial(before, length - from);
      return null;
    }
    this.partial = null;
    this.consumed = from + end + HEAD_END.length - before;
    return this.parse(partial, 0, partial.toString('latin1', 0, end));
  }

  private parse(bytes: Buffer, from: number, text: string): HeadResult {
    this.headBudget -= text.length + HEAD_END.length;
    if (this.headBudget < 0) return { ok: false, problem: 'a head out of bounds' };
    return parseResponseHead(bytes, from, text, this.bodiless);
  }

  private append(bytes: Buffer, from: number, length: number): void {
    const size = Math.min(length - from, MAX_HEAD_BYTES - this.partialLength);
    bytes.copy(this.partial!, this.partialLength, from, from + size);
    this.partialLength += size;
  }

  /** Of a head whose end has not come: can it become one? Waiting for the end of something else would be waiting for nothing. */
  private checkPartial(before: number, added: number): void {
    const partial = this.partial!;
    if (hasBareLf(partial, before, this.partialLength)) this.fail('a line that does not end with CR LF');
    else if (before <= PREFIX.length + 1 && !startsLikeAnswer(partial, this.partialLength)) this.fail('not a status line of HTTP/1.0 or 1.1');
    else if (this.partialLength < before + added) this.fail('a head out of bounds');
  }

  private fail(problem: string): null {
    this.problem = problem;
    this.partial = null;
    return null;
  }
}

function hasBareLf(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] === LF && (at === 0 || bytes[at - 1] !== CR)) return true;
  return false;
}

const PREFIX = Buffer.from('HTTP/1.');

function startsLikeAnswer(bytes: Buffer, length: number): boolean {
  const compared = Math.min(length, PREFIX.length);
  if (PREFIX.compare(bytes, 0, compared, 0, compared) !== 0) return false;
  return (length < 8 || bytes[7] === 0x30 || bytes[7] === 0x31) && (length < 9 || bytes[8] === 0x20);
}
