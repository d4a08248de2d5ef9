import { type Fields } from '@apex/common';
import { isWritable } from '../../dialogue/wire-schemas.js';

/** JSON text, or null for what nests too deep to be written. */
export function jsonText(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}

/** A whole number of 16 digits and more may be one that a double cannot hold. */
const LONG_NUMBER = /\d{16}/;

/**
 * The object that a tool call's arguments are. `inexact`: a whole number in them does not survive: Gemini's `args` is a
 * `google.protobuf.Struct`, whose numbers are doubles. `malformed`: not JSON, not an object, or nested too deeply
 * to be written again.
 */
export function parseArguments(text: string): Fields | 'malformed' | 'inexact' {
  if (text.trim() === '') return {};
  let exact = true;
  const check = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source;
    if (typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && BigInt(source) !== BigInt(value)) exact = false;
    return value;
  };
  let parsed: unknown;
  try {
    parsed = LONG_NUMBER.test(text) ? (JSON.parse(text, check) as unknown) : (JSON.parse(text) as unknown);
  } catch {
    return 'malformed';
  }
  if (!isWritable(parsed)) return 'malformed';
  return exact ? parsed : 'inexact';
}
