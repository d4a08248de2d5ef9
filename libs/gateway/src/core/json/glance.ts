import { skipSpace, skipString, skipToValue, skipValue, startsWith } from './skip-value.js';
import { type TopLevel } from './top-level.js';

/*
 * What a body says, read from its bytes without parsing it. Each of these is sure or says `undefined`: the caller then
 * parses the whole. Sure is: had the body been parsed, the member would have been this.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const ROLE = Buffer.from('"role"');

/** Longer than any of the texts, words and counts that are looked at here. */
const MAX_BYTES = 256;

/** A text of plain visible ASCII. */
export function glanceText(body: Buffer, top: TopLevel, name: string): string | undefined {
  const span = top.members.get(name);
  if (span === undefined || body[span.valueStart] !== QUOTE || span.valueEnd - span.valueStart > MAX_BYTES) return undefined;
  for (let at = span.valueStart + 1; at < span.valueEnd - 1; at++) {
    const byte = body[at]!;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
  }
  return body.toString('latin1', span.valueStart + 1, span.valueEnd - 1);
}

/** A boolean; false where the member is missing or null. */
export function glanceFlag(body: Buffer, top: TopLevel, name: string): boolean | undefined {
  const span = top.members.get(name);
  if (span === undefined) return false;
  switch (body[span.valueStart]) {
    case 0x74:
      return true;
    case 0x66:
    case 0x6e:
      return false;
    case undefined:
    default:
      return undefined;
  }
}

/** Whether the member is missing, null, or a whole number of at least 1. */
export function glanceCount(body: Buffer, top: TopLevel, name: string): true | undefined {
  const span = top.members.get(name);
  if (span === undefined || body[span.valueStart] === 0x6e) return true;
  const { valueStart, valueEnd } = span;
  if (valueEnd - valueStart > 15 || body[valueStart]! < 0x31 || body[valueStart]! > 0x39) return undefined;
  for (let at = valueStart + 1; at < valueEnd; at++) if (body[at]! < 0x30 || body[at]! > 0x39) return undefined;
  return true;
}

/** A small member, parsed; null where it is missing. */
export function glanceSmall(body: Buffer, top: TopLevel, name: string): unknown {
  const span = top.members.get(name);
  if (span === undefined) return null;
  if (span.valueEnd - span.valueStart > MAX_BYTES) return undefined;
  try {
    return JSON.parse(body.toString('utf8', span.valueStart, span.valueEnd)) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether the member is an array of at least one object, each with a `role` that is a text. */
export function glanceMessages(body: Buffer, top: TopLevel, name: string): true | undefined {
  const span = top.members.get(name);
  if (span === undefined || body[span.valueStart] !== OPEN_BRACKET) return undefined;
  let at = skipSpace(body, span.valueStart + 1);
  for (;;) {
    at = skipMessage(body, at);
    if (at < 0) return undefined;
    at = skipSpace(body, at);
    if (body[at] === CLOSE_BRACKET) return true;
    at = skipSpace(body, at + 1);
  }
}

/** `from` stands on a value within a text that `scanTopLevel` has seen; -1 unless it is an object with one plain `role`. */
function skipMessage(body: Buffer, from: number): number {
  if (body[from] !== OPEN_BRACE) return -1;
  let roles = 0;
  let at = skipSpace(body, from + 1);
  while (body[at] !== CLOSE_BRACE) {
    const isRole = startsWith(body, at, ROLE);
    const valueStart = skipToValue(body, at);
    if (isRole && body[valueStart] === QUOTE) roles++;
    else if (isRole || hasEscape(body, at)) return -1;
    at = skipSpace(body, skipValue(body, valueStart));
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return roles === 1 ? at + 1 : -1;
}

/** Whether the name at `from` is spelled with an escape, and so may be any name. */
function hasEscape(body: Buffer, from: number): boolean {
  const end = skipString(body, from);
  for (let at = from; at < end; at++) if (body[at] === BACKSLASH) return true;
  return false;
}
