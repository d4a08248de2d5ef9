import { type EncodedRequest } from '../../dialogue/codec.js';
import { type Conversation, type Decoded, type OutputFormat, type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { Problems } from '../../dialogue/problems.js';
import { refuseUnsayable } from '../../dialogue/unsayable.js';
import { requestOf, SCHEMA_NAME, writeEffort } from '../openai/request-members.js';
import { type ChatDialect } from './dialect.js';
import { TurnsEncoder } from './turns-encoder.js';

/** OpenAI takes no more: platform.openai.com/docs/api-reference/chat/create#stop. */
const MAX_STOP_SEQUENCES = 4;

/** Writes the body for a provider: platform.openai.com/docs/api-reference/chat/create. Of a stream the usage is asked for, too. */
export function encodeRequest(conversation: Conversation, dialect: ChatDialect): Decoded<EncodedRequest> {
  const problems = new Problems();
  const ignoredHints: string[] = [];
  const encoder = new TurnsEncoder(dialect, problems, ignoredHints);
  const messages = [...encoder.system(conversation.system, 'system'), ...conversation.turns.flatMap((turn, index) => encoder.turn(turn, `turns[${index}]`))];
  conversation.tools.forEach((tool, index) => {
    if (tool.cache !== undefined) ignoredHints.push(`tools[${index}].cache`);
  });
  refuse(conversation, problems);
  const members = {
    model: conversation.model,
    messages,
    tools: conversation.tools.length === 0 ? null : conversation.tools.map(encodeTool),
    tool_choice: conversation.toolChoice === null ? null : encodeToolChoice(conversation.toolChoice),
    parallel_tool_calls: conversation.parallelTools,
    [dialect.maxTokens]: conversation.maxOutputTokens,
    temperature: conversation.temperature,
    top_p: conversation.topP,
    stop: conversation.stop.length === 0 ? null : conversation.stop,
    seed: conversation.seed,
    presence_penalty: conversation.presencePenalty,
    frequency_penalty: conversation.frequencyPenalty,
    n: conversation.candidates === 1 ? null : conversation.candidates,
    response_format: encodeOutput(conversation.output),
    reasoning_effort: conversation.reasoning === null ? null : writeEffort(conversation.reasoning),
    user: conversation.endUser,
    stream: conversation.stream ? true : null,
    stream_options: conversation.stream && dialect.streamUsage ? { include_usage: true } : null,
  };
  return problems.decoded(requestOf(members, ignoredHints));
}

function refuse(conversation: Conversation, problems: Problems): void {
  refuseUnsayable(conversation, ['topK', 'logprobs', 'reasoning.budgetTokens'], problems);
  if (conversation.stop.length > MAX_STOP_SEQUENCES) problems.inexpressible('stop', `chat completions take at most ${MAX_STOP_SEQUENCES} stop sequences`);
  if (conversation.turns.length === 0 && conversation.system.length === 0) problems.inexpressible('turns', 'a chat has at least one message');
}

function encodeTool({ name, description, parameters, strict }: Tool): object {
  return { type: 'function', function: { name, ...(description === null ? {} : { description }), ...(parameters === null ? {} : { parameters }), ...(strict === null ? {} : { strict }) } };
}

const encodeToolChoice = (choice: ToolChoice): unknown => (choice.kind === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.kind);

function encodeOutput(output: OutputFormat): object | null {
  switch (output.kind) {
    case 'text':
      return null;
    case 'json':
      return { type: 'json_object' };
    case 'json_schema': {
      const { name, description, schema, strict } = output;
      return { type: 'json_schema', json_schema: { name: name ?? SCHEMA_NAME, ...(description === null ? {} : { description }), schema, ...(strict === null ? {} : { strict }) } };
    }
  }
}
