import { type Fields } from '@apex/common';
import { type EncodedRequest } from '../../dialogue/codec.js';
import { type Conversation, type Decoded, type Tool } from '../../dialogue/conversation.js';
import { Problems } from '../../dialogue/problems.js';
import { refuseUnsayable } from '../../dialogue/unsayable.js';
import { budgetOf, MIN_BUDGET_TOKENS, traitsOf, type ModelTraits } from './models.js';
import { closedSchema } from './schema.js';
import { mayThinkByBudget } from './thinking-turns.js';
import { cacheControl, TurnsEncoder } from './turns-encoder.js';

/**
 * The limit for a conversation that sets none: `max_tokens` is not optional here, and elsewhere its absence means as much
 * as the model can write. So it is the model's documented maximum (models/overview); for a model that is not known to be
 * Claude 8,192, and as much again as it may think.
 */
export function defaultMaxTokens(model: string, budgetTokens: number | null = null): number {
  const traits = traitsOf(model);
  return traits.maxOutputTokens + (traits.known ? 0 : (budgetTokens ?? 0));
}

/** The body for a provider (platform.claude.com/docs/en/api/messages/create), in the form that the conversation's model takes. */
export function encodeRequest(conversation: Conversation): Decoded<EncodedRequest> {
  const problems = new Problems();
  const ignoredHints: string[] = [];
  const traits = traitsOf(conversation.model);
  const maxTokens = conversation.maxOutputTokens ?? defaultMaxTokens(conversation.model, conversation.reasoning?.budgetTokens);
  const { system, messages } = new TurnsEncoder(traits, problems, ignoredHints).encode(conversation);
  const asked = encodeReasoning(conversation, traits, maxTokens, problems);
  const reasoning = asked.byBudget && !mayThinkByBudget(messages) ? NO_REASONING : asked;
  if (reasoning !== asked) ignoredHints.push('reasoning');
  const format = encodeOutput(conversation, traits, problems);
  refuse(conversation, problems);
  const outputConfig = { ...reasoning.outputConfig, ...format };
  const body = {
    model: conversation.model,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...encodeTools(conversation, traits, problems),
    ...encodeSampling(conversation, traits, problems),
    ...reasoning.members,
    ...(Object.keys(outputConfig).length === 0 ? {} : { output_config: outputConfig }),
    ...(conversation.stop.length === 0 ? {} : { stop_sequences: conversation.stop }),
    ...(conversation.endUser === null ? {} : { metadata: { user_id: conversation.endUser } }),
    ...(conversation.stream ? { stream: true } : {}),
  };
  return problems.decoded({ body, ignoredHints: [...ignoredHints, ...leftOut(conversation)] });
}

/** What the body has no place for and what changes nothing: see `encodeTools` and `encodeOutput`. */
function leftOut({ tools, toolChoice, parallelTools, output }: Conversation): string[] {
  const hints: string[] = [];
  if (tools.length === 0 && toolChoice !== null) hints.push('toolChoice');
  if (parallelTools !== null && (tools.length === 0 || toolChoice?.kind === 'none')) hints.push('parallelTools');
  if (output.kind === 'json_schema' && output.name !== null) hints.push('output.name');
  return hints;
}

/** Members without a counterpart. */
function refuse(conversation: Conversation, problems: Problems): void {
  refuseUnsayable(conversation, ['seed', 'presencePenalty', 'frequencyPenalty', 'candidates', 'logprobs'], problems);
  conversation.stop.forEach((sequence, index) => {
    if (sequence.trim() === '') problems.inexpressible(`stop[${index}]`, 'a stop sequence must hold more than white space');
  });
}

/** Claude 4.7 and later take the defaults alone; with thinking, so do the others (build-with-claude/extended-thinking#feature-compatibility). */
function encodeSampling(conversation: Conversation, traits: ModelTraits, problems: Problems): Fields {
  const { temperature, topP, topK } = conversation;
  const thinks = traits.sampling && traits.known && conversation.reasoning?.enabled === true;
  const why = traits.sampling ? 'cannot be set together with thinking' : 'cannot be set for this model';
  const fixed = thinks || !traits.sampling;
  if (temperature !== null && temperature > 1) problems.inexpressible('temperature', 'is at most 1');
  else if (fixed && temperature !== null && temperature !== 1) problems.inexpressible('temperature', why);
  if (fixed && topP !== null && topP < (thinks ? 0.95 : 1)) problems.inexpressible('topP', why);
  if (fixed && topK !== null) problems.inexpressible('topK', why);
  return { ...(temperature === null ? {} : { temperature }), ...(topP === null ? {} : { top_p: topP }), ...(topK === null ? {} : { top_k: topK }) };
}

interface EncodedReasoning {
  readonly byBudget?: true;
  readonly members: Fields;
  readonly outputConfig: Fields;
}

const NO_REASONING: EncodedReasoning = { members: {}, outputConfig: {} };
const byBudget = (tokens: number): EncodedReasoning => ({ byBudget: true, members: { thinking: { type: 'enabled', budget_tokens: tokens } }, outputConfig: {} });

/** In the form that the model takes: an effort where it has efforts, else the budget that stands for it (`EFFORT_BUDGETS`). */
function encodeReasoning({ reasoning }: Conversation, traits: ModelTraits, maxTokens: number, problems: Problems): EncodedReasoning {
  const refused = (param: string, why: string): EncodedReasoning => {
    problems.inexpressible(param, why);
    return NO_REASONING;
  };
  if (reasoning === null) return NO_REASONING;
  const { enabled, effort, budgetTokens } = reasoning;
  if (!enabled) {
    if (!traits.thinkingCanBeOff) return refused('reasoning.enabled', 'this model always thinks');
    return traits.thinking === 'none' ? NO_REASONING : { members: { thinking: { type: 'disabled' } }, outputConfig: {} };
  }
  if (traits.thinking === 'none') return refused('reasoning', 'this model does not think');
  if (budgetTokens !== null) {
    if (traits.thinking === 'adaptive') return refused('reasoning.budgetTokens', 'this model takes an effort and no budget');
    if (budgetTokens < MIN_BUDGET_TOKENS || budgetTokens >= maxTokens) return refused('reasoning.budgetTokens', `must be at least ${MIN_BUDGET_TOKENS} and less than the limit of output`);
    return byBudget(budgetTokens);
  }
  if (traits.thinking === 'budget') {
    const budget = budgetOf(effort ?? 'medium', maxTokens);
    if (budget === null) return refused('reasoning', `the limit of output leaves less than the ${MIN_BUDGET_TOKENS} tokens that thinking needs`);
    return byBudget(budget);
  }
  if (effort !== null && !traits.efforts.includes(effort)) return refused('reasoning.effort', `must be one of ${traits.efforts.join(', ')}`);
  return { members: { thinking: { type: 'adaptive' } }, outputConfig: effort === null ? {} : { effort } };
}

/**
 * JSON of a schema by `output_config.format` (build-with-claude/structured-outputs), never by a tool that is forced on the
 * model. The form is guaranteed, also where `strict` asks for less; a schema's name is a label alone and has no place.
 */
function encodeOutput({ output }: Conversation, traits: ModelTraits, problems: Problems): Fields {
  if (output.kind === 'text') return {};
  if (output.kind === 'json') {
    problems.inexpressible('output', 'JSON without a schema cannot be asked for');
    return {};
  }
  if (!traits.jsonSchema) problems.inexpressible('output', 'this model has no structured outputs');
  const told = output.schema['description'];
  if (output.description !== null && told !== undefined && told !== output.description) problems.inexpressible('output.description', 'the schema has a description of its own');
  const described = output.description === null ? output.schema : { ...output.schema, description: output.description };
  return { format: { type: 'json_schema', schema: closed(described, 'output.schema', output.strict === true, problems) } };
}

/** A limit that was promised to be kept is refused where it cannot be; else it is advice, and the model reads it. */
function closed(given: Fields, path: string, strict: boolean, problems: Problems): Fields {
  const { schema, unenforced, open } = closedSchema(given);
  const at = (where: string): string => (where === '' ? path : `${path}.${where}`);
  for (const where of open) problems.inexpressible(at(where), 'an object that may hold more than its properties cannot be asked for');
  if (strict) for (const where of unenforced) problems.inexpressible(at(where), 'Anthropic does not enforce this, and the schema is to be kept strictly');
  return schema;
}

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;

/** Without tools there is nothing to choose from: a choice that forces none is left out, and so is what concerns several calls. */
function encodeTools({ tools, toolChoice, parallelTools, reasoning }: Conversation, traits: ModelTraits, problems: Problems): Fields {
  const forced = toolChoice?.kind === 'required' || toolChoice?.kind === 'tool';
  if (tools.length === 0) {
    if (forced) problems.inexpressible('toolChoice', 'there are no tools');
    return {};
  }
  if (forced && (!traits.forcedTools || (traits.thinking === 'budget' && reasoning?.enabled === true))) problems.inexpressible('toolChoice', traits.forcedTools ? 'a tool cannot be forced together with thinking' : 'this model cannot be forced to call a tool');
  tools.forEach(({ name }, index) => {
    if (!TOOL_NAME.test(name)) problems.inexpressible(`tools[${index}].name`, 'must be 1 to 128 letters, digits, underscores and hyphens');
  });
  const encoded = tools.map((tool, index) => encodeTool(tool, `tools[${index}].parameters`, problems));
  const single = parallelTools === null || toolChoice?.kind === 'none' ? {} : { disable_parallel_tool_use: !parallelTools };
  const choice = toolChoice ?? (parallelTools === null ? null : { kind: 'auto' as const });
  if (choice === null) return { tools: encoded };
  const type = choice.kind === 'required' ? 'any' : choice.kind;
  return { tools: encoded, tool_choice: { type, ...(choice.kind === 'tool' ? { name: choice.name } : {}), ...single } };
}

function encodeTool(tool: Tool, path: string, problems: Problems): Fields {
  const given = tool.parameters ?? { type: 'object', properties: {} };
  const schema = tool.strict === true ? closed(given, path, true, problems) : given;
  return {
    name: tool.name,
    ...(tool.description === null ? {} : { description: tool.description }),
    // The root's type is not optional here, and arguments are an object everywhere.
    input_schema: 'type' in schema ? schema : { type: 'object', ...schema },
    ...(tool.strict === null ? {} : { strict: tool.strict }),
    ...cacheControl(tool.cache),
  };
}
