import { type EncodedRequest } from '../../dialogue/codec.js';
import { type Conversation, type Decoded, type OutputFormat, type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { ItemsEncoder } from './items-encoder.js';
import { Problems } from './problems.js';
import { type Fields } from './wire.js';

/** A name is demanded for a schema; protocols without one leave it open. */
const SCHEMA_NAME = 'response';

/**
 * Writes the body for a provider: developers.openai.com/api/reference/resources/responses/methods/create. Nothing is to be
 * stored there (`store: false`), so that reasoning comes back sealed (`reasoning.encrypted_content`). Cache breakpoints are
 * left out and told as hints: OpenAI caches by itself, and most of its models refuse them.
 */
export function encodeRequest(conversation: Conversation): Decoded<EncodedRequest> {
  const problems = new Problems();
  const ignoredHints: string[] = [];
  const encoder = new ItemsEncoder(problems, ignoredHints);
  const { system, tools, reasoning } = conversation;
  const [instructions] = system;
  const alone = system.length === 1 && instructions !== undefined;
  const input = [...(alone ? [] : encoder.system(system, ['system'])), ...conversation.turns.flatMap((turn, index) => encoder.turn(turn, ['turns', index]))];
  tools.forEach((tool, index) => {
    if (tool.cache !== undefined) ignoredHints.push(`tools[${index}].cache`);
  });
  refuse(conversation, problems);
  const body: Fields = {
    model: conversation.model,
    instructions: alone ? encoder.text(instructions, ['system', 0]) : null,
    input,
    tools: tools.length === 0 ? null : tools.map(encodeTool),
    tool_choice: conversation.toolChoice === null ? null : encodeToolChoice(conversation.toolChoice),
    parallel_tool_calls: conversation.parallelTools,
    max_output_tokens: conversation.maxOutputTokens,
    temperature: conversation.temperature,
    top_p: conversation.topP,
    text: conversation.output.kind === 'text' ? null : { format: encodeOutput(conversation.output) },
    reasoning: reasoning === null ? null : { effort: reasoning.enabled ? (reasoning.effort ?? 'medium') : 'none' },
    // Models that do not reason refuse it.
    include: reasoning?.enabled === true ? ['reasoning.encrypted_content'] : null,
    safety_identifier: conversation.endUser,
    store: false,
    stream: conversation.stream ? true : null,
  };
  const said = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  return problems.decoded({ body: said, ...(ignoredHints.length === 0 ? {} : { ignoredHints }) });
}

/** Members without a counterpart. A penalty of 0 asks for nothing. */
function refuse(conversation: Conversation, problems: Problems): void {
  if (conversation.topK !== null) problems.inexpressible(['topK'], 'the number of candidates for a token cannot be limited');
  if (conversation.stop.length > 0) problems.inexpressible(['stop'], 'there are no stop sequences');
  if (conversation.seed !== null) problems.inexpressible(['seed'], 'sampling cannot be seeded');
  if (conversation.presencePenalty !== null && conversation.presencePenalty !== 0) problems.inexpressible(['presencePenalty'], 'there are no penalties');
  if (conversation.frequencyPenalty !== null && conversation.frequencyPenalty !== 0) problems.inexpressible(['frequencyPenalty'], 'there are no penalties');
  if (conversation.candidates !== 1) problems.inexpressible(['candidates'], 'one answer is given');
  if (conversation.logprobs !== null) problems.inexpressible(['logprobs'], 'log probabilities of an answer cannot be carried over');
  if (conversation.reasoning?.budgetTokens != null) problems.inexpressible(['reasoning', 'budgetTokens'], 'there are degrees of effort, but no number of tokens');
  if (conversation.turns.length === 0) problems.inexpressible(['turns'], 'a conversation without turns cannot be said');
}

/** `strict` is always said: left out, the schema would be made strict, and optional arguments mandatory; elsewhere it is off unless asked for. */
const encodeTool = ({ name, description, parameters, strict }: Tool): Fields => ({ type: 'function', name, ...(description === null ? {} : { description }), parameters, strict: strict ?? false });

const encodeToolChoice = (choice: ToolChoice): unknown => (choice.kind === 'tool' ? { type: 'function', name: choice.name } : choice.kind);

function encodeOutput(output: Exclude<OutputFormat, { kind: 'text' }>): Fields {
  if (output.kind === 'json') return { type: 'json_object' };
  const { name, description, schema, strict } = output;
  return { type: 'json_schema', name: name ?? SCHEMA_NAME, schema, ...(description === null ? {} : { description }), ...(strict === null ? {} : { strict }) };
}
