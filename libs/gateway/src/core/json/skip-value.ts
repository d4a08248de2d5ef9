const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/*
 * A walk over JSON's structure (RFC 8259) on its bytes: brackets, commas, colons and literals are checked, what is inside
 * strings is not looked at, and the digits of numbers are taken as they come. Long strings, which is what prompts are, are
 * skipped by native search: a walk over 100 KB costs about as much as one over 1 KB.
 */

/** The first byte from `from` on that is no white space. */
export function skipSpace(json: Buffer, from: number): number {
  let at = from;
  for (let byte = json[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = json[at]) at++;
  return at;
}

/** By hand: so few bytes are compared sooner than native code is called. */
export function startsWith(json: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (json[at + i] !== text[i]) return false;
  return true;
}

/** Up to this length a look at each byte is cheaper than a call into native code. */
const SHORT_STRING = 24;

/** `from` stands on the opening quote; the result is just behind the closing one, or -1 where there is none. */
export function skipString(json: Buffer, from: number): number {
  let at = from + 1;
  for (const end = Math.min(json.length, at + SHORT_STRING); at < end; at++) {
    const byte = json[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  for (;;) {
    const quote = json.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** `from` stands on a key's opening quote; the result is the start of its value, or -1. */
export function skipToValue(json: Buffer, from: number): number {
  if (json[from] !== QUOTE) return -1;
  const end = skipString(json, from);
  if (end < 0) return -1;
  const colon = skipSpace(json, end);
  return json[colon] === COLON ? skipSpace(json, colon + 1) : -1;
}

/** `from` stands on a value's first byte; the result is just behind its last one, or -1 where it is no value. */
export function skipValue(json: Buffer, from: number): number {
  const first = json[from];
  if (first === QUOTE) return skipString(json, from);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipScalar(json, from);
  /** For each open bracket, the one that closes it. */
  const closers: number[] = [];
  let at = from;
  for (;;) {
    // Here a value is due.
    const byte = json[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const closer = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      at = skipSpace(json, at + 1);
      if (json[at] !== closer) {
        closers.push(closer);
        if (closer === CLOSE_BRACE) at = skipToValue(json, at);
        if (at < 0) return -1;
        continue;
      }
      at++;
    } else {
      at = byte === QUOTE ? skipString(json, at) : skipScalar(json, at);
      if (at < 0) return -1;
    }
    // Here one has ended, and perhaps what it stands in.
    for (;;) {
      const closer = closers.at(-1);
      if (closer === undefined) return at;
      at = skipSpace(json, at);
      if (json[at] === COMMA) {
        at = skipSpace(json, at + 1);
        if (closer === CLOSE_BRACE) at = skipToValue(json, at);
        if (at < 0) return -1;
        break;
      }
      if (json[at] !== closer) return -1;
      closers.pop();
      at++;
    }
  }
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

function skipScalar(json: Buffer, from: number): number {
  switch (json[from]) {
    case TRUE[0]:
      return skipWord(json, from, TRUE);
    case FALSE[0]:
      return skipWord(json, from, FALSE);
    case NULL[0]:
      return skipWord(json, from, NULL);
    case undefined:
    default: {
      let at = from;
      while (isOfNumber(json[at])) at++;
      return at > from ? at : -1;
    }
  }
}

function skipWord(json: Buffer, from: number, word: Buffer): number {
  for (let i = 1; i < word.length; i++) if (json[from + i] !== word[i]) return -1;
  return from + word.length;
}

/** Digits, sign, point and exponent. */
const isOfNumber = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45);
