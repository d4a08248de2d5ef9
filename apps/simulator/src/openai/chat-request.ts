import { type ChatModel, findModel } from '../core/catalogue.js';
import { type AnswerFormat, type Order, type ToolChoice } from '../core/generation.js';
import { Prompt, obviouslyTooLong } from '../core/prompt.js';
import { seedOf } from '../core/random.js';
import { type Tokenizer } from '../core/tokenizer.js';
import { targetTokensOf } from './call.js';
import { type ChatBody, type ChatMessage } from './chat.schema.js';
import { OpenAiError, badRequest, noModel, tooLong } from './errors.js';

/** The chat model of that name. @throws OpenAiError */
export function chatModel(name: string): ChatModel {
  const model = findModel(name);
  if (!model) throw noModel(name);
  if (model.kind !== 'chat') throw new OpenAiError(404, 'This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?', 'invalid_request_error', null, 'model');
  return model;
}

/** The rules that span several parameters. @throws OpenAiError */
export function checkTogether(body: ChatBody, model: ChatModel): void {
  if (body.stream_options && body.stream !== true) throw badRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  if (body.top_logprobs != null && body.logprobs !== true) throw badRequest("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", 'top_logprobs');
  if (body.max_tokens != null && body.max_completion_tokens != null) throw badRequest("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", 'max_tokens', 'invalid_parameter_combination');
  checkModelLimits(body, model);
  checkTools(body);
  checkToolMessages(body.messages);
  const wantsJson = body.response_format?.type === 'json_object';
  if (wantsJson && !textsOf(body.messages).some((text) => /json/i.test(text))) throw badRequest("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", 'messages');
}

function checkModelLimits(body: ChatBody, model: ChatModel): void {
  if (model.reasoning && body.max_tokens != null) throw badRequest("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", 'max_tokens', 'unsupported_parameter');
  if (model.reasoning && body.temperature != null && body.temperature !== 1) throw badRequest(`Unsupported value: 'temperature' does not support ${body.temperature} with this model. Only the default (1) value is supported.`, 'temperature', 'unsupported_value');
  if (!model.reasoning && body.reasoning_effort != null) throw badRequest('Unrecognized request argument supplied: reasoning_effort');
  const asked = body.max_tokens ?? body.max_completion_tokens;
  const param = body.max_tokens != null ? 'max_tokens' : 'max_completion_tokens';
  if (asked != null && asked > model.maxOutput) throw badRequest(`${param} is too large: ${asked}. This model supports at most ${model.maxOutput} completion tokens, whereas you provided ${asked}.`, param, 'invalid_value');
}

function checkTools(body: ChatBody): void {
  const names = (body.tools ?? []).map((tool) => tool.function.name);
  if (names.length === 0 && body.tool_choice != null && body.tool_choice !== 'none') throw badRequest("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", 'tool_choice');
  if (names.length === 0 && body.parallel_tool_calls != null) throw badRequest("Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.", 'parallel_tool_calls');
  if (typeof body.tool_choice === 'object' && body.tool_choice && !names.includes(body.tool_choice.function.name)) throw badRequest(`Invalid value for 'tool_choice': function '${body.tool_choice.function.name}' not found in 'tools'.`, 'tool_choice');
}

/** Each call of a tool is answered right after it, and nothing else is. */
function checkToolMessages(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  const unanswered = (index: number): OpenAiError => badRequest(`An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`, `messages.[${index}].role`);
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.delete(message.tool_call_id)) throw badRequest("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.", `messages.[${index}].role`);
    } else if (open.size > 0) {
      throw unanswered(index);
    } else if (message.role === 'assistant') {
      open = new Set((message.tool_calls ?? []).map((call) => call.id));
    }
  }
  if (open.size > 0) throw unanswered(messages.length);
}

const contentTexts = (message: ChatMessage): string[] => {
  const { content } = message;
  if (typeof content === 'string') return [content];
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : part.type === 'refusal' ? [part.refusal] : []));
};

const callTexts = (message: ChatMessage): string[] => (message.role === 'assistant' ? (message.tool_calls ?? []).flatMap((call) => [call.function.name, call.function.arguments]) : []);

const textsOf = (messages: readonly ChatMessage[]): string[] => messages.flatMap((message) => [...contentTexts(message), ...callTexts(message)]);

const schemaOf = (body: ChatBody): unknown => (body.response_format?.type === 'json_schema' ? body.response_format.json_schema.schema ?? {} : null);

/**
 * The prompt by the counting of OpenAI's cookbook ("How to count tokens with tiktoken"): 3 per message, its role, name
 * (+1) and content, 3 for the answer's start; tools by the same page's formula. @throws OpenAiError if it does not fit.
 */
export function promptOf(body: ChatBody, model: ChatModel, tokenizer: Tokenizer): Prompt {
  const window = model.contextWindow;
  if (obviouslyTooLong(textsOf(body.messages), window)) throw tooLong(window, `more than ${window}`, 'messages');
  const prompt = new Prompt(tokenizer);
  if (body.tools) toolTokens(prompt, body.tools.map((tool) => tool.function));
  const schema = schemaOf(body);
  if (schema !== null) prompt.text(JSON.stringify(schema));
  for (const message of body.messages) {
    prompt.filler(3).text(message.role);
    if ('name' in message && typeof message.name === 'string') prompt.filler(1, 1).text(message.name);
    if (typeof message.content === 'string') prompt.text(message.content);
    else {
      for (const part of message.content ?? []) {
        if (part.type === 'text') prompt.text(part.text);
        else if (part.type === 'refusal') prompt.text(part.refusal);
        else prompt.filler(part.image_url.detail === 'low' ? model.image.low : model.image.high, seedOf(part.image_url.url));
      }
    }
    for (const text of callTexts(message)) prompt.filler(1, 2).text(text);
  }
  prompt.filler(3);
  if (prompt.tokens > window) throw tooLong(window, String(prompt.tokens), 'messages');
  return prompt;
}

interface FunctionShape {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The cookbook's num_tokens_for_tools; a nested schema counts with its own JSON. */
export function toolTokens(prompt: Prompt, tools: readonly FunctionShape[]): void {
  const trimmed = (text: unknown): string => (typeof text === 'string' ? text.replace(/\.$/, '') : '');
  const objectOf = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? value as Record<string, unknown> : {});
  for (const tool of tools) {
    prompt.filler(7, 3).text(`${tool.name}:${trimmed(tool.description)}`);
    const properties = Object.entries(objectOf(tool.parameters?.['properties']));
    if (properties.length > 0) prompt.filler(3, 4);
    for (const [key, value] of properties) {
      const property = objectOf(value);
      prompt.filler(3, 5);
      const nested = property['properties'] ?? property['items'];
      const type = nested === undefined ? String(property['type'] ?? '') : JSON.stringify(property);
      prompt.text(`${key}:${type}:${trimmed(property['description'])}`);
      const options = Array.isArray(property['enum']) ? property['enum'] : [];
      // The cookbook takes 3 off for an enum and adds 3 for each of its items.
      for (const [index, option] of options.entries()) prompt.filler(index === 0 ? 0 : 3, 6).text(String(option));
    }
  }
  prompt.filler(12, 7);
}

const EFFORT: Readonly<Record<string, number>> = { none: 0, minimal: 0, low: 1, medium: 3, high: 8, xhigh: 16, max: 24 };

/** Hidden tokens of one answer: multiples of 64, as OpenAI reports them; between one and two units of effort. */
export const reasoningTokensOf = (model: ChatModel, effort: string | null | undefined, identity: string): number => (model.reasoning ? 64 * Math.round((EFFORT[effort ?? 'medium'] ?? 0) * (1 + (seedOf(identity) % 100) / 100)) : 0);

/** What the engine is asked for. The answer depends on model, messages, tools, seed and format, and on nothing else. */
export function orderOf(body: ChatBody, model: ChatModel, prompt: Prompt, tokenizer: Tokenizer): Order {
  const last = body.messages.at(-1);
  const user = body.messages.findLast((message) => message.role === 'user');
  const userText = user ? contentTexts(user).join('\n') : '';
  const identity = JSON.stringify([model.id, body.messages, body.tools ?? null, body.seed ?? null, body.response_format ?? null]);
  const asked = body.max_completion_tokens ?? body.max_tokens ?? model.maxOutput;
  return {
    identity,
    userText,
    userTokens: tokenizer.count(userText),
    lastIsToolResult: last?.role === 'tool',
    answers: body.n ?? 1,
    maxTokens: Math.max(1, Math.min(asked, model.contextWindow - prompt.tokens)),
    targetTokens: targetTokensOf(body.metadata, model.maxOutput),
    reasoningTokens: reasoningTokensOf(model, body.reasoning_effort, identity),
    stops: typeof body.stop === 'string' ? [body.stop] : body.stop ?? [],
    tools: (body.tools ?? []).map((tool) => ({ name: tool.function.name, parameters: tool.function.parameters ?? undefined })),
    toolChoice: toolChoiceOf(body),
    parallelTools: body.parallel_tool_calls !== false,
    format: formatOf(body),
  };
}

function toolChoiceOf(body: ChatBody): ToolChoice {
  const choice = body.tool_choice;
  if (choice == null) return 'auto';
  return typeof choice === 'string' ? choice : { name: choice.function.name };
}

function formatOf(body: ChatBody): AnswerFormat {
  switch (body.response_format?.type) {
    case 'json_object': return { kind: 'json' };
    case 'json_schema': return { kind: 'schema', schema: schemaOf(body) };
    case 'text':
    case undefined: return { kind: 'text' };
  }
}
