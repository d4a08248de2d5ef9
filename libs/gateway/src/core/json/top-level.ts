import { skipSpace, skipString, skipToValue, skipValue, startsWith } from './skip-value.js';

/** Where a member of the body's top-level object stands: `[start, end)` of its value in bytes. */
export interface MemberSpan {
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface TopLevel {
  /** Just behind the opening brace. */
  readonly bodyStart: number;
  readonly members: ReadonlyMap<string, MemberSpan>;
  /** The first name that occurs twice, or null. JSON parsers disagree on which one counts: Apex refuses. */
  readonly duplicate: string | null;
}

const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;

/**
 * Finds the members of the top-level object of a JSON text, so that one value can be read, or replaced, without touching
 * or copying any other byte. Null for what is not surely an object: a text that `JSON.parse` takes for one is never null;
 * of one that it does not take, wrong brackets, commas, colons, words and whatever comes behind the object are noticed,
 * while the inside of strings and numbers is not looked at.
 */
export function scanTopLevel(json: Buffer): TopLevel | null {
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_BRACE) return null;
  const bodyStart = ++at;
  const members = new Map<string, MemberSpan>();
  let duplicate: string | null = null;
  at = skipSpace(json, at);
  if (json[at] !== CLOSE_BRACE) {
    for (;;) {
      const nameStart = at;
      const valueStart = skipToValue(json, at);
      const valueEnd = valueStart < 0 ? -1 : skipValue(json, valueStart);
      if (valueEnd < 0) return null;
      const name = nameAt(json, nameStart);
      if (name === null) return null;
      if (members.has(name)) duplicate ??= name;
      members.set(name, { valueStart, valueEnd });
      at = skipSpace(json, valueEnd);
      if (json[at] === CLOSE_BRACE) break;
      if (json[at] !== COMMA) return null;
      at = skipSpace(json, at + 1);
    }
  }
  return skipSpace(json, at + 1) === json.length ? { bodyStart, members, duplicate } : null;
}

/** A new text in which `[start, end)` reads `replacement`. */
export const splice = (json: Buffer, start: number, end: number, replacement: string): Buffer =>
  Buffer.concat([json.subarray(0, start), Buffer.from(replacement), json.subarray(end)]);

/** Names may hold escapes: "\u006dodel" is `model` to every parser. */
function nameAt(json: Buffer, quote: number): string | null {
  for (let at = quote + 1; ; at++) {
    const byte = json[at]!;
    if (byte === 0x22) return knownName(json, quote + 1, at) ?? json.toString('latin1', quote + 1, at);
    if (byte === BACKSLASH || byte > 0x7e) return parsedName(json, quote);
  }
}

/** Names that most requests have, by length: their bytes are compared, and no text is made of them. */
const KNOWN = byLength(['n', 'seed', 'user', 'stop', 'model', 'input', 'store', 'tools', 'top_p', 'stream', 'system', 'messages', 'max_tokens', 'tool_choice', 'temperature', 'instructions', 'stream_options', 'response_format', 'max_output_tokens', 'max_completion_tokens', 'parallel_tool_calls']);

interface KnownName {
  readonly name: string;
  readonly bytes: Buffer;
}

function byLength(names: readonly string[]): readonly (readonly KnownName[])[] {
  const known = names.map((name) => ({ name, bytes: Buffer.from(name) }));
  const longest = Math.max(...names.map(({ length }) => length));
  return Array.from({ length: longest + 1 }, (_, length) => known.filter(({ name }) => name.length === length));
}

function knownName(json: Buffer, start: number, end: number): string | undefined {
  const names = KNOWN[end - start];
  if (names === undefined) return undefined;
  for (const { name, bytes } of names) if (startsWith(json, start, bytes)) return name;
  return undefined;
}

function parsedName(json: Buffer, quote: number): string | null {
  try {
    return JSON.parse(json.toString('utf8', quote, skipString(json, quote))) as string;
  } catch {
    return null;
  }
}
