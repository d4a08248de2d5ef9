import { type Answer, type Step } from '../core/generation.js';
import { type Timeline } from '../core/latency.js';
import { type TokenCounts } from '../core/ledger.js';
import { type ClaudeModel } from './models.js';

/** How the thoughts of an answer are shown. */
export interface ThinkingShown {
  /** In pieces; none: omitted. */
  readonly pieces: readonly string[];
  readonly signature: string;
  /** The sealed data in place of a text; null: not redacted. */
  readonly redacted: string | null;
}

/** One generated answer and what the Messages format wants to know beside it. */
export interface Rendering {
  readonly id: string;
  readonly model: ClaudeModel;
  readonly answer: Answer;
  readonly thinking: ThinkingShown | null;
  readonly timeline: Timeline;
  readonly promptUsage: TokenCounts;
  readonly usage: TokenCounts;
  readonly stop: StopReason;
}

export type StopReason = 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | 'refusal' | 'model_context_window_exceeded';

/** A block of the answer after the thoughts, and the steps it is made of. */
export type ContentPart =
  | { readonly kind: 'text'; readonly steps: readonly Step[] }
  | { readonly kind: 'tool_use'; readonly id: string; readonly name: string; readonly head: number; readonly steps: readonly Step[] };

/** The answer's calls, or its text; nothing where nothing was generated. */
export function contentOf({ steps }: Answer): ContentPart[] {
  const calls = steps.flatMap((step): ContentPart[] => (step.kind === 'call'
    ? [{ kind: 'tool_use', id: step.id.replace('call_', 'toolu_01'), name: step.name, head: step.tokens, steps: steps.filter((other) => other.kind === 'arguments' && other.call === step.call) }]
    : []));
  if (calls.length > 0) return calls;
  return steps.length > 0 ? [{ kind: 'text', steps }] : [];
}

export const textOf = (steps: readonly Step[]): string => steps.map((step) => (step.kind === 'call' ? '' : step.text)).join('');

const thinkingBlock = ({ pieces, signature, redacted }: ThinkingShown): object => (redacted === null ? { type: 'thinking', thinking: pieces.join(''), signature } : { type: 'redacted_thinking', data: redacted });

/** The body of an answer that is not streamed. */
export function messageBody(rendering: Rendering): string {
  const { answer, thinking, usage, stop } = rendering;
  const content = contentOf(answer).map((part) => (part.kind === 'text' ? { type: 'text', text: textOf(part.steps) } : toolUse(part, inputOf(part.steps))));
  return JSON.stringify(message(rendering, thinking ? [thinkingBlock(thinking), ...content] : content, { reason: stop, sequence: answer.stopSequence }, usageOf(usage)));
}

export const toolUse = ({ id, name }: Extract<ContentPart, { kind: 'tool_use' }>, input: unknown): object => ({ type: 'tool_use', id, name, input, caller: { type: 'direct' } });

/** Arguments that the token limit cut off are no JSON: the API then gives none. */
function inputOf(steps: readonly Step[]): unknown {
  try {
    return JSON.parse(textOf(steps)) as unknown;
  } catch {
    return {};
  }
}

export const message = ({ id, model }: Rendering, content: readonly object[], stop: { readonly reason: StopReason | null; readonly sequence: string | null }, usage: object): object => ({
  id, type: 'message', role: 'assistant', model: model.snapshot, content, stop_reason: stop.reason, stop_sequence: stop.sequence, stop_details: stopDetails(stop.reason), container: null, diagnostics: null, usage,
});

export const stopDetails = (reason: StopReason | null): object | null => (reason === 'refusal' ? { type: 'refusal', category: null, explanation: 'The simulated model declines to answer this.' } : null);

/** Usage by Anthropic's accounting: `input_tokens` are neither read from nor written to the cache. */
export const usageOf = (usage: TokenCounts): object => ({
  input_tokens: uncached(usage),
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cachedTokens,
  cache_creation: { ephemeral_5m_input_tokens: usage.cacheWriteTokens - usage.cacheWrite1hTokens, ephemeral_1h_input_tokens: usage.cacheWrite1hTokens },
  output_tokens: usage.completionTokens,
  output_tokens_details: { thinking_tokens: usage.reasoningTokens },
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: 'not_available',
  speed: 'standard',
});

/** What `message_delta` says of the whole message: cumulative, and with no breakdown of the cache. */
export const deltaUsageOf = (usage: TokenCounts): object => ({
  input_tokens: uncached(usage),
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cachedTokens,
  output_tokens: usage.completionTokens,
  output_tokens_details: { thinking_tokens: usage.reasoningTokens },
  server_tool_use: null,
});

const uncached = (usage: TokenCounts): number => usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens;
