import { STATUS_CODES } from 'node:http';

/** RFC 9110, section 5.5, without obs-fold: what node:http lets out too. Above 0xff a character would lose bits, and could become a line feed. */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Names are the program's own and few: each is looked at once. */
const KNOWN_LIMIT = 1024;
const knownNames = new Set<string>();
const statusLines = new Map<number, string>();

let dateSecond = 0;
let dateLine = '';

/**
 * The head of an answer as node:http writes it: what the caller gives, the date, what the connection adds.
 * @param headers name, value, name, value...
 * @param length of the body; null where it is not known
 * @param connection lines about the connection, each with its end
 * @throws TypeError for a name or a value that would break out of its line
 */
export function answerHead(status: number, headers: readonly string[], length: number | null, connection: string, nowMs: number): string {
  let text = statusLine(status);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    if (!knownNames.has(name)) checkName(name);
    if (BAD_VALUE.test(value)) throw new TypeError(`the value of the header '${name}' holds characters that a header cannot hold`);
    text += `${name}: ${value}\r\n`;
  }
  const second = Math.floor(nowMs / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`;
  }
  if (length !== null) text += `content-length: ${length}\r\n`;
  return `${text}${dateLine}${connection}\r\n`;
}

/** RFC 9110, section 6.4.1, and 15.3.5, 15.4.5: answers that end with their head. */
export const hasBody = (status: number): boolean => status >= 200 && status !== 204 && status !== 304;

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    if (!Number.isInteger(status) || status < 200 || status > 999) throw new TypeError(`${status} is no status of an answer`);
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

function checkName(name: string): void {
  if (!TOKEN.test(name)) throw new TypeError('a header name that is no token');
  if (knownNames.size < KNOWN_LIMIT) knownNames.add(name);
}
