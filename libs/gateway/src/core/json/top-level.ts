/** Where a member of the body's top-level object stands: `[start, end)` of its value in bytes. */
export interface MemberSpan {
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface TopLevel {
  /** Just behind the opening brace. */
  readonly bodyStart: number;
  readonly empty: boolean;
  readonly members: ReadonlyMap<string, MemberSpan>;
  /** The first name that occurs twice, or null. JSON parsers disagree on which one counts: Apex refuses. */
  readonly duplicate: string | null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Finds the members of the top-level object of a JSON text **that is known to be valid** (it has been parsed before),
 * so that one value can be replaced without touching, or copying through a parser, any other byte.
 * Returns null when the text is not an object.
 */
export function scanTopLevel(json: Buffer): TopLevel | null {
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_BRACE) return null;
  const bodyStart = ++at;
  const members = new Map<string, MemberSpan>();
  let duplicate: string | null = null;
  at = skipSpace(json, at);
  const empty = json[at] === CLOSE_BRACE;
  while (at < json.length && json[at] === QUOTE) {
    const nameEnd = stringEnd(json, at);
    const name = nameIn(json, at, nameEnd);
    at = skipSpace(json, nameEnd);
    if (json[at] !== COLON) return null;
    const valueStart = skipSpace(json, at + 1);
    const valueEnd = skipValue(json, valueStart);
    if (members.has(name)) duplicate ??= name;
    members.set(name, { valueStart, valueEnd });
    at = skipSpace(json, valueEnd);
    if (json[at] !== COMMA) break;
    at = skipSpace(json, at + 1);
  }
  return { bodyStart, empty, members, duplicate };
}

/** A new text in which `[start, end)` reads `replacement`. */
export const splice = (json: Buffer, start: number, end: number, replacement: string): Buffer =>
  Buffer.concat([json.subarray(0, start), Buffer.from(replacement), json.subarray(end)]);

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (isSpace(json[at])) at++;
  return at;
}

/** Names may hold escapes: "\u006dodel" is `model` to every parser. */
function nameIn(json: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    const byte = json[at]!;
    if (byte === BACKSLASH || byte > 0x7e) return JSON.parse(json.toString('utf8', start, end)) as string;
  }
  return json.toString('latin1', start + 1, end - 1);
}

/** Up to this length a look at each byte is cheaper than a call into native code. */
const SHORT_STRING = 24;

/** `from` stands on the opening quote; the result is just behind the closing one. */
function stringEnd(json: Buffer, from: number): number {
  let at = from + 1;
  for (const end = Math.min(json.length, at + SHORT_STRING); at < end; at++) {
    if (json[at] === QUOTE) return at + 1;
    if (json[at] === BACKSLASH) at++;
  }
  for (;;) {
    const quote = json.indexOf(QUOTE, at);
    if (quote < 0) return json.length;
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function skipValue(json: Buffer, from: number): number {
  const first = json[from];
  if (first === QUOTE) return stringEnd(json, from);
  let at = from;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    while (at < json.length && json[at] !== COMMA && json[at] !== CLOSE_BRACE && json[at] !== CLOSE_BRACKET && !isSpace(json[at])) at++;
    return at;
  }
  let depth = 0;
  while (at < json.length) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = stringEnd(json, at);
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return at + 1;
    }
    at++;
  }
  return at;
}
