import { type Fields } from '@apex/common';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { checkCount, checkModel, checkStream } from './checks.js';
import { openAiErrorBody } from './openai-errors.js';
import { type SurfaceSpec } from './surface.js';

/** `POST /v1/responses`: https://platform.openai.com/docs/api-reference/responses/create */
export const responses: SurfaceSpec = {
  surface: 'responses',
  protocol: 'openai-responses',
  check: (body) => {
    const refusal = checkModel(body) ?? checkInput(body) ?? checkStream(body) ?? checkCount(body, 'max_output_tokens');
    if (refusal !== null) return { ok: false, refusal };
    return { ok: true, call: { model: body['model'] as string, stream: body['stream'] === true, wantsUsageChunk: true, hasStreamOptions: 'stream_options' in body } };
  },
  errorBody: openAiErrorBody,
  errorEvent: ({ message, code, param }) => Buffer.from(`event: error\ndata: ${JSON.stringify({ type: 'error', code, message, param, sequence_number: 0 })}\n\n`),
};

function checkInput(body: Fields): Refusal | null {
  const input = body['input'];
  // A stored prompt may bring its own input.
  if (input === undefined) return 'prompt' in body || 'previous_response_id' in body ? null : refusals.missingParameter('input');
  return typeof input === 'string' || Array.isArray(input) ? null : refusals.invalidType('input', 'a string or an array');
}
