import { type Fields, isFields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { count, readCounts } from '../../dialogue/counts.js';

/**
 * Reads Anthropic's `usage` (platform.claude.com/docs/en/api/messages, build-with-claude/prompt-caching), or null when there
 * is none or it makes no sense. `input_tokens` exclude what was read from the cache and written to it, `output_tokens`
 * include thinking. Nothing is clamped; an explicit zero stays a zero.
 *
 * A compaction within the request is billed beside the totals (`iterations`) and added here. An advisor's tokens cost
 * what its own model costs and are in no total: they are not counted.
 */
export const readAnthropicUsage = (usage: unknown): TokenUsage | null => readCounts(usage, readAll);

function readAll(usage: Fields): TokenUsage | null {
  const own = read(usage);
  const iterations = usage['iterations'];
  if (own === null || !Array.isArray(iterations)) return own;
  const compactions = iterations.filter((one: unknown) => isFields(one) && one['type'] === 'compaction').map((one) => read(one as Fields));
  return compactions.reduce((sum, one) => (sum === null || one === null ? null : add(sum, one)), own);
}

function read(usage: Fields): TokenUsage | null {
  const input = count(usage['input_tokens']);
  const output = count(usage['output_tokens']);
  if (input === null || output === null) return null;
  const cachedTokens = count(usage['cache_read_input_tokens']) ?? 0;
  const cacheWriteTokens = count(usage['cache_creation_input_tokens']) ?? writtenByTtl(usage['cache_creation']);
  const details = usage['output_tokens_details'];
  const reasoningTokens = isFields(details) ? (count(details['thinking_tokens']) ?? 0) : 0;
  const promptTokens = input + cachedTokens + cacheWriteTokens;
  if (reasoningTokens > output || !Number.isSafeInteger(promptTokens)) return null;
  return { promptTokens, cachedTokens, cacheWriteTokens, completionTokens: output, reasoningTokens };
}

function writtenByTtl(written: unknown): number {
  return isFields(written) ? (count(written['ephemeral_5m_input_tokens']) ?? 0) + (count(written['ephemeral_1h_input_tokens']) ?? 0) : 0;
}

const add = (a: TokenUsage, b: TokenUsage): TokenUsage => ({
  promptTokens: a.promptTokens + b.promptTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  completionTokens: a.completionTokens + b.completionTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
});

/** The counts as `message_delta` tells them. */
export function writeAnthropicUsage(usage: TokenUsage): Fields {
  return {
    input_tokens: usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
  };
}

/**
 * Follows the usage of a stream that is passed on as it is. `message_start` tells the prompt's counts, `message_delta`
 * tells running totals (build-with-claude/streaming: "the token counts shown in the usage field of the message_delta event
 * are cumulative"): a count told later replaces the earlier one, a count that is not told again stands.
 */
export class AnthropicUsageMeter {
  private told: Fields | null = null;

  /** Takes in what one of these events says: the `usage` of `message_start`'s message, or of a `message_delta`. Never throws. */
  merge(usage: unknown): void {
    if (!isFields(usage)) return;
    const present = Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null && value !== undefined));
    this.told = { ...this.told, ...present };
  }

  /** What is known by now; null: nothing. */
  usage(): TokenUsage | null {
    return readAnthropicUsage(this.told);
  }
}
