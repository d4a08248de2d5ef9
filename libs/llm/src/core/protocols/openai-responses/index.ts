import { type Codec } from '../../dialogue/codec.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { decodeError, encodeError } from './errors.js';
import { decodeRequest, IGNORED_HINTS } from './request-decoder.js';
import { encodeRequest } from './request-encoder.js';
import { ResponsesStreamDecoder } from './stream-decoder.js';
import { ResponsesStreamEncoder } from './stream-encoder.js';
import { readResponsesUsage } from './usage.js';

export { IGNORED_HINTS, readResponsesUsage };

/** OpenAI's Responses API: developers.openai.com/api/reference/resources/responses. */
export const openAiResponsesCodec: Codec = {
  protocol: 'openai-responses',
  decodeRequest,
  encodeRequest,
  decodeAnswer,
  encodeAnswer,
  readUsage: readResponsesUsage,
  createStreamDecoder: () => new ResponsesStreamDecoder(),
  createStreamEncoder: (options) => new ResponsesStreamEncoder(options),
  decodeError,
  encodeError,
};
