export { LlmModule } from './llm.module.js';
export { llmEnvSchema, llmConfig, type LlmConfig } from './llm.config.js';
export { PriceBook, type Price } from './ports/price-book.js';
export { GenaiPriceBook } from './adapters/genai-price-book.js';
export { loadTokenizer, type Tokenizer } from './adapters/gpt-tokenizer.js';
export {
  UpstreamClient,
  type UpstreamClientOptions,
  type UpstreamControl,
  type UpstreamEvents,
  type UpstreamRequest,
} from './adapters/upstream-client.js';
export {
  ProviderRegistry,
  DEFAULT_PROVIDER,
  type ProviderConfig,
  type Route,
  type RoutesConfig,
  type Target,
  type UpstreamProvider,
  type WeightedTarget,
} from './core/providers.js';
export { type Operation, type ProviderKind } from './providers/provider-kind.js';
export { type Codec, type Protocol, type SseEvent, type StreamDecoder, type StreamEncoder } from './core/dialogue/codec.js';
export { type Problem } from './core/dialogue/conversation.js';
export { SseParser, formatSse } from './core/dialogue/sse.js';
export { createOpenAiChatCodec } from './core/protocols/openai-chat/index.js';
export { codecs, ignoredHints } from './core/protocols/index.js';
export { AnthropicUsageMeter, readAnthropicUsage } from './core/protocols/anthropic-messages/index.js';
export { readResponsesUsage } from './core/protocols/openai-responses/index.js';
export { readOpenAiUsage } from './core/openai-usage.js';
export { planRetry, parseRetryAfter, parseShouldRetry, type AttemptEnd, type RetryInput, type RetryPlan } from './core/retry-policy.js';
export { type UpstreamFailure } from './core/upstream-failure.js';
