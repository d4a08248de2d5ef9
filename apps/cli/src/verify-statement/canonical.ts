import { createHash } from 'node:crypto';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** What is wrong with a statement or its receipts, in a sentence. */
export class Finding extends Error {}

/** The one spelling of a value: members by name, no white space, whole numbers only (docs/statement-format.md, "Canonical JSON"). */
export function canonical(value: Json): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new Finding(`${value} is not a whole number`);
    return value.toFixed(0);
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) text += text === '' ? canonical(item) : `,${canonical(item)}`;
    return `[${text}]`;
  }
  const object = value as JsonObject;
  const names = Object.keys(object);
  // By UTF-16 code units; a canonical file's members come in order.
  if (names.some((name, at) => at > 0 && names[at - 1]! > name)) names.sort();
  for (const name of names) text += `${text === '' ? '' : ','}${spelled(name)}:${canonical(object[name]!)}`;
  return `{${text}}`;
}

/** Names are few, and each comes in every line. */
const known = new Map<string, string>();

function spelled(name: string): string {
  let text = known.get(name);
  if (text === undefined) {
    text = JSON.stringify(name);
    if (known.size < 1_000) known.set(name, text);
  }
  return text;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads an object that is spelled canonically: any other bytes, even of the same value, are refused. @throws Finding */
export function readCanonical(bytes: Uint8Array, what: string): JsonObject {
  let value: Json;
  let text: string;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text) as Json;
  } catch {
    throw new Finding(`${what} is not JSON in UTF-8`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Finding(`${what} is not a JSON object`);
  if (canonical(value) !== text) throw new Finding(`${what} is not canonical JSON: it has been edited or written again`);
  return value as JsonObject;
}

export const sha256 = (...parts: ReadonlyArray<string | Uint8Array>): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const sha256Hex = (text: string): string => sha256(text).toString('hex');

// Members, by their types. A statement that lacks one is none.

export function objectAt(value: Json | undefined, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Finding(`${name} is not an object`);
  return value as JsonObject;
}

export function listAt(value: Json | undefined, name: string): readonly Json[] {
  if (!Array.isArray(value)) throw new Finding(`${name} is not a list`);
  return value as readonly Json[];
}

export function textAt(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw new Finding(`${name} is not a text`);
  return value;
}

export function countAt(value: Json | undefined, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Finding(`${name} is not a count`);
  return value;
}

/** Picodollars, as a decimal string. */
export function amountAt(value: Json | undefined, name: string): bigint {
  if (typeof value !== 'string' || !/^(0|-?[1-9]\d{0,37})$/.test(value)) throw new Finding(`${name} is not an amount in picodollars`);
  return BigInt(value);
}

export function instantAt(value: Json | undefined, name: string): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== value) throw new Finding(`${name} is not an instant`);
  return ms;
}
