import { type Fields } from '@apex/common';
import { parseExactly } from '../../dialogue/exact-json.js';
import { isWritable } from '../../dialogue/wire-schemas.js';

/**
 * Arguments and ids of tool calls: Anthropic wants objects where others have text, and takes only some characters in ids.
 */

/** Where an answer's arguments, which are no JSON object, stand within `input`: a model that was cut off leaves such. */
export const UNPARSED_ARGUMENTS = 'unparsed_arguments';

/**
 * The object that a JSON text says; null: it says none. No text stands for no arguments. The value is for `JSON.stringify`
 * alone (`parseExactly`).
 */
export function parseArguments(text: string): Fields | null {
  if (text === '') return {};
  try {
    const value = parseExactly(text);
    return isWritable(value) ? value : null;
  } catch {
    return null;
  }
}

const SAFE_ID = /^[a-zA-Z0-9_-]+$/;

/** An id as Anthropic takes it (`^[a-zA-Z0-9_-]+$`). An id only ties a result to its call, so that both may be rewritten alike. */
export const safeId = (id: string): string => (SAFE_ID.test(id) ? id : `id_${[...id].map((character) => (/[a-zA-Z0-9-]/.test(character) ? character : `_${character.codePointAt(0)?.toString(16) ?? ''}_`)).join('')}`);
