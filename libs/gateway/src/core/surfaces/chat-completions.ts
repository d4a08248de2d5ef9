import { type Fields, isFields, isPresent } from '@apex/common';
import { type Refusal } from '../call.js';
import { refusals } from '../refusals.js';
import { checkCount, checkMessages, checkModel, checkStream } from './checks.js';
import { openAiErrorBody, openAiErrorEvent } from './openai-errors.js';
import { type SurfaceSpec } from './surface.js';

/** `POST /v1/chat/completions`: https://platform.openai.com/docs/api-reference/chat/create */
export const chatCompletions: SurfaceSpec = {
  surface: 'chat.completions',
  protocol: 'openai-chat',
  check: (body) => {
    const refusal = checkModel(body) ?? checkMessages(body) ?? checkStream(body) ?? checkStreamOptions(body) ?? checkCount(body, 'n') ?? checkCount(body, 'max_tokens') ?? checkCount(body, 'max_completion_tokens');
    if (refusal !== null) return { ok: false, refusal };
    const options = body['stream_options'] as { include_usage?: unknown } | null | undefined;
    const stream = body['stream'] === true;
    return { ok: true, call: { model: body['model'] as string, stream, wantsUsageChunk: stream && options?.include_usage === true, hasStreamOptions: 'stream_options' in body } };
  },
  errorBody: openAiErrorBody,
  errorEvent: openAiErrorEvent,
};

function checkStreamOptions(body: Fields): Refusal | null {
  const options = body['stream_options'];
  if (!isPresent(options)) return null;
  if (!isFields(options)) return refusals.invalidType('stream_options', 'an object');
  if (body['stream'] !== true) return refusals.invalidValue('stream_options', "'stream' to be true where it is given");
  return !isPresent(options['include_usage']) || typeof options['include_usage'] === 'boolean' ? null : refusals.invalidType('stream_options.include_usage', 'a boolean');
}
