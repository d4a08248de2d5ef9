import { type MemberSpan } from './top-level.js';
import { skipSpace, skipString, skipToValue, skipValue } from './skip-value.js';

/*
 * One level of an object or an array inside a text that `scanTopLevel` has seen, so that structure need not be checked
 * again. Null wherever a reader could be of another opinion: a name that is spelled with an escape, or given twice.
 */

const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/** The members of the object at `from`. */
export function membersAt(json: Buffer, from: number): ReadonlyMap<string, MemberSpan> | null {
  if (json[from] !== OPEN_BRACE) return null;
  const members = new Map<string, MemberSpan>();
  let at = skipSpace(json, from + 1);
  while (json[at] !== CLOSE_BRACE) {
    const nameEnd = skipString(json, at) - 1;
    for (let i = at + 1; i < nameEnd; i++) if (json[i] === BACKSLASH) return null;
    const name = json.toString('latin1', at + 1, nameEnd);
    const valueStart = skipToValue(json, at);
    const valueEnd = valueStart < 0 ? -1 : skipValue(json, valueStart);
    if (valueEnd < 0 || members.has(name)) return null;
    members.set(name, { valueStart, valueEnd });
    at = skipSpace(json, valueEnd);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return members;
}

/** The entries of the array at `from`, the first so many. */
export function entriesAt(json: Buffer, from: number, most = Infinity): readonly MemberSpan[] | null {
  if (json[from] !== OPEN_BRACKET) return null;
  const entries: MemberSpan[] = [];
  let at = skipSpace(json, from + 1);
  while (json[at] !== CLOSE_BRACKET && entries.length < most) {
    const valueEnd = skipValue(json, at);
    if (valueEnd < 0) return null;
    entries.push({ valueStart: at, valueEnd });
    at = skipSpace(json, valueEnd);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return entries;
}
