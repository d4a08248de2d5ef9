import { type Fields } from '@apex/common';
import { type EncodedRequest } from '../../dialogue/codec.js';
import { type Conversation, type Decoded, type OutputFormat, type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { at, Problems } from '../../dialogue/problems.js';
import { refuseUnsayable } from '../../dialogue/unsayable.js';
import { requestOf, SCHEMA_NAME, writeEffort } from '../openai/request-members.js';
import { ItemsEncoder } from './items-encoder.js';

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
  const input = [...(alone ? [] : encoder.system(system, 'system')), ...conversation.turns.flatMap((turn, index) => encoder.turn(turn, at('turns', index)))];
  tools.forEach((tool, index) => {
    if (tool.cache !== undefined) ignoredHints.push(`tools[${index}].cache`);
  });
  refuseUnsayable(conversation, ['topK', 'stop', 'seed', 'presencePenalty', 'frequencyPenalty', 'candidates', 'logprobs', 'reasoning.budgetTokens'], problems);
  if (conversation.turns.length === 0) problems.inexpressible('turns', 'a conversation without turns cannot be said');
  const members = {
    model: conversation.model,
    instructions: alone ? encoder.text(instructions, 'system[0]') : null,
    input,
    tools: tools.length === 0 ? null : tools.map(encodeTool),
    tool_choice: conversation.toolChoice === null ? null : encodeToolChoice(conversation.toolChoice),
    parallel_tool_calls: conversation.parallelTools,
    max_output_tokens: conversation.maxOutputTokens,
    temperature: conversation.temperature,
    top_p: conversation.topP,
    text: conversation.output.kind === 'text' ? null : { format: encodeOutput(conversation.output) },
    reasoning: reasoning === null ? null : { effort: writeEffort(reasoning) },
    // Models that do not reason refuse it.
    include: reasoning?.enabled === true ? ['reasoning.encrypted_content'] : null,
    safety_identifier: conversation.endUser,
    store: false,
    stream: conversation.stream ? true : null,
  };
  return problems.decoded(requestOf(members, ignoredHints));
}

/** `strict` is always said: left out, the schema would be made strict, and optional arguments mandatory; elsewhere it is off unless asked for. */
const encodeTool = ({ name, description, parameters, strict }: Tool): Fields => ({ type: 'function', name, ...(description === null ? {} : { description }), parameters, strict: strict ?? false });

const encodeToolChoice = (choice: ToolChoice): unknown => (choice.kind === 'tool' ? { type: 'function', name: choice.name } : choice.kind);

function encodeOutput(output: Exclude<OutputFormat, { kind: 'text' }>): Fields {
  if (output.kind === 'json') return { type: 'json_object' };
  const { name, description, schema, strict } = output;
  return { type: 'json_schema', name: name ?? SCHEMA_NAME, schema, ...(description === null ? {} : { description }), ...(strict === null ? {} : { strict }) };
}
