import { type Order, type ToolChoice } from '../core/generation.js';
import { seedOf } from '../core/random.js';
import { type Tokenizer } from '../core/tokenizer.js';
import { type MessagesBody } from './messages.schema.js';
import { type ClaudeModel, type Effort } from './models.js';
import { type Turn } from './turns.js';

/** Strings that Anthropic documents for testing: what they begin with is enough here. */
const REFUSAL_STRING = 'ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL';
const REDACTION_STRING = 'ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING';

/** Most that a simulated model thinks about one answer. */
const MOST_THOUGHT = 1_500;
/** Tokens of thought where the model decides by itself. */
const BY_EFFORT: Readonly<Record<Effort, number>> = { low: 120, medium: 300, high: 600, xhigh: 900, max: 1_200 };

export interface MessagesOrder {
  readonly order: Order;
  /** The model declines to answer. */
  readonly refuses: boolean;
  /** Its thoughts are not shown. */
  readonly redacts: boolean;
}

/** A cache marker and a signature say nothing to the model. */
const withoutMarks = (key: string, value: unknown): unknown => (key === 'cache_control' || key === 'signature' ? undefined : value);

/** What the engine is asked for. `targetTokens`: the length that a test orders. */
export function orderOf(body: MessagesBody, turns: readonly Turn[], model: ClaudeModel, promptTokens: number, targetTokens: number | null, tokenizer: Tokenizer): MessagesOrder {
  const userTexts = turns.flatMap((turn) => (turn.role === 'user' ? [turn.blocks.flatMap(({ block }) => (block.type === 'text' ? [block.text] : [])).join('\n')] : []));
  const userText = userTexts.findLast((text) => text !== '') ?? '';
  const lastIsToolResult = turns.at(-1)?.blocks.some(({ block }) => block.type === 'tool_result') === true;
  const identity = JSON.stringify([model.id, turns.map((turn) => [turn.role, turn.blocks.map(({ block }) => block)]), body.system ?? null, body.tools ?? null, body.output_config?.format ?? null], withoutMarks);
  const format = body.output_config?.format;
  return {
    refuses: userText.includes(REFUSAL_STRING),
    redacts: userText.includes(REDACTION_STRING),
    order: {
      identity,
      userText,
      userTokens: tokenizer.count(userText),
      lastIsToolResult,
      answers: 1,
      maxTokens: Math.max(0, Math.min(body.max_tokens, model.contextWindow - promptTokens)),
      targetTokens: targetTokens === null ? null : Math.min(targetTokens, model.maxOutput),
      // A turn that goes on after results of tools has thought already.
      reasoningTokens: lastIsToolResult ? 0 : thinkingTokens(body, identity),
      stops: body.stop_sequences ?? [],
      tools: (body.tools ?? []).map((tool) => ({ name: tool.name, parameters: tool.input_schema })),
      toolChoice: toolChoiceOf(body),
      parallelTools: !(body.tool_choice && body.tool_choice.type !== 'none' && body.tool_choice.disable_parallel_tool_use === true),
      format: format ? { kind: 'schema', schema: format.schema } : { kind: 'text' },
    },
  };
}

function thinkingTokens(body: MessagesBody, identity: string): number {
  const { thinking } = body;
  const share = 0.2 + 0.3 * ((seedOf(identity) % 100) / 100);
  switch (thinking?.type) {
    case 'enabled': return Math.min(MOST_THOUGHT, Math.round(thinking.budget_tokens * share));
    case 'adaptive': return Math.round(BY_EFFORT[body.output_config?.effort ?? 'high'] * (share + 0.5));
    case 'disabled':
    case undefined: return 0;
  }
}

function toolChoiceOf(body: MessagesBody): ToolChoice {
  switch (body.tool_choice?.type) {
    case 'any': return 'required';
    case 'tool': return { name: (body.tool_choice as { name: string }).name };
    case 'none': return 'none';
    case 'auto':
    case undefined: return 'auto';
  }
}
