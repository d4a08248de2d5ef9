import { type FieldName, type ResponseHeaders, emptyHeaders, fieldName, isBlank, isNameAt, isTokenByte, isValueByte } from './response-fields.js';

/** How the end of an answer's body is known (RFC 9112, section 6.3). `none` and `length` know it before the first byte. */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly framing: BodyFraming;
  /** The connection may carry another request after this answer. */
  readonly keepAlive: boolean;
  /** What `Keep-Alive: timeout=` promises, in milliseconds; null where it promises nothing. */
  readonly keepAliveHintMs: number | null;
}

export type HeadResult = { readonly ok: true; readonly head: ResponseHead } | { readonly ok: false; readonly problem: string };

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const ZERO = 0x30;
const DIGITS = /^\d{1,15}$/;

/** Before the first line: what comes behind it is the first name. */
const FIRST: FieldName = { bytes: new Uint8Array(0), name: '', known: true, next: null };

const NONE: BodyFraming = { kind: 'none' };
const CHUNKED: BodyFraming = { kind: 'chunked' };
const UNTIL_CLOSE: BodyFraming = { kind: 'until-close' };

/**
 * Reads the head of an answer (RFC 9112, sections 4 to 6), strictly: what two readers could read in two ways is a
 * problem, never a guess.
 * @param bytes hold the head at `from`.
 * @param text the head in latin1, from its first byte to the last before the blank line's CR LF CR LF. Bytes are quick to look at, and a string to take strings from.
 * @param bodiless the request was a HEAD: its answer's lengths speak of a body that does not come.
 */
export function parseResponseHead(bytes: Uint8Array, from: number, text: string, bodiless: boolean): HeadResult {
  const end = from + text.length;
  if (!startsWithStatus(text)) return problem('not a status line of HTTP/1.0 or 1.1');
  let at = from + 12;
  while (at < end && isValueByte(bytes[at]!)) at++;
  const headers = emptyHeaders();
  let before = FIRST;
  while (at < end) {
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return problem('a byte that no line may hold');
    const nameAt = at + 2;
    // Nearly always it is the name that stood here in the answer before, and bytes are compared sooner than a string is made.
    let field: FieldName | null = before.next;
    if (field !== null && nameAt + field.bytes.length < end && isNameAt(field, bytes, nameAt)) at = nameAt + field.bytes.length;
    else {
      for (at = nameAt; at < end && isTokenByte(bytes[at]!); at++);
      // A line that goes on in the next (obs-fold) and a blank before the colon end here too.
      if (at === nameAt || at === end || bytes[at] !== COLON) return problem('a header line that does not begin with a name and a colon');
      field = fieldName(text.slice(nameAt - from, at - from));
      if (field.known) before.next = field;
    }
    before = field;
    do at++;
    while (at < end && isBlank(bytes[at]!));
    const valueAt = at;
    while (at < end && isValueByte(bytes[at]!)) at++;
    let valueEnd = at;
    while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    add(headers, field.name, text.slice(valueAt - from, valueEnd - from));
  }
  return framed(statusOf(text), text.charCodeAt(7) === 0x31, headers, bodiless);
}

function startsWithStatus(text: string): boolean {
  if (!text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.0 ')) return false;
  return isDigit(text.charCodeAt(9)) && isDigit(text.charCodeAt(10)) && isDigit(text.charCodeAt(11)) && text.charCodeAt(9) !== ZERO && (text.length === 12 || text[12] === ' ' || text[12] === '\r');
}

const statusOf = (text: string): number => (text.charCodeAt(9) - ZERO) * 100 + (text.charCodeAt(10) - ZERO) * 10 + text.charCodeAt(11) - ZERO;
const isDigit = (code: number): boolean => code >= ZERO && code <= ZERO + 9;

function framed(status: number, http11: boolean, headers: ResponseHeaders, bodiless: boolean): HeadResult {
  const lengths = headers['content-length'];
  const coding = headers['transfer-encoding'];
  let length: number | null = null;
  if (lengths !== undefined) {
    const text = typeof lengths === 'string' ? lengths : lengths[0]!;
    if (!DIGITS.test(text)) return problem('a content-length that is no number');
    if (typeof lengths !== 'string' && lengths.some((other) => other !== text)) return problem('two content-lengths');
    length = Number(text);
  }
  if (coding !== undefined) {
    if (length !== null) return problem('transfer-encoding beside content-length');
    if (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked') return problem('a transfer-encoding other than chunked');
    if (!http11) return problem('transfer-encoding in HTTP/1.0');
  }
  let framing: BodyFraming;
  if (bodiless || status < 200 || status === 204 || status === 304) framing = NONE;
  else if (coding !== undefined) framing = CHUNKED;
  else if (length !== null) framing = { kind: 'length', length };
  else framing = UNTIL_CLOSE;
  const keepAlive = http11 && framing !== UNTIL_CLOSE && !saysClose(headers['connection']);
  return { ok: true, head: { status, headers, framing, keepAlive, keepAliveHintMs: hintOf(headers['keep-alive']) } };
}

function add(headers: ResponseHeaders, name: string, value: string): void {
  const known = headers[name];
  if (known === undefined) headers[name] = value;
  else if (typeof known === 'string') headers[name] = [known, value];
  else known.push(value);
}

function saysClose(connection: string | string[] | undefined): boolean {
  if (connection === undefined || connection === 'keep-alive') return false;
  const tokens = typeof connection === 'string' ? connection : connection.join(',');
  return tokens.split(',').some((token) => token.trim().toLowerCase() === 'close');
}

function hintOf(keepAlive: string | string[] | undefined): number | null {
  if (typeof keepAlive !== 'string') return null;
  const timeout = /(?:^|[\s,;])timeout\s*=\s*(\d{1,6})(?!\d)/i.exec(keepAlive);
  return timeout === null ? null : Number(timeout[1]) * 1000;
}

const problem = (text: string): HeadResult => ({ ok: false, problem: text });
