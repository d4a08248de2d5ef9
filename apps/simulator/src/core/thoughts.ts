import { writeProse } from './prose.js';
import { randomFrom, seedOf } from './random.js';

/** Tokens of hidden reasoning per token of the summary that is shown of it. */
const CONDENSED = 4;

/**
 * What a model shows of its thoughts, token by token: a summary, shorter than what it thought and is billed for.
 * Depends on the identity alone.
 */
export function thoughtsShown(identity: string, reasoningTokens: number): string[] {
  if (reasoningTokens === 0) return [];
  const tokens = Math.ceil(reasoningTokens / CONDENSED);
  return writeProse(randomFrom(seedOf(`thoughts\n${identity}`)), tokens).slice(0, tokens);
}
