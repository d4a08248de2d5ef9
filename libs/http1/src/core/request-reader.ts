import { requestFieldName } from './request-names.js';
import { type RequestHead, type RequestHeadLimits, isBodyLength, parseRequestHead, readValue } from './request-head.js';

const LF = 0x0a;
const COLON = 0x3a;

/**
 * Reads the heads of one connection's requests. A client sends the same head again and again, but for a length or an id:
 * what is byte for byte as in the last head that was read in full need not be read in full again. The result is that of
 * `parseRequestHead`, always.
 */
export class RequestReader {
  private template: Buffer | null = null;
  private known: RequestHead | null = null;

  constructor(private readonly limits: RequestHeadLimits) {}

  /** @returns null unless the bytes begin with a head that is canonical and complete */
  read(bytes: Buffer): RequestHead | null {
    if (this.known !== null) {
      const head = this.readAsBefore(bytes, this.template!, this.known);
      if (head !== null) return head;
    }
    const head = parseRequestHead(bytes, this.limits);
    if (head !== null) {
      this.template = Buffer.from(bytes.subarray(0, head.end));
      // What was given away may be changed by whoever has it.
      this.known = { ...head, headers: { ...head.headers } };
    }
    return head;
  }

  /** The same lines with the same names, some with other values; null for all else. */
  private readAsBefore(bytes: Buffer, template: Buffer, known: RequestHead): RequestHead | null {
    const { length } = bytes;
    const headers: Record<string, string> = { ...known.headers };
    let { bodyLength } = known;
    let at = 0;
    let there = 0;
    for (;;) {
      while (there < template.length && at < length && bytes[at] === template[there]) {
        at++;
        there++;
      }
      if (there === template.length) break;
      if (at === length) return null;
      // The line that differs, in both; it must be a header's, and its name must be the same.
      let start = there;
      while (start > 0 && template[start - 1] !== LF) start--;
      let colon = start;
      while (colon < there && template[colon] !== COLON) colon++;
      if (start === 0 || colon === there) return null;
      const from = at - (there - colon) + 1;
      let end = at;
      while (end < length && bytes[end] !== LF) end++;
      while (template[there] !== LF) there++;
      const field = requestFieldName(template.toString('latin1', start, colon));
      const value = end < length && end < this.limits.maxBytes ? readValue(bytes, from, end) : null;
      if (field === null || value === null) return null;
      if (field.role === 'connection' || (field.role === 'length' && !isBodyLength(value))) return null;
      if (field.role === 'length') bodyLength = Number(value);
      headers[field.name] = value;
      at = end;
    }
    if (at > this.limits.maxBytes) return null;
    return { method: known.method, url: known.url, headers, bodyLength, close: known.close, end: at };
  }
}
