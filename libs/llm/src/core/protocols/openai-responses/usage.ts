import { type Fields, isFields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { readOpenAiUsage } from '../openai/usage.js';

/**
 * Reads the `usage` of a response (`ResponseUsage`: developers.openai.com/api/reference/resources/responses), or null where
 * there is none or it makes no sense. The counts are chat completions' under other names, and so are read as those, with
 * the dialects of compatible servers: cached and cache-write tokens are part of `input_tokens`, reasoning tokens of
 * `output_tokens`.
 */
export function readResponsesUsage(usage: unknown): TokenUsage | null {
  if (!isFields(usage) || typeof usage['output_tokens'] !== 'number') return null;
  return readOpenAiUsage({
    prompt_tokens: usage['input_tokens'],
    prompt_tokens_details: usage['input_tokens_details'],
    completion_tokens: usage['output_tokens'],
    completion_tokens_details: usage['output_tokens_details'],
    total_tokens: usage['total_tokens'],
  });
}

export const writeUsage = (usage: TokenUsage): Fields => ({
  input_tokens: usage.promptTokens,
  input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: usage.cacheWriteTokens },
  output_tokens: usage.completionTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.promptTokens + usage.completionTokens,
});
