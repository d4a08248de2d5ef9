import { isWritable, type JsonObject } from './wire.js';

/**
 * Arguments and ids of tool calls: Anthropic wants objects where others have text, and takes only some characters in ids.
 */

/** Where an answer's arguments, which are no JSON object, stand within `input`: a model that was cut off leaves such. */
export const UNPARSED_ARGUMENTS = 'unparsed_arguments';

/** Numbers that a double may not hold: many digits, or an exponent of three. */
const LONG_NUMBER = /[\d.]{16}|[eE][+-]?\d{3}/;

interface SourceAware {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

/**
 * The object that a JSON text says; null: it says none. No text stands for no arguments. Numbers that a double cannot
 * hold, like ids of 19 digits, stay as written (`JSON.rawJSON`), so that the value is for `JSON.stringify` alone.
 */
export function parseArguments(text: string): JsonObject | null {
  if (text === '') return {};
  try {
    const value: unknown = LONG_NUMBER.test(text) ? exactly(text) : JSON.parse(text);
    return isWritable(value) ? value : null;
  } catch {
    return null;
  }
}

function exactly(text: string): unknown {
  const json = JSON as unknown as SourceAware;
  return json.parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined && !isExact(value, source) ? json.rawJSON(source) : value));
}

function isExact(value: number, source: string): boolean {
  if (String(value) === source) return true;
  const digits = source.replace(/[eE].*$/, '').replace(/\D/g, '');
  return Number.isFinite(value) && digits.length <= 15 && (value !== 0 || /^0*$/.test(digits));
}

const SAFE_ID = /^[a-zA-Z0-9_-]+$/;

/** An id as Anthropic takes it (`^[a-zA-Z0-9_-]+$`). An id only ties a result to its call, so that both may be rewritten alike. */
export const safeId = (id: string): string => (SAFE_ID.test(id) ? id : `id_${[...id].map((character) => (/[a-zA-Z0-9-]/.test(character) ? character : `_${character.codePointAt(0)?.toString(16) ?? ''}_`)).join('')}`);
