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
export { ProviderRegistry, type ProviderConfig, type ResolvedModel, type UpstreamProvider } from './core/providers.js';
export { readOpenAiUsage } from './core/openai-usage.js';
export { planRetry, parseRetryAfter, parseShouldRetry, type AttemptEnd, type RetryInput, type RetryPlan } from './core/retry-policy.js';
export { type UpstreamFailure } from './core/upstream-failure.js';
