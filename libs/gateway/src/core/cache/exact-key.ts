import { hash } from 'node:crypto';
import { type Surface } from '@apex/usage';
import { skipSpace, skipString } from '../json/skip-value.js';
import { type TopLevel } from '../json/top-level.js';
import { type Admitted } from '../types.js';

/** Raised when the same request is to have another key. */
const VERSION = 'apex exact cache 1';

/**
 * Headers that reach the provider or change what it is asked. `x-apex-cache` only says whether to look at all, and
 * `x-apex-trailer` adds what is no part of the answer that is kept.
 */
const TELLING = ['anthropic-beta', 'anthropic-version', 'openai-beta', 'openai-organization', 'openai-project', 'x-apex-route'] as const;

/**
 * Members whose presence makes an answer depend on what the provider holds or finds at that time, or makes the call an act
 * (a stored completion, a tool that is run): bytes that are the same do not mean the same the next time.
 */
const LIVE: Readonly<Record<Surface, readonly string[]>> = {
  'chat.completions': ['web_search_options', 'store'],
  responses: ['conversation', 'background', 'prompt'],
  messages: ['container', 'mcp_servers'],
  embeddings: [],
};

export type KeyedRequest = Pick<Admitted, 'surface' | 'headers' | 'body' | 'top'> & {
  readonly key: Pick<Admitted['key'], 'customerId'>;
  readonly candidates: readonly Pick<Admitted['candidates'][number], 'target'>[];
};

/**
 * Names a request by all that shapes its answer, as SHA-256 in lower-case hex: customer, surface, telling headers, the
 * places that can answer, and the body's bytes. Of the body only that is left out which no parser can see: white space
 * between tokens and the order of the outermost members. Everything else counts byte for byte, also where it means the
 * same (`1.0` and `1`, escapes, the order of nested members): a miss is always safe, and no two requests that a provider
 * could tell apart have one key.
 *
 * Null: the answer depends on more than the request says.
 */
export function exactKey({ key, surface, headers, body, top, candidates }: KeyedRequest): string | null {
  if (top.duplicate !== null) return null;
  for (const name of LIVE[surface]) if (isGiven(body, top, name)) return null;
  // None of these holds a line feed, and so they cannot run into each other: ids and models are checked, headers quoted.
  let scope = `${VERSION}\n${key.customerId}\n${surface}\n${headersText(headers)}`;
  for (let i = 0; i < candidates.length; i++) {
    const { provider, model } = candidates[i]!.target;
    scope += `\n${provider.name} ${provider.origin}${provider.basePath}\n${model}`;
  }
  scope += '\n\n';
  const room = scope.length * 3 + body.length + 2;
  const scratch = room <= shared.length ? shared : Buffer.allocUnsafe(room);
  let at = scratch.write(scope, 0, 'utf8');
  for (const { start, nameEnd, valueStart, valueEnd } of membersByName(body, top)) {
    at = copy(body, start, nameEnd, scratch, at);
    scratch[at++] = COLON;
    at = copyTokens(body, valueStart, valueEnd, scratch, at);
    scratch[at++] = COMMA;
  }
  return hash('sha256', scratch.subarray(0, at), 'hex');
}

/** Nothing in here outlives a call, which is synchronous. Larger bodies have one of their own. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;

function headersText(headers: KeyedRequest['headers']): string {
  let text = '';
  for (const name of TELLING) {
    const value = headers[name];
    if (value !== undefined) text += `${name}:${JSON.stringify(value)} `;
  }
  return text;
}

/** Whether a member says anything: it is there, and neither null nor false. */
function isGiven(body: Buffer, top: TopLevel, name: string): boolean {
  const span = top.members.get(name);
  if (span === undefined) return false;
  const first = body[span.valueStart];
  return first !== 0x6e && first !== 0x66;
}

interface Member {
  /** The name as it is spelled, quotes included: `[start, nameEnd)`. */
  readonly start: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Bodies have about ten members, in much the same order each time: put into place one by one. */
function membersByName(body: Buffer, top: TopLevel): Member[] {
  const members: Member[] = [];
  let from = top.bodyStart;
  for (const { valueStart, valueEnd } of top.members.values()) {
    let start = skipSpace(body, from);
    if (body[start] === COMMA) start = skipSpace(body, start + 1);
    const nameEnd = skipString(body, start);
    const member = { start, nameEnd, valueStart, valueEnd };
    let place = members.length;
    for (; place > 0 && isBefore(body, member, members[place - 1]!); place--) members[place] = members[place - 1]!;
    members[place] = member;
    from = valueEnd;
  }
  return members;
}

/** Whether a name goes before another by the bytes that spell it. Neither begins with the whole of the other: they end in their quotes. */
function isBefore(body: Buffer, one: Member, other: Member): boolean {
  let i = 0;
  while (i < one.nameEnd - one.start && body[one.start + i] === body[other.start + i]) i++;
  return body[one.start + i]! < body[other.start + i]!;
}

/** Below this a loop is quicker than a call into native code. */
const SHORT = 48;

function copy(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > SHORT) return at + from.copy(to, at, start, end);
  for (let i = start; i < end; i++) to[at++] = from[i]!;
  return at;
}

/** Copies a value that has been scanned, less the white space between its tokens; texts are copied as they are. */
function copyTokens(body: Buffer, start: number, end: number, to: Buffer, at: number): number {
  for (let i = start; i < end; ) {
    const byte = body[i]!;
    if (byte === QUOTE) {
      const behind = skipString(body, i);
      at = copy(body, i, behind, to, at);
      i = behind;
    } else {
      if (byte > 0x20) to[at++] = byte;
      i++;
    }
  }
  return at;
}
