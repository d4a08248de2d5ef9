import { refusals } from '../refusals.js';
import { type Refusal } from '../call.js';
import { checkCount, checkMessages, checkModel, checkStream } from './checks.js';
import { type SurfaceSpec } from './surface.js';

/** `POST /v1/messages`: https://docs.anthropic.com/en/api/messages */
export const messages: SurfaceSpec = {
  surface: 'messages',
  protocol: 'anthropic-messages',
  check: (body) => {
    const missing = body['max_tokens'] === undefined ? refusals.missingParameter('max_tokens') : null;
    const refusal = checkModel(body) ?? checkMessages(body) ?? missing ?? checkStream(body) ?? checkCount(body, 'max_tokens');
    if (refusal !== null) return { ok: false, refusal };
    return { ok: true, call: { model: body['model'] as string, stream: body['stream'] === true, wantsUsageChunk: true, hasStreamOptions: false } };
  },
  errorBody: (refusal, requestId) => Buffer.from(JSON.stringify(anthropicError(refusal, requestId))),
  errorEvent: (refusal, requestId) => Buffer.from(`event: error\ndata: ${JSON.stringify(anthropicError(refusal, requestId))}\n\n`),
};

/** https://docs.anthropic.com/en/api/errors. `code` and `param` are ours: stable names for what the message says. */
const anthropicError = ({ httpStatus, message, code, param }: Refusal, requestId: string) => ({
  type: 'error',
  error: { type: errorType(httpStatus), message, code, param },
  request_id: requestId,
});

function errorType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 503:
      return 'overloaded_error';
    case 504:
      return 'timeout_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'api_error';
  }
}
