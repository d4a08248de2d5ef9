import { type ReasoningEffort } from '../../dialogue/conversation.js';

/**
 * What a Claude model takes of the Messages API. Each of these is a 400 of the provider's where it is not heeded, so that
 * a request in another protocol must be put in the model's own form or be refused by the name of what cannot be said.
 */
export interface ModelTraits {
  /** False: nothing is known of it, and whatever the protocol can say may be said. */
  readonly known: boolean;
  /** The most it writes, and so what is asked for where the caller sets no limit. */
  readonly maxOutputTokens: number;
  /** `budget`: `thinking.enabled` with `budget_tokens`; `adaptive`: `thinking.adaptive` with `output_config.effort`. */
  readonly thinking: 'none' | 'budget' | 'adaptive' | 'both';
  /** It thinks where `thinking` is absent. */
  readonly thinksUnasked: boolean;
  readonly thinkingCanBeOff: boolean;
  /** Steps of `output_config.effort`. */
  readonly efforts: readonly ReasoningEffort[];
  /** Takes `temperature`, `top_p` and `top_k` other than the default. */
  readonly sampling: boolean;
  /** Takes a last turn of the assistant's, to go on from. */
  readonly prefill: boolean;
  /** Takes `role: system` within `messages`. */
  readonly systemTurns: boolean;
  /** Takes `tool_choice` `any` and `tool`. */
  readonly forcedTools: boolean;
  /** Takes `output_config.format`. */
  readonly jsonSchema: boolean;
}

const CLAUDE_EFFORTS: readonly ReasoningEffort[] = ['low', 'medium', 'high', 'xhigh', 'max'];

const UNKNOWN_MODEL: ModelTraits = {
  known: false,
  maxOutputTokens: 8192,
  thinking: 'both',
  thinksUnasked: true,
  thinkingCanBeOff: true,
  efforts: CLAUDE_EFFORTS,
  sampling: true,
  prefill: true,
  systemTurns: true,
  forcedTools: true,
  jsonSchema: true,
};

/** `claude-opus-4-5-20251101`, `anthropic/claude-opus-4.6`, `us.anthropic.claude-haiku-4-5-...-v1:0`, `claude-sonnet-4@20250514`. */
const NAMED = /claude-(opus|sonnet|haiku|fable|mythos)-(\d{1,2}(?!\d)|preview)(?:[-.](\d{1,2})(?!\d))?/;
/** `claude-3-7-sonnet-20250219`, `claude-3-haiku-20240307`. */
const NUMBERED = /claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)/;

/**
 * The traits of a model by its name. Sources, all below platform.claude.com/docs/en: models/overview (limits),
 * build-with-claude/thinking-troubleshooting (which model takes which `thinking`), build-with-claude/effort,
 * api/errors#prefill-not-supported, build-with-claude/mid-conversation-system-messages, build-with-claude/structured-outputs.
 * A Claude that is newer than this table is taken for one of the newest.
 */
export function traitsOf(model: string): ModelTraits {
  const name = model.toLowerCase();
  const named = NAMED.exec(name);
  if (named !== null) return traits(named[1] ?? '', named[2] === 'preview' ? null : Number(named[2]) * 100 + Number(named[3] ?? 0));
  const numbered = NUMBERED.exec(name);
  if (numbered !== null) return traits(numbered[3] ?? '', Number(numbered[1]) * 100 + Number(numbered[2] ?? 0));
  return UNKNOWN_MODEL;
}

/** `version`: 4.5 is 405; null: the preview of Mythos, which takes both forms of thinking. */
function traits(family: string, version: number | null): ModelTraits {
  const at = version ?? 407;
  const above = family === 'fable' || family === 'mythos';
  const middle = family === 'opus' || family === 'sonnet';
  return {
    known: true,
    maxOutputTokens: maxOutputTokens(family, at),
    thinking: version === null || at === 406 ? 'both' : at >= 407 ? 'adaptive' : at >= 307 ? 'budget' : 'none',
    thinksUnasked: above || at >= 500,
    thinkingCanBeOff: !above && !(middle && at >= 505),
    efforts: at >= 407 ? CLAUDE_EFFORTS : CLAUDE_EFFORTS.filter((effort) => effort !== 'xhigh'),
    sampling: at < 407,
    prefill: at < 406,
    systemTurns: version !== null && (at >= 500 || (family === 'opus' && at >= 408)),
    forcedTools: !((above && at >= 501) || (middle && at >= 505)),
    jsonSchema: at >= 405 || (family === 'opus' && at === 401),
  };
}

function maxOutputTokens(family: string, version: number): number {
  if (version >= 406) return 128_000;
  if (version >= 405) return 64_000;
  if (version >= 400) return family === 'opus' ? 32_000 : 64_000;
  if (version === 307) return 64_000;
  return version === 305 ? 8192 : 4096;
}

/** Anthropic's least budget. */
export const MIN_BUDGET_TOKENS = 1024;

/**
 * An effort as a budget, for models that know budgets only (Claude 3.7 to 4.5). Anthropic gives no such table; these are
 * steps of a factor of two to four, from its least budget up to the 32,000 beyond which it advises batches
 * (build-with-claude/extended-thinking). A budget takes at most four fifths of `max_tokens`, so that an answer fits in.
 */
export const EFFORT_BUDGETS: Readonly<Record<ReasoningEffort, number>> = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, xhigh: 24_576, max: 32_000 };

/** The budget that stands for an effort; null where not even the least one fits. */
export function budgetOf(effort: ReasoningEffort, maxTokens: number): number | null {
  const budget = Math.min(EFFORT_BUDGETS[effort], Math.floor(maxTokens * 0.8));
  return budget < MIN_BUDGET_TOKENS ? null : budget;
}
