import { requestFieldName } from './request-names.js';

/** The head of a request that can be read in one way only, and everything that its framing says. */
export interface RequestHead {
  readonly method: 'GET' | 'POST';
  /** As it was sent. */
  readonly url: string;
  /** As node:http tells them: names in lower case, values without the blanks around them, in the order in which they came. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyLength: number;
  /** The client asks that the connection end with the answer. */
  readonly close: boolean;
  /** Where the head ends in the bytes it was read from: the place of the body's first byte. */
  readonly end: number;
}

export interface RequestHeadLimits {
  readonly maxBytes: number;
  readonly maxFields: number;
}

const CR = 0x0d;
const LF = 0x0a;
const DEL = 0x7f;
const BLANK = 0x20;

/** Nearly every head is shorter: what follows it in the same read need not be made a string. */
const FIRST_LOOK_BYTES = 2048;
const VERSION = ' HTTP/1.1\r';
/** RFC 3986's characters of a path and a query; what else parsers take they do not take alike. */
const TARGET = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/;
const DIGITS = /^\d{1,15}$/;

/** A `content-length` that everybody reads alike, and that a number holds. */
export const isBodyLength = (value: string): boolean => DIGITS.test(value);

/**
 * Reads the head of a request, if it is *canonical*: GET or POST, origin-form, HTTP/1.1, exactly one Host, no header
 * twice, a POST with exactly one `content-length` and a GET without, no other framing, nothing that asks for more than
 * an answer. What two parsers could read in two ways is not canonical, and neither is what no parser should take.
 * @param bytes what has been read from the connection since the last request's end
 * @returns null unless the head is canonical and complete
 */
export function parseRequestHead(bytes: Buffer, limits: RequestHeadLimits): RequestHead | null {
  const available = Math.min(bytes.length, limits.maxBytes);
  let text = bytes.toString('latin1', 0, Math.min(available, FIRST_LOOK_BYTES));
  const firstByte = text.charCodeAt(0);
  // P and G: most of what is not ours, TLS for one, ends here.
  if (firstByte !== 0x50 && firstByte !== 0x47) return null;
  if (available > FIRST_LOOK_BYTES && !text.includes('\r\n\r\n')) text = bytes.toString('latin1', 0, available);

  const lineEnd = text.indexOf('\n');
  const targetEnd = lineEnd - VERSION.length;
  if (targetEnd < 5 || !text.startsWith(VERSION, targetEnd)) return null;
  let method: 'GET' | 'POST';
  let url: string;
  if (text.startsWith('POST /')) {
    method = 'POST';
    url = text.slice(5, targetEnd);
  } else if (text.startsWith('GET /')) {
    method = 'GET';
    url = text.slice(4, targetEnd);
  } else return null;
  if (!TARGET.test(url)) return null;

  const headers: Record<string, string> = {};
  let fields = 0;
  let length = -1;
  let host = false;
  let close = false;
  let at = lineEnd + 1;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end === -1 || text.charCodeAt(end - 1) !== CR) return null;
    if (end === at + 1) {
      at = end + 1;
      break;
    }
    const colon = text.indexOf(':', at);
    if (colon === -1 || ++fields > limits.maxFields) return null;
    // A colon of a later line, a blank before it, a line that goes on the one before (obs-fold): none makes a token.
    const field = requestFieldName(text.slice(at, colon));
    if (field === null) return null;
    const value = trimmed(text, colon + 1, end - 1);
    const { name } = field;
    // Twice; or a name that every object has, which would not be told like others.
    if (headers[name] !== undefined) return null;
    switch (field.role) {
      case 'plain':
        break;
      case 'host':
        host = true;
        break;
      case 'length':
        if (!isBodyLength(value)) return null;
        length = Number(value);
        break;
      case 'connection': {
        const token = value.toLowerCase();
        if (token === 'close') close = true;
        else if (token !== 'keep-alive') return null;
        break;
      }
      case 'delicate':
        return null;
    }
    headers[name] = value;
    at = end + 1;
  }
  if (!host || (length === -1) !== (method === 'GET') || !isPrintable(bytes, 0, at)) return null;
  return { method, url, headers, bodyLength: length === -1 ? 0 : length, close, end: at };
}

/** A header's value between its colon and its line feed, as node:http tells it; null for one that ends or goes otherwise than it should. */
export function readValue(bytes: Buffer, from: number, lineFeed: number): string | null {
  if (lineFeed <= from || bytes[lineFeed - 1] !== CR || !isPrintable(bytes, from, lineFeed + 1)) return null;
  return trimmed(bytes.toString('latin1', from, lineFeed - 1), 0, lineFeed - 1 - from);
}

/**
 * Nothing but printable bytes, obs-text and CR LF as a pair. That no LF stands alone is for those who look for lines. Tabs
 * are blanks around a value to some parsers (RFC 9110, section 5.5) and part of a length that is none to others.
 */
function isPrintable(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < BLANK ? byte !== LF && (byte !== CR || bytes[i + 1] !== LF) : byte === DEL) return false;
  }
  return true;
}

/** `text` from `from` to `to`, without the blanks at its ends. */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && text.charCodeAt(from) === BLANK) from++;
  while (to > from && text.charCodeAt(to - 1) === BLANK) to--;
  return text.slice(from, to);
}
