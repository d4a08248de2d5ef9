import { type Surface } from '@apex/usage';
import { skipSpace, skipToValue, skipValue, startsWith } from '../json/skip-value.js';
import { type TopLevel } from '../json/top-level.js';

/*
 * What the decision wants to know of a body that has been admitted, read from its bytes. Where a body says a thing in an
 * unusual way the careful answer is given: not deterministic, no limit.
 */

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const ZEROS = [Buffer.from('0'), Buffer.from('0.0')] as const;

/** Whether the model would answer the same each time: temperature 0 or a seed; embeddings always do. */
export function isDeterministic(surface: Surface, body: Buffer, top: TopLevel): boolean {
  if (surface === 'embeddings') return true;
  const temperature = top.members.get('temperature');
  if (temperature !== undefined && ZEROS.some((zero) => temperature.valueEnd - temperature.valueStart === zero.length && startsWith(body, temperature.valueStart, zero))) return true;
  const seed = top.members.get('seed');
  return seed !== undefined && isDigits(body, body[seed.valueStart] === MINUS ? seed.valueStart + 1 : seed.valueStart, seed.valueEnd);
}

const LIMITS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const;

/** The most tokens that the client wants generated; null: it does not say. */
export function maxTokensOf(body: Buffer, top: TopLevel): number | null {
  for (const name of LIMITS) {
    const value = wholeNumber(body, top, name);
    if (value !== null) return value;
  }
  return null;
}

const OUTPUT_LIMITS: Readonly<Record<Exclude<Surface, 'embeddings'>, readonly string[]>> = {
  'chat.completions': ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
  messages: ['max_tokens'],
};

/** The most tokens that one answer may have, by the members that this API knows; null: it is not said, or not in digits. */
export function outputLimitOf(surface: Exclude<Surface, 'embeddings'>, body: Buffer, top: TopLevel): number | null {
  let most: number | null = null;
  for (const name of OUTPUT_LIMITS[surface]) {
    const value = wholeNumber(body, top, name);
    if (value !== null) most = Math.max(most ?? 0, value);
  }
  return most;
}

/** What asks for more is refused by its provider. */
const MAX_CHOICES = 999_999_999;

/** How many answers are asked for. */
export function choicesOf(surface: Surface, body: Buffer, top: TopLevel): number {
  const value = surface === 'chat.completions' ? wholeNumber(body, top, 'n') : null;
  return value !== null && value > 0 && value <= MAX_CHOICES ? value : 1;
}

const KEPT_ELSEWHERE = ['previous_response_id', 'conversation', 'prompt'] as const;

/** Whether the provider adds to the prompt what it has kept. */
export const continuesConversation = (top: TopLevel): boolean => KEPT_ELSEWHERE.some((name) => top.members.has(name));

/** The bytes of the first thing that a user said: what tells one conversation from another. */
export function firstUserMessage(body: Buffer, top: TopLevel): Buffer {
  const span = top.members.get('messages') ?? top.members.get('input');
  if (span === undefined) return body.subarray(0, 0);
  if (body[span.valueStart] !== OPEN_BRACKET) return body.subarray(span.valueStart, span.valueEnd);
  let at = skipSpace(body, span.valueStart + 1);
  while (at < span.valueEnd && body[at] !== CLOSE_BRACKET) {
    const end = skipValue(body, at);
    if (end < 0) break;
    if (body[at] !== OPEN_BRACE || isUsers(body, at)) return body.subarray(at, end);
    at = skipSpace(body, end);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return body.subarray(span.valueStart, span.valueEnd);
}

const ROLE = Buffer.from('"role"');
const USER = Buffer.from('"user"');

/** Whether the object at `from` has the role `user`. */
function isUsers(body: Buffer, from: number): boolean {
  let at = skipSpace(body, from + 1);
  while (body[at] !== CLOSE_BRACE) {
    const valueStart = skipToValue(body, at);
    const valueEnd = valueStart < 0 ? -1 : skipValue(body, valueStart);
    if (valueEnd < 0) return false;
    if (startsWith(body, at, ROLE)) return startsWith(body, valueStart, USER);
    at = skipSpace(body, valueEnd);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return false;
}

/** Beyond so many digits a number need not be exact. */
const MAX_DIGITS = 15;

/** A number that is spelled in digits alone; null for any other value, and where the member is missing. */
function wholeNumber(body: Buffer, top: TopLevel, name: string): number | null {
  const span = top.members.get(name);
  if (span === undefined || span.valueEnd - span.valueStart > MAX_DIGITS || !isDigits(body, span.valueStart, span.valueEnd)) return null;
  let value = 0;
  for (let at = span.valueStart; at < span.valueEnd; at++) value = value * 10 + body[at]! - ZERO;
  return value;
}

/** At least one. */
function isDigits(body: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (body[at]! < ZERO || body[at]! > NINE) return false;
  return from < to;
}
