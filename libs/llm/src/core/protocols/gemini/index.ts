import { type Codec } from '../../dialogue/codec.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { decodeError, encodeError } from './errors.js';
import { namesIn } from './member-names.js';
import { decodeRequest } from './request-decoder.js';
import { encodeRequest } from './request-encoder.js';
import { GeminiStreamDecoder } from './stream-decoder.js';
import { GeminiStreamEncoder } from './stream-encoder.js';
import { readGeminiUsage } from './usage.js';

export { geminiPath } from './path.js';
export { IGNORED_HINTS } from './wire.js';

/** Gemini's `generateContent` and `streamGenerateContent`, v1beta (ai.google.dev/api/generate-content). */
export const geminiCodec: Codec = {
  protocol: 'gemini',
  decodeRequest,
  encodeRequest,
  namesIn,
  decodeAnswer,
  encodeAnswer,
  readUsage: readGeminiUsage,
  createStreamDecoder: () => new GeminiStreamDecoder(),
  createStreamEncoder: (options) => new GeminiStreamEncoder(options),
  decodeError,
  encodeError,
};
