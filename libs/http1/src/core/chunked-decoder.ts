import { isValueByte } from './response-fields.js';

/** The longest line of a chunk's size with its extensions, and the longest trailer section. */
const MAX_LINE_BYTES = 4 * 1024;
const MAX_TRAILER_BYTES = 8 * 1024;
/** Digits of a chunk's size: 2^52 - 1 is exact in a number, and no chunk is larger. */
const MAX_SIZE_DIGITS = 13;
/** Below this a loop moves bytes faster than a call does. */
const SMALL_MOVE = 24;

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const EXTENSIONS = new RegExp(`^(?:;${TOKEN}(?:=(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))?)*$`);
const TRAILER = new RegExp(`^${TOKEN}:`);

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;

/** Before the first digit of a chunk's size. */
const SIZE_START = 0;
const SIZE = 1;
const EXTENSION = 2;
const SIZE_LF = 3;
const DATA = 4;
const DATA_CR = 5;
const DATA_LF = 6;
const TRAILER_LINE = 7;
const TRAILER_LF = 8;
/** From here on nothing more is read. */
const COMPLETE = 9;
const FAILED = 10;

/**
 * Decodes a chunked body (RFC 9112, section 7.1), in whatever pieces it comes. Extensions are checked and ignored,
 * trailers checked and dropped; both are bounded. A line ends with CR LF and with nothing else.
 */
export class ChunkedDecoder {
  /** Where the body's bytes of the last `decode` stand in what it was given: `[start, end)`. */
  start = 0;
  end = 0;
  /** The index behind the last byte that belongs to the message. */
  consumed = 0;
  /** Null, or why this is no chunked body. */
  problem: string | null = null;
  private state = SIZE_START;
  /** Of the chunk: its size while it is read, then what is still to come of it. */
  private left = 0;
  private digits = 0;
  private line = '';
  private trailerBytes = 0;

  get complete(): boolean {
    return this.state === COMPLETE;
  }

  reset(): void {
    this.state = SIZE_START;
    this.left = 0;
    this.digits = 0;
    this.line = '';
    this.trailerBytes = 0;
    this.problem = null;
  }

  /**
   * Reads `bytes` from `from` up to `length`. What it finds of the body it moves together, within `bytes`, to `[start, end)`: one
   * read of a socket gives one piece, however many chunks it brought. What precedes a problem is given too.
   */
  decode(bytes: Uint8Array, from: number, length: number): void {
    let at = from;
    this.start = from;
    this.end = from;
    while (at < length && this.state < COMPLETE) {
      if (this.state === DATA) {
        const size = Math.min(this.left, length - at);
        this.gather(bytes, at, size);
        at += size;
        this.left -= size;
        if (this.left === 0) this.state = DATA_CR;
      } else {
        this.step(bytes[at++]!);
      }
    }
    this.consumed = at;
  }

  private gather(bytes: Uint8Array, at: number, size: number): void {
    if (this.end === this.start) {
      this.start = at;
      this.end = at + size;
      return;
    }
    const to = this.end;
    if (size < SMALL_MOVE) for (let i = 0; i < size; i++) bytes[to + i] = bytes[at + i]!;
    else bytes.copyWithin(to, at, at + size);
    this.end = to + size;
  }

  /** One byte of everything that is not data. */
  private step(byte: number): void {
    switch (this.state) {
      case SIZE_START:
      case SIZE:
        return this.size(byte);
      case EXTENSION:
        return this.extension(byte);
      case SIZE_LF:
        if (byte !== LF) return this.fail('a chunk size whose line does not end with CR LF');
        this.digits = 0;
        this.state = this.left === 0 ? TRAILER_LINE : DATA;
        return;
      case DATA_CR:
        if (byte !== CR) return this.fail('a chunk longer than its size');
        this.state = DATA_LF;
        return;
      case DATA_LF:
        if (byte !== LF) return this.fail('a chunk longer than its size');
        this.state = SIZE_START;
        return;
      case TRAILER_LINE:
        return this.trailer(byte);
      case TRAILER_LF:
        if (byte !== LF) return this.fail('a trailer whose line does not end with CR LF');
        return this.trailerLine();
    }
  }

  private size(byte: number): void {
    const value = hexValue(byte);
    if (value !== -1) {
      if (++this.digits > MAX_SIZE_DIGITS) return this.fail('a chunk size out of bounds');
      this.left = this.left * 16 + value;
      this.state = SIZE;
      return;
    }
    if (this.state === SIZE_START) return this.fail('a chunk without a size');
    if (byte === CR) this.state = SIZE_LF;
    else if (byte === SEMICOLON) {
      this.line = ';';
      this.state = EXTENSION;
    } else this.fail('a chunk size that is no hexadecimal number');
  }

  private extension(byte: number): void {
    if (byte === CR) {
      if (!EXTENSIONS.test(this.line)) return this.fail('a malformed chunk extension');
      this.line = '';
      this.state = SIZE_LF;
      return;
    }
    if (!isValueByte(byte)) return this.fail('a malformed chunk extension');
    if (this.line.length >= MAX_LINE_BYTES) return this.fail('a chunk extension out of bounds');
    this.line += String.fromCharCode(byte);
  }

  private trailer(byte: number): void {
    if (byte === CR) {
      this.state = TRAILER_LF;
      return;
    }
    if (!isValueByte(byte)) return this.fail('a malformed trailer');
    if (++this.trailerBytes > MAX_TRAILER_BYTES) return this.fail('trailers out of bounds');
    this.line += String.fromCharCode(byte);
  }

  private trailerLine(): void {
    if (this.line === '') {
      this.state = COMPLETE;
      return;
    }
    if (!TRAILER.test(this.line)) return this.fail('a malformed trailer');
    this.line = '';
    this.state = TRAILER_LINE;
  }

  private fail(problem: string): void {
    this.problem = problem;
    this.state = FAILED;
  }
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
