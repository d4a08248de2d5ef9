import { type Fields, isFields, isPresent } from '@apex/common';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';

const MAX_MODEL_LENGTH = 256;

/** For `stages/02-admit`. */
export { isFields as isObject } from '@apex/common';

/*
 * Checks of the members that Apex itself relies on. By hand rather than by a schema library: they run for every request,
 * and a schema would copy the body that is to pass untouched. Messages name the parameter as the APIs do.
 */

export function checkModel(body: Fields): Refusal | null {
  const model = body['model'];
  if (model === undefined) return refusals.missingParameter('model');
  if (typeof model !== 'string') return refusals.invalidType('model', 'a string');
  // Half of a surrogate pair is no character: no table would take it, and so no record could be made.
  if (model === '' || model.length > MAX_MODEL_LENGTH || /[\u0000-\u001f]/.test(model) || !model.isWellFormed()) return refusals.invalidValue('model', 'the name of a model');
  return null;
}

export function checkMessages(body: Fields): Refusal | null {
  const messages = body['messages'];
  if (messages === undefined) return refusals.missingParameter('messages');
  if (!Array.isArray(messages)) return refusals.invalidType('messages', 'an array of objects');
  if (messages.length === 0) return refusals.invalidValue('messages', 'at least one message');
  for (let i = 0; i < messages.length; i++) {
    const message: unknown = messages[i];
    if (!isFields(message)) return refusals.invalidType(`messages[${i}]`, 'an object');
    if (typeof message['role'] !== 'string') {
      return message['role'] === undefined ? refusals.missingParameter(`messages[${i}].role`) : refusals.invalidType(`messages[${i}].role`, 'a string');
    }
  }
  return null;
}

export function checkStream(body: Fields): Refusal | null {
  return !isPresent(body['stream']) || typeof body['stream'] === 'boolean' ? null : refusals.invalidType('stream', 'a boolean');
}

export function checkCount(body: Fields, name: string): Refusal | null {
  const value = body[name];
  if (!isPresent(value)) return null;
  if (typeof value !== 'number') return refusals.invalidType(name, 'an integer');
  return Number.isInteger(value) && value >= 1 ? null : refusals.invalidValue(name, 'an integer of at least 1');
}
