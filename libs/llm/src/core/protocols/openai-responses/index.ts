import { type Codec } from '../../dialogue/codec.js';
import { decodeError, encodeError } from '../openai/errors.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { namesIn } from './member-names.js';
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
  namesIn,
  decodeAnswer,
  encodeAnswer,
  readUsage: readResponsesUsage,
  createStreamDecoder: () => new ResponsesStreamDecoder(),
  createStreamEncoder: (options) => new ResponsesStreamEncoder(options),
  decodeError,
  encodeError,
};
