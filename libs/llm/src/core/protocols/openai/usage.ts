import { type Fields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { count, details, readCounts } from '../../dialogue/counts.js';

/**
 * Reads the `usage` of an OpenAI-compatible answer (chat completions and embeddings), or null when there is none or
 * it makes no sense: counts that are negative or not whole, parts larger than their whole. Nothing is clamped, for a
 * guess would be recorded as the provider's word. An explicit zero stays a zero.
 *
 * Dialects, beside OpenAI's own (platform.openai.com/docs/api-reference/chat/object):
 * - cached tokens: DeepSeek's `prompt_cache_hit_tokens`, Moonshot's `cached_tokens`, LiteLLM's `cache_read_input_tokens`;
 * - cache writes: `prompt_tokens_details.cache_write_tokens` (OpenAI, OpenRouter), `cache_creation_input_tokens` and
 *   `cache_creation_tokens` (proxies of Anthropic and Qwen); all of them are part of `prompt_tokens`;
 * - reasoning outside of `completion_tokens`: xAI counts it in `total_tokens` and in the details only, Gemini's
 *   compatible endpoint in `total_tokens` alone. Both bill it as output, so it is added to the completion here.
 */
export const readOpenAiUsage = (usage: unknown): TokenUsage | null => readCounts(usage, read);

function read(usage: Fields): TokenUsage | null {
  const promptDetails = details(usage['prompt_tokens_details']);
  const completionDetails = details(usage['completion_tokens_details']);
  const promptTokens = count(usage['prompt_tokens']);
  const totalTokens = count(usage['total_tokens']);
  if (promptTokens === null) return null;
  const cachedTokens =
    count(promptDetails['cached_tokens']) ?? count(usage['prompt_cache_hit_tokens']) ?? count(usage['cached_tokens']) ?? count(usage['cache_read_input_tokens']) ?? 0;
  const cacheWriteTokens =
    count(promptDetails['cache_write_tokens']) ??
    count(promptDetails['cache_creation_input_tokens']) ??
    count(promptDetails['cache_creation_tokens']) ??
    count(usage['cache_creation_input_tokens']) ??
    0;
  if (cachedTokens + cacheWriteTokens > promptTokens) return null;

  const output = readOutput(promptTokens, count(usage['completion_tokens']), count(completionDetails['reasoning_tokens']) ?? 0, totalTokens);
  return output === null ? null : { promptTokens, cachedTokens, cacheWriteTokens, ...output };
}

function readOutput(prompt: number, completion: number | null, reasoning: number, total: number | null): Pick<TokenUsage, 'completionTokens' | 'reasoningTokens'> | null {
  // Embeddings tell no completion: then the total must be the prompt.
  if (completion === null) return reasoning === 0 && (total === null || total === prompt) ? { completionTokens: 0, reasoningTokens: 0 } : null;
  const untold = total === null ? 0 : total - prompt - completion;
  if (untold === 0) return reasoning <= completion ? { completionTokens: completion, reasoningTokens: reasoning } : null;
  if (untold > 0 && (reasoning === untold || reasoning === 0)) return { completionTokens: completion + untold, reasoningTokens: untold };
  return null;
}
