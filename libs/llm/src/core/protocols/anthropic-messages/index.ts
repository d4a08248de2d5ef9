import { type Codec } from '../../dialogue/codec.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { decodeError, encodeError } from './errors.js';
import { namesIn } from './member-names.js';
import { decodeRequest } from './request-decoder.js';
import { encodeRequest } from './request-encoder.js';
import { AnthropicStreamDecoder } from './stream-decoder.js';
import { AnthropicStreamEncoder } from './stream-encoder.js';
import { readAnthropicUsage } from './usage.js';

/** Anthropic's Messages API, `POST /v1/messages`, version 2023-06-01 as of November 2026. */
export const anthropicMessagesCodec: Codec = {
  protocol: 'anthropic-messages',
  decodeRequest,
  encodeRequest,
  namesIn,
  decodeAnswer,
  encodeAnswer,
  readUsage: readAnthropicUsage,
  createStreamDecoder: () => new AnthropicStreamDecoder(),
  createStreamEncoder: (options) => new AnthropicStreamEncoder(options),
  decodeError,
  encodeError,
};

export { AnthropicUsageMeter, readAnthropicUsage } from './usage.js';
export { IGNORED_HINTS } from './request-decoder.js';
