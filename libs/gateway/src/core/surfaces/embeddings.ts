import { type Fields } from '@apex/common';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { checkModel } from './checks.js';
import { openAiErrorBody, openAiErrorEvent } from './openai-errors.js';
import { type SurfaceSpec } from './surface.js';

/** `POST /v1/embeddings`: https://platform.openai.com/docs/api-reference/embeddings/create */
export const embeddings: SurfaceSpec = {
  surface: 'embeddings',
  protocol: null,
  check: (body) => {
    const refusal = checkModel(body) ?? checkInput(body);
    if (refusal !== null) return { ok: false, refusal };
    return { ok: true, call: { model: body['model'] as string, stream: false, wantsUsageChunk: false, hasStreamOptions: false } };
  },
  errorBody: openAiErrorBody,
  errorEvent: openAiErrorEvent,
};

function checkInput(body: Fields): Refusal | null {
  const input = body['input'];
  if (input === undefined) return refusals.missingParameter('input');
  if (typeof input !== 'string' && !Array.isArray(input)) return refusals.invalidType('input', 'a string or an array');
  return input.length === 0 ? refusals.invalidValue('input', 'something to embed') : null;
}
