import { loadTokenizer } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type Candidate, type Decided } from '../core/types.js';

/**
 * Token counts for an answer whose provider told none, by the model's tokenizer: the prompt from the request, the
 * completion from every choice's text and tool calls. An estimate, and recorded as one (`usage_source: tokenizer`).
 * Runs only where a provider lacks usage, so the tokenizer is loaded at the first such answer.
 */
export async function estimateUsage(request: Decided, { target }: Candidate, answer: { json?: unknown; sse?: Buffer }): Promise<TokenUsage | null> {
  const tokenizer = await loadTokenizer();
  const body: unknown = JSON.parse(request.body.toString('utf8'));
  if (request.surface === 'embeddings') return usage(tokenizer.countTokens(target.model, embeddingInput(body)), 0);
  const texts = answer.sse === undefined ? choiceTexts(answer.json, 'message') : sseTexts(answer.sse);
  if (texts === null) return null;
  return usage(tokenizer.countChatTokens(target.model, body), tokenizer.countTokens(target.model, texts));
}

const usage = (promptTokens: number, completionTokens: number): TokenUsage => ({ promptTokens, cachedTokens: 0, cacheWriteTokens: 0, completionTokens, reasoningTokens: 0 });

function embeddingInput(body: unknown): string {
  const input = (body as { input?: unknown }).input;
  return (Array.isArray(input) ? input : [input]).filter((item) => typeof item === 'string').join('\n');
}

interface Part {
  content?: unknown;
  tool_calls?: { function?: { name?: unknown; arguments?: unknown } }[];
}

/** null: this is no chat answer, so nothing can be said of its length. */
function choiceTexts(json: unknown, member: 'message' | 'delta'): string | null {
  const choices = (json as { choices?: unknown } | null)?.choices;
  if (!Array.isArray(choices)) return null;
  let text = '';
  for (const choice of choices as Record<string, Part | undefined>[]) {
    const part = choice?.[member];
    if (typeof part?.content === 'string') text += part.content;
    for (const call of part?.tool_calls ?? []) {
      if (typeof call?.function?.name === 'string') text += call.function.name;
      if (typeof call?.function?.arguments === 'string') text += call.function.arguments;
    }
  }
  return text;
}

function sseTexts(sse: Buffer): string | null {
  let text = '';
  let chunks = 0;
  for (const line of sse.toString('utf8').split(/\r?\n/)) {
    if (!line.startsWith('data:')) continue;
    const data = line.slice(5).trim();
    if (data === '[DONE]') continue;
    try {
      text += choiceTexts(JSON.parse(data), 'delta') ?? '';
      chunks++;
    } catch {
      // A broken event counts nothing; the others still do.
    }
  }
  return chunks === 0 ? null : text;
}
