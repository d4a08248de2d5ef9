import { type Surface } from '@apex/usage';
import { refusals } from '../refusals.js';
import { type Call, type Refusal } from '../types.js';

export type BodyCheck = { readonly ok: true; readonly call: Call } | { readonly ok: false; readonly refusal: Refusal };

type Body = Readonly<Record<string, unknown>>;

const MAX_MODEL_LENGTH = 256;

/**
 * The members of a body that Apex itself relies on. By hand rather than by a schema library: it runs for every request,
 * and a schema would copy the body that is to pass untouched.
 * Messages name the parameter as OpenAI's API does.
 */
export function checkBody(surface: Surface, body: Body): BodyCheck {
  const refusal = checkModel(body) ?? (surface === 'embeddings' ? checkEmbeddings(body) : checkChat(body));
  if (refusal !== null) return { ok: false, refusal };
  const options = body['stream_options'] as { include_usage?: unknown } | null | undefined;
  const stream = surface === 'chat.completions' && body['stream'] === true;
  return {
    ok: true,
    call: {
      model: body['model'] as string,
      stream,
      wantsUsageChunk: stream && options?.include_usage === true,
      hasStreamOptions: 'stream_options' in body,
    },
  };
}

function checkModel(body: Body): Refusal | null {
  const model = body['model'];
  if (model === undefined) return refusals.missingParameter('model');
  if (typeof model !== 'string') return refusals.invalidType('model', 'a string');
  // Half of a surrogate pair is no character: no table would take it, and so no record could be made.
  if (model === '' || model.length > MAX_MODEL_LENGTH || /[\u0000-\u001f]/.test(model) || !model.isWellFormed()) return refusals.invalidValue('model', 'the name of a model');
  return null;
}

function checkChat(body: Body): Refusal | null {
  const messages = body['messages'];
  if (messages === undefined) return refusals.missingParameter('messages');
  if (!Array.isArray(messages)) return refusals.invalidType('messages', 'an array of objects');
  if (messages.length === 0) return refusals.invalidValue('messages', 'at least one message');
  for (let i = 0; i < messages.length; i++) {
    const message: unknown = messages[i];
    if (!isObject(message)) return refusals.invalidType(`messages[${i}]`, 'an object');
    if (typeof message['role'] !== 'string') {
      return message['role'] === undefined ? refusals.missingParameter(`messages[${i}].role`) : refusals.invalidType(`messages[${i}].role`, 'a string');
    }
  }
  if (!isNullish(body['stream']) && typeof body['stream'] !== 'boolean') return refusals.invalidType('stream', 'a boolean');
  const options = body['stream_options'];
  if (!isNullish(options)) {
    if (!isObject(options)) return refusals.invalidType('stream_options', 'an object');
    if (body['stream'] !== true) return refusals.invalidValue('stream_options', "'stream' to be true where it is given");
    if (!isNullish(options['include_usage']) && typeof options['include_usage'] !== 'boolean') return refusals.invalidType('stream_options.include_usage', 'a boolean');
  }
  return checkCount(body, 'n') ?? checkCount(body, 'max_tokens') ?? checkCount(body, 'max_completion_tokens');
}

function checkEmbeddings(body: Body): Refusal | null {
  const input = body['input'];
  if (input === undefined) return refusals.missingParameter('input');
  if (typeof input !== 'string' && !Array.isArray(input)) return refusals.invalidType('input', 'a string or an array');
  if (input.length === 0) return refusals.invalidValue('input', 'something to embed');
  return null;
}

function checkCount(body: Body, name: string): Refusal | null {
  const value = body[name];
  if (isNullish(value)) return null;
  if (typeof value !== 'number') return refusals.invalidType(name, 'an integer');
  return Number.isInteger(value) && value >= 1 ? null : refusals.invalidValue(name, 'an integer of at least 1');
}

const isNullish = (value: unknown): value is null | undefined => value === undefined || value === null;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
