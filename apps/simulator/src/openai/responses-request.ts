import { type ChatModel, findModel } from '../core/catalogue.js';
import { type AnswerFormat, type Order, type Tool, type ToolChoice } from '../core/generation.js';
import { Prompt, obviouslyTooLong } from '../core/prompt.js';
import { seedOf } from '../core/random.js';
import { type Tokenizer } from '../core/tokenizer.js';
import { targetTokensOf } from './call.js';
import { reasoningTokensOf, toolTokens } from './chat-request.js';
import { badRequest, noModel, tooLong } from './errors.js';
import { type Item, NOT_SIMULATED, type ResponsesBody } from './responses.schema.js';

type Parts = Exclude<Extract<Item, { type: 'function_call_output' }>['output'], string>;

/** Tokens of a file whose text the simulator does not read: about one page, its text and its picture. */
const FILE_TOKENS = 1_500;

/** What this endpoint does not do at all. @throws OpenAiError */
export function checkSimulated(body: object): void {
  for (const name of NOT_SIMULATED) {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    if (value != null && value !== false) throw badRequest(`Unsupported parameter: '${name}' is not simulated.`, name, 'unsupported_parameter');
  }
}

/** The model that answers. @throws OpenAiError */
export function responsesModel(name: string): ChatModel {
  const model = findModel(name);
  if (!model) throw noModel(name);
  if (model.kind !== 'chat') throw badRequest(`The requested model '${name}' cannot be used with the Responses API.`, 'model', 'unsupported_model');
  return model;
}

/** The rules that span several parameters. @throws OpenAiError */
export function checkResponses(body: ResponsesBody, model: ChatModel): void {
  const unsupported = (param: string): never => { throw badRequest(`Unsupported parameter: '${param}' is not supported with this model.`, param, 'unsupported_parameter'); };
  if (model.reasoning && body.temperature != null) unsupported('temperature');
  if (model.reasoning && body.top_p != null) unsupported('top_p');
  if (!model.reasoning && body.reasoning?.effort != null) unsupported('reasoning.effort');
  if (!model.reasoning && body.reasoning?.summary != null) unsupported('reasoning.summary');
  if (body.max_output_tokens != null && body.max_output_tokens > model.maxOutput) throw badRequest(`max_output_tokens is too large: ${body.max_output_tokens}. This model supports at most ${model.maxOutput} output tokens, whereas you provided ${body.max_output_tokens}.`, 'max_output_tokens', 'invalid_value');
  const names = (body.tools ?? []).map((tool) => tool.name);
  const choice = body.tool_choice;
  if (names.length === 0 && choice != null && choice !== 'none' && choice !== 'auto') throw badRequest("Tool choice 'required' must be specified with 'tools' parameter.", 'tool_choice');
  const wanted = typeof choice !== 'object' || choice === null ? [] : choice.type === 'function' ? [choice.name] : choice.tools.map((tool) => tool.name);
  for (const name of wanted) if (!names.includes(name)) throw badRequest(`Tool choice '${name}' not found in 'tools' parameter.`, 'tool_choice');
  if (body.text?.format?.type === 'json_object' && !/json/i.test(JSON.stringify([body.instructions ?? '', body.input ?? '']))) throw badRequest("Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.", 'input');
}

const partTexts = (content: string | Parts): string[] => (typeof content === 'string' ? [content] : content.flatMap((part) => (part.type === 'input_text' ? [part.text] : [])));

function textsOf(item: Item): string[] {
  switch (item.type) {
    case 'message':
      if (item.role !== 'assistant') return partTexts(item.content);
      return typeof item.content === 'string' ? [item.content] : item.content.map((part) => (part.type === 'output_text' ? part.text : part.refusal));
    case 'function_call': return [item.name, item.arguments];
    case 'function_call_output': return partTexts(item.output);
    case 'reasoning': return item.summary.map((part) => part.text);
  }
}

/** Pictures and files of an item. */
const mediaOf = (item: Item): Exclude<Parts[number], { type: 'input_text' }>[] => {
  const content = item.type === 'message' && item.role !== 'assistant' ? item.content : item.type === 'function_call_output' ? item.output : '';
  return typeof content === 'string' ? [] : content.flatMap((part) => (part.type === 'input_text' ? [] : [part]));
};

/** The prompt, counted like that of chat completions: per item 3, its role or type, and its content. @throws OpenAiError if it does not fit. */
export function responsesPrompt(body: ResponsesBody, items: readonly Item[], model: ChatModel, tokenizer: Tokenizer): Prompt {
  const window = model.contextWindow;
  const texts = [body.instructions ?? '', ...items.flatMap(textsOf)];
  if (obviouslyTooLong(texts, window)) throw tooLong(window, `more than ${window}`, 'input');
  const prompt = new Prompt(tokenizer);
  if (body.tools && body.tools.length > 0) toolTokens(prompt, body.tools);
  const schema = schemaOf(body);
  if (schema !== null) prompt.text(JSON.stringify(schema));
  if (body.instructions != null) prompt.filler(3).text('developer').text(body.instructions);
  for (const item of items) {
    prompt.filler(3).text(item.type === 'message' ? item.role : item.type);
    for (const text of textsOf(item)) prompt.text(text);
    for (const part of mediaOf(item)) {
      const seed = seedOf(JSON.stringify(part));
      if (part.type === 'input_image') prompt.filler(part.detail === 'low' ? model.image.low : model.image.high, seed);
      else prompt.filler(FILE_TOKENS, seed);
    }
  }
  prompt.filler(3);
  if (prompt.tokens > window) throw tooLong(window, String(prompt.tokens), 'input');
  return prompt;
}

const schemaOf = (body: ResponsesBody): unknown => (body.text?.format?.type === 'json_schema' ? body.text.format.schema : null);

/** Ids differ from run to run, and say nothing to the model. */
const withoutIds = (key: string, value: unknown): unknown => (key === 'id' || key === 'status' || key === 'encrypted_content' ? undefined : value);

export function responsesOrder(body: ResponsesBody, items: readonly Item[], model: ChatModel, prompt: Prompt, tokenizer: Tokenizer): Order {
  const user = items.findLast((item) => item.type === 'message' && item.role === 'user');
  const userText = user ? textsOf(user).join('\n') : '';
  const identity = `${JSON.stringify([model.id, body.instructions ?? null, body.tools ?? null, body.text?.format ?? null])}\n${JSON.stringify(items, withoutIds)}`;
  const { tools, toolChoice } = toolsOf(body);
  return {
    identity,
    userText,
    userTokens: tokenizer.count(userText),
    lastIsToolResult: items.at(-1)?.type === 'function_call_output',
    answers: 1,
    maxTokens: Math.max(1, Math.min(body.max_output_tokens ?? model.maxOutput, model.contextWindow - prompt.tokens)),
    targetTokens: targetTokensOf(body.metadata, model.maxOutput),
    reasoningTokens: reasoningTokensOf(model, body.reasoning?.effort, identity),
    stops: [],
    tools,
    toolChoice,
    parallelTools: body.parallel_tool_calls !== false,
    format: formatOf(body),
  };
}

function toolsOf(body: ResponsesBody): { tools: Tool[]; toolChoice: ToolChoice } {
  const tools = (body.tools ?? []).map((tool) => ({ name: tool.name, parameters: tool.parameters ?? undefined }));
  const choice = body.tool_choice ?? 'auto';
  if (typeof choice === 'string') return { tools, toolChoice: choice };
  if (choice.type === 'function') return { tools, toolChoice: { name: choice.name } };
  const allowed = new Set(choice.tools.map((tool) => tool.name));
  return { tools: tools.filter((tool) => allowed.has(tool.name)), toolChoice: choice.mode };
}

function formatOf(body: ResponsesBody): AnswerFormat {
  switch (body.text?.format?.type) {
    case 'json_object': return { kind: 'json' };
    case 'json_schema': return { kind: 'schema', schema: schemaOf(body) };
    case 'text':
    case undefined: return { kind: 'text' };
  }
}
