import { type Codec } from '../../dialogue/codec.js';
import { decodeError, encodeError } from '../openai/errors.js';
import { readOpenAiUsage } from '../openai/usage.js';
import { decodeAnswer, encodeAnswer } from './answer.js';
import { type ChatDialect, OPENAI_DIALECT } from './dialect.js';
import { namesIn } from './member-names.js';
import { decodeRequest } from './request-decoder.js';
import { encodeRequest } from './request-encoder.js';
import { ChatStreamDecoder } from './stream-decoder.js';
import { ChatStreamEncoder } from './stream-encoder.js';

export { type ChatDialect, OPENAI_DIALECT } from './dialect.js';
export { IGNORED_HINTS } from './wire.js';

/** OpenAI's chat completions, as a provider of this dialect takes them. */
export const createOpenAiChatCodec = (dialect: ChatDialect): Codec => ({
  protocol: 'openai-chat',
  decodeRequest,
  encodeRequest: (conversation) => encodeRequest(conversation, dialect),
  namesIn,
  decodeAnswer,
  encodeAnswer,
  readUsage: readOpenAiUsage,
  createStreamDecoder: () => new ChatStreamDecoder(),
  createStreamEncoder: (options) => new ChatStreamEncoder(options),
  decodeError,
  encodeError,
});

/** As OpenAI itself takes them. */
export const openAiChatCodec: Codec = createOpenAiChatCodec(OPENAI_DIALECT);
