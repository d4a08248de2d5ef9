export { LlmModule } from './llm.module.js';
export { llmEnvSchema, llmConfig, type LlmConfig } from './llm.config.js';
export { PriceBook } from './ports/price-book.js';
export { GenaiPriceBook } from './adapters/genai-price-book.js';
export { loadTokenizer, type Tokenizer } from './adapters/gpt-tokenizer.js';
export {
  UpstreamClient,
  type UpstreamControl,
  type UpstreamEvents,
  type UpstreamRequest,
} from './adapters/upstream-client.js';
export {
  ProviderRegistry,
  type Route,
  type Target,
  type UpstreamProvider,
} from './core/providers.js';
export { type Operation } from './providers/provider-kind.js';
export { type Codec, type StreamDecoder, type StreamEncoder } from './core/dialogue/codec.js';
export { type Protocol } from './core/dialogue/protocol.js';
export { type Problem } from './core/dialogue/conversation.js';
export { MAX_SSE_EVENT_BYTES, SseEventTooLarge, SseParser, formatSse } from './core/dialogue/sse.js';
export { createOpenAiChatCodec } from './core/protocols/openai-chat/index.js';
export { codecs, ignoredHints } from './core/protocols/index.js';
export { unsealed } from './core/protocols/unsealed.js';
export { AnthropicUsageMeter, readAnthropicUsage } from './core/protocols/anthropic-messages/index.js';
export { readResponsesUsage } from './core/protocols/openai-responses/index.js';
export { readOpenAiUsage } from './core/protocols/openai/usage.js';
export { planRetry, parseRetryAfter, parseShouldRetry, type AttemptEnd } from './core/retry-policy.js';
export { type UpstreamFailure } from './core/upstream-failure.js';
