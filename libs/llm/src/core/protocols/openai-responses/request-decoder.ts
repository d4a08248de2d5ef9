import { isFields } from '@apex/common';
import { type Conversation, type Decoded, type OutputFormat, type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { NOTHING_SAID } from '../../dialogue/nothing-said.js';
import { at, noWordsFor, Problems } from '../../dialogue/problems.js';
import { readEffort } from '../openai/request-members.js';
import { ItemsDecoder } from './items-decoder.js';
import { functionTool, request, textFormat, toolChoiceFunction, toolChoiceWord, type Request } from './wire.js';

/**
 * Members that a translation passes over, since they change neither the answer nor its form.
 *
 * - `store`: nothing is stored, whatever it says, and the answer says so (`store: false`). A later request that goes on from
 *   a stored answer is refused by the name of what it refers to.
 * - `max_tool_calls` limits built-in tools, which are refused themselves.
 * - What is known of caching (`prompt_cache_*`) costs or saves money. Where it asks for more than that, it is refused.
 * - `reasoning.summary` asks for reasoning to be told; providers tell theirs, or not at all.
 * - `phase` marks what the model said before its final answer. Nobody else knows of it.
 *
 * Not listed is what an item repeats of the server's own (`id`, `status`, `logprobs`) or has from an SDK that parsed it
 * (`parsed`, `parsed_arguments`): it asks for nothing.
 */
export const IGNORED_HINTS: readonly string[] = [
  'store',
  'metadata',
  'max_tool_calls',
  'service_tier',
  'stream_options',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning.summary',
  'reasoning.generate_summary',
  'input[].phase',
  'input[].content[].prompt_cache_breakpoint',
  'input[].output[].prompt_cache_breakpoint',
];

/** Reads a client's body: developers.openai.com/api/reference/resources/responses/methods/create. */
export function decodeRequest(body: unknown): Decoded<Conversation> {
  const problems = new Problems();
  const read = problems.read(request, body);
  if (read === null) return problems.refused();
  const items = new ItemsDecoder(problems);
  items.read(read.input);
  if (read.user != null && read.safety_identifier != null && read.user !== read.safety_identifier) problems.inexpressible('user', 'differs from safety_identifier, and only one id can be carried over');
  read.include?.forEach((what, index) => {
    if (what !== 'reasoning.encrypted_content') problems.inexpressible(at('include', index), what === 'message.output_text.logprobs' ? 'log probabilities are not translated' : noWordsFor(what));
  });
  const instructions = read.instructions ?? '';
  return problems.decoded({
    ...NOTHING_SAID,
    model: read.model,
    system: [...(instructions === '' ? [] : [{ type: 'text' as const, text: instructions }]), ...items.system],
    turns: items.turns,
    tools: decodeTools(read.tools ?? [], problems),
    toolChoice: decodeToolChoice(read.tool_choice, problems),
    parallelTools: read.parallel_tool_calls ?? null,
    maxOutputTokens: read.max_output_tokens ?? null,
    temperature: read.temperature ?? null,
    topP: read.top_p ?? null,
    output: decodeOutput(read, problems),
    reasoning: readEffort(read.reasoning?.effort),
    endUser: read.safety_identifier ?? read.user ?? null,
    stream: read.stream ?? false,
  });
}

/**
 * Functions. Where `strict` is absent or null, OpenAI normalises the schema into strict mode, if it can, and so may demand
 * what the caller called optional (developers.openai.com/api/docs/guides/function-calling#strict-mode); another provider
 * takes the schema as written. So it stays null, and only `true` is a promise that must be kept.
 */
function decodeTools(tools: readonly unknown[], problems: Problems): Tool[] {
  return tools.flatMap((value, index): Tool[] => {
    const path = at('tools', index);
    const type = isFields(value) ? value['type'] : undefined;
    if (typeof type === 'string' && type !== 'function') {
      problems.inexpressible(at(path, 'type'), type === 'custom' ? 'tools that take free text have no words elsewhere' : `'${type.slice(0, 64)}' is a tool of the provider's own`);
      return [];
    }
    const tool = problems.read(functionTool, value, path);
    return tool === null ? [] : [{ name: tool.name, description: tool.description ?? null, parameters: tool.parameters ?? null, strict: tool.strict ?? null }];
  });
}

function decodeToolChoice(choice: unknown, problems: Problems): ToolChoice | null {
  if (choice === undefined || choice === null) return null;
  if (!isFields(choice)) {
    const kind = problems.read(toolChoiceWord, choice, 'tool_choice');
    return kind === null ? null : { kind };
  }
  const type = choice['type'];
  if (typeof type === 'string' && type !== 'function') {
    problems.inexpressible('tool_choice.type', noWordsFor(type));
    return null;
  }
  const named = problems.read(toolChoiceFunction, choice, 'tool_choice');
  return named === null ? null : { kind: 'tool', name: named.name };
}

function decodeOutput({ text }: Request, problems: Problems): OutputFormat {
  const format = text?.format == null ? null : problems.read(textFormat, text.format, 'text.format');
  switch (format?.type) {
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      return { kind: 'json_schema', name: format.name, description: format.description ?? null, schema: format.schema, strict: format.strict ?? null };
    case 'text':
    case undefined:
      return { kind: 'text' };
  }
}
