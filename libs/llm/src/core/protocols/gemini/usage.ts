import { type Fields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { count, readCounts } from '../../dialogue/counts.js';

/**
 * Reads a `usageMetadata` (ai.google.dev/api/generate-content, `UsageMetadata`), or null when there is none or it makes no
 * sense. Nothing is clamped, for a guess would be recorded as the provider's word. A count that is absent is 0, as proto3's
 * JSON leaves zeros out; the prompt's alone must be there.
 *
 * - `promptTokenCount` includes `cachedContentTokenCount`; `toolUsePromptTokenCount` is input beside it.
 * - `candidatesTokenCount` does not include `thoughtsTokenCount`; both are output and billed as such.
 * - `totalTokenCount` is the sum of prompt, tool use, candidates and thoughts; where it is told and is not, nothing is trusted.
 */
export const readGeminiUsage = (usage: unknown): TokenUsage | null => readCounts(usage, read);

function read(usage: Fields): TokenUsage | null {
  const prompt = count(usage['promptTokenCount']);
  const cached = count(usage['cachedContentTokenCount']) ?? 0;
  const toolUse = count(usage['toolUsePromptTokenCount']) ?? 0;
  const candidates = count(usage['candidatesTokenCount']) ?? 0;
  const thoughts = count(usage['thoughtsTokenCount']) ?? 0;
  const total = count(usage['totalTokenCount']);
  if (prompt === null || cached > prompt) return null;
  if (total !== null && total !== prompt + toolUse + candidates + thoughts) return null;
  return { promptTokens: prompt + toolUse, cachedTokens: cached, cacheWriteTokens: 0, completionTokens: candidates + thoughts, reasoningTokens: thoughts };
}

/** Gemini has no word for cache writes; they stay within the prompt. */
export function writeGeminiUsage(usage: TokenUsage): Fields {
  return {
    promptTokenCount: usage.promptTokens,
    candidatesTokenCount: usage.completionTokens - usage.reasoningTokens,
    totalTokenCount: usage.promptTokens + usage.completionTokens,
    ...(usage.cachedTokens > 0 && { cachedContentTokenCount: usage.cachedTokens }),
    ...(usage.reasoningTokens > 0 && { thoughtsTokenCount: usage.reasoningTokens }),
  };
}
