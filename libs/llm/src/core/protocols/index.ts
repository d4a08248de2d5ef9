import { type Codec } from '../dialogue/codec.js';
import { type Protocol } from '../dialogue/protocol.js';
import { IGNORED_HINTS as anthropicHints, anthropicMessagesCodec } from './anthropic-messages/index.js';
import { IGNORED_HINTS as geminiHints, geminiCodec } from './gemini/index.js';
import { IGNORED_HINTS as chatHints, openAiChatCodec } from './openai-chat/index.js';
import { IGNORED_HINTS as responsesHints, openAiResponsesCodec } from './openai-responses/index.js';

export const codecs: Readonly<Record<Protocol, Codec>> = {
  'openai-chat': openAiChatCodec,
  'openai-responses': openAiResponsesCodec,
  'anthropic-messages': anthropicMessagesCodec,
  gemini: geminiCodec,
};

/** Members of a request that change neither the answer nor its form; a translation passes over them, and the client is told. */
export const ignoredHints: Readonly<Record<Protocol, readonly string[]>> = {
  'openai-chat': chatHints,
  'openai-responses': responsesHints,
  'anthropic-messages': anthropicHints,
  gemini: geminiHints,
};
