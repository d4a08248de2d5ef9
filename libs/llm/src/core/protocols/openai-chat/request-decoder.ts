import { type Conversation, type Decoded, type OutputFormat, type Tool, type ToolChoice } from '../../dialogue/conversation.js';
import { Problems } from '../../dialogue/problems.js';
import { readEffort } from '../openai/request-members.js';
import { decodeMessages } from './messages-decoder.js';
import { type ChatRequest, REASONS, requestSchema } from './wire.js';

/** Reads a client's body: platform.openai.com/docs/api-reference/chat/create. `max_completion_tokens` and `max_tokens` are one limit. */
export function decodeRequest(body: unknown): Decoded<Conversation> {
  const problems = new Problems(REASONS);
  const request = problems.read(requestSchema, body);
  return request === null ? problems.refused() : problems.decoded(conversation(request, problems));
}

function conversation(request: ChatRequest, problems: Problems): Conversation {
  if (request.max_tokens != null && request.max_completion_tokens != null && request.max_tokens !== request.max_completion_tokens) problems.invalid('max_tokens', 'differs from `max_completion_tokens`');
  if (request.user != null && request.safety_identifier != null && request.user !== request.safety_identifier) problems.inexpressible('user', 'differs from `safety_identifier`, and only one id can be carried over');
  if (request.stream_options != null && request.stream !== true) problems.invalid('stream_options', 'is for streams only');
  const { system, turns } = decodeMessages(request.messages, problems);
  return {
    model: request.model,
    system,
    turns,
    tools: (request.tools ?? []).flatMap(tool),
    toolChoice: toolChoice(request.tool_choice),
    parallelTools: request.parallel_tool_calls ?? null,
    maxOutputTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    temperature: request.temperature ?? null,
    topP: request.top_p ?? null,
    topK: null,
    stop: request.stop == null ? [] : typeof request.stop === 'string' ? [request.stop] : request.stop,
    seed: request.seed ?? null,
    presencePenalty: request.presence_penalty ?? null,
    frequencyPenalty: request.frequency_penalty ?? null,
    candidates: request.n ?? 1,
    logprobs: null,
    output: output(request.response_format),
    reasoning: readEffort(request.reasoning_effort),
    endUser: request.safety_identifier ?? request.user ?? null,
    stream: request.stream ?? false,
  };
}

function tool(given: NonNullable<ChatRequest['tools']>[number]): Tool[] {
  if (given.type !== 'function') return [];
  const { name, description, parameters, strict } = given.function;
  return [{ name, description: description ?? null, parameters: parameters ?? null, strict: strict ?? null }];
}

function toolChoice(given: ChatRequest['tool_choice']): ToolChoice | null {
  if (given == null) return null;
  if (typeof given === 'string') return { kind: given };
  return given.type === 'function' ? { kind: 'tool', name: given.function.name } : null;
}

function output(given: ChatRequest['response_format']): OutputFormat {
  switch (given?.type) {
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema': {
      const { name, description, schema, strict } = given.json_schema;
      return { kind: 'json_schema', name, description: description ?? null, schema: schema ?? {}, strict: strict ?? null };
    }
    case 'text':
    case undefined:
      return { kind: 'text' };
  }
}
