import { type TokenUsage } from '@apex/usage';

/** `usage` for a client: platform.openai.com/docs/api-reference/chat/object. `readOpenAiUsage` reads it back to the same counts. */
export const encodeUsage = (usage: TokenUsage): object => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: usage.cacheWriteTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});
