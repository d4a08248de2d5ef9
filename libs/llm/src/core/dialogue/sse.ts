import { type SseEvent } from './codec.js';

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = '\u{feff}';

/** An event longer than this is no event: the stream is refused rather than held in memory. */
export const MAX_SSE_EVENT_BYTES = 8 * 1024 * 1024;

/** An event of a stream does not end. Whatever read it is of no use afterwards. */
export class SseEventTooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super(`An event of the stream is larger than ${maxBytes} bytes.`);
  }
}

/**
 * Reads Server-Sent Events (WHATWG HTML, 9.2.5 and 9.2.6) out of bytes that are cut anywhere, within a character too.
 * Lines end in LF, CR or CRLF; comments, `id` and `retry` are passed over; several `data` lines are joined by LF; an event
 * without `data` is none. What it holds is bounded: `maxEventBytes` counts the bytes of one event's lines.
 */
export class SseParser {
  /** The pieces of the line that has not ended yet, and how many bytes they are. */
  private pieces: Buffer[] = [];
  private carried = 0;
  private eventBytes = 0;
  private data: string | null = null;
  private event: string | null = null;
  /** The last byte was a CR: an LF that follows belongs to it. */
  private afterCr = false;
  private first = true;

  constructor(private readonly maxEventBytes: number = MAX_SSE_EVENT_BYTES) {}

  /**
   * The events that are complete with these bytes. The chunk is not kept where all of its lines have ended.
   * @throws SseEventTooLarge
   */
  push(chunk: Buffer): SseEvent[] {
    const out: SseEvent[] = [];
    let start = 0;
    if (this.afterCr && chunk.length > 0) {
      if (chunk[0] === LF) start = 1;
      this.afterCr = false;
    }
    for (;;) {
      const end = lineEnd(chunk, start);
      if (end === -1) break;
      const event = this.line(this.complete(chunk.subarray(start, end)));
      if (event !== null) out.push(event);
      start = end + 1;
      if (chunk[end] === CR) {
        if (start === chunk.length) this.afterCr = true;
        else if (chunk[start] === LF) start += 1;
      }
    }
    if (start < chunk.length) {
      this.pieces.push(chunk.subarray(start));
      this.carried += chunk.length - start;
      this.bound(this.carried);
    }
    return out;
  }

  /**
   * The stream is over. The standard drops an event that no empty line ended; providers that forget the last one mean it,
   * and a line that was cut in the middle is found out by whoever reads its JSON.
   */
  finish(): SseEvent[] {
    const rest = this.carried === 0 ? null : this.line(this.complete(Buffer.alloc(0)));
    const last = rest ?? this.dispatch();
    return last === null ? [] : [last];
  }

  /** The whole text of a line whose last piece this is. Decoded here alone, so that no character is cut. */
  private complete(piece: Buffer): string {
    this.eventBytes += this.carried + piece.length;
    this.bound(0);
    const bytes = this.carried === 0 ? piece : Buffer.concat([...this.pieces, piece]);
    this.pieces = [];
    this.carried = 0;
    const text = bytes.toString('utf8');
    if (!this.first) return text;
    this.first = false;
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }

  private bound(more: number): void {
    if (this.eventBytes + more > this.maxEventBytes) throw new SseEventTooLarge(this.maxEventBytes);
  }

  private line(text: string): SseEvent | null {
    if (text === '') return this.dispatch();
    const colon = text.indexOf(':');
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.data = this.data === null ? value : `${this.data}\n${value}`;
    else if (field === 'event') this.event = value;
    // A stream of comments keeps a connection alive; it is no event that grows.
    else this.eventBytes -= Buffer.byteLength(text);
    return null;
  }

  private dispatch(): SseEvent | null {
    const { data, event } = this;
    this.data = null;
    this.event = null;
    this.eventBytes = 0;
    return data === null ? null : { event: event === '' ? null : event, data };
  }
}

function lineEnd(bytes: Buffer, from: number): number {
  const lf = bytes.indexOf(LF, from);
  const cr = (lf === -1 ? bytes.subarray(from) : bytes.subarray(from, lf)).indexOf(CR);
  return cr === -1 ? lf : from + cr;
}

/** An event as it goes over the wire. Line breaks of the data become further `data` lines, as the standard joins them. */
export function formatSse({ event, data }: SseEvent): string {
  const head = event === null ? '' : `event: ${event}\n`;
  return data.includes('\n') || data.includes('\r') ? `${head}${data.split(/\r\n|\n|\r/).map((line) => `data: ${line}\n`).join('')}\n` : `${head}data: ${data}\n\n`;
}
