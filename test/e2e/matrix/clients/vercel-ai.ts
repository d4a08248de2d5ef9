import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateText, type LanguageModel, type ModelMessage, Output, streamText, tool, type ToolSet } from 'ai';
import { type Ask, type AskTurn, type Client, type ClientOptions, type Delta, type ErrorKind, type Finish, type Reply } from '../client.js';
import { citySchema, toolDescriptions, toolSchemas } from '../tools.js';

type ProviderOptions = NonNullable<Parameters<typeof generateText>[0]['providerOptions']>;

/** The `ai` SDK: what is above its providers is the same for all. */
class VercelAi implements Client {
  constructor(
    private readonly model: (name: string) => LanguageModel,
    private readonly providerOptions?: ProviderOptions,
  ) {}

  async ask(ask: Ask): Promise<Reply> {
    const result = await generateText({ ...this.paramsOf(ask), ...(ask.json === true ? { output: Output.object({ schema: citySchema }) } : {}) });
    return {
      text: result.text,
      calls: result.toolCalls.map(({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, args: input })),
      finish: FINISH[result.finishReason]!,
      usage: { promptTokens: result.usage.inputTokens!, completionTokens: result.usage.outputTokens! },
      requestId: result.response.headers?.['x-request-id'] ?? null,
      ...(ask.json === true ? { json: result.output as unknown } : {}),
      history: result.response.messages,
    };
  }

  async stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply> {
    const result = streamText({ ...this.paramsOf(ask), onError: () => undefined });
    for await (const part of result.stream) {
      if (part.type === 'text-delta') onDelta({ type: 'text', text: part.text });
      if (part.type === 'tool-input-delta') onDelta({ type: 'arguments', call: part.id, text: part.delta });
      if (part.type === 'error') throw part.error;
      if (part.type === 'abort') throw Object.assign(new Error('The stream was aborted.'), { name: 'AbortError' });
    }
    const [text, calls, finishReason, usage, response] = await Promise.all([result.text, result.toolCalls, result.finishReason, result.usage, result.response]);
    return {
      text,
      calls: calls.map(({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, args: input })),
      finish: FINISH[finishReason]!,
      usage: { promptTokens: usage.inputTokens!, completionTokens: usage.outputTokens! },
      requestId: response.headers?.['x-request-id'] ?? null,
      history: response.messages,
    };
  }

  isError(error: Error, kind: ErrorKind): boolean {
    return APICallError.isInstance(error) && error.statusCode === STATUS[kind] && error.isRetryable === (kind === 'rate_limit' || kind === 'server');
  }

  isAbort(error: Error): boolean {
    return error.name === 'AbortError';
  }

  private paramsOf(ask: Ask) {
    return {
      model: this.model(ask.model),
      messages: ask.turns.flatMap(messagesOf),
      maxRetries: 0,
      ...(this.providerOptions === undefined ? {} : { providerOptions: this.providerOptions }),
      ...(ask.system === undefined ? {} : { instructions: ask.system }),
      ...(ask.tools === undefined ? {} : { tools: Object.fromEntries(ask.tools.map((name) => [name, TOOLS[name]])) }),
      ...(ask.maxTokens === undefined ? {} : { maxOutputTokens: ask.maxTokens }),
      ...(ask.stop === undefined ? {} : { stopSequences: [ask.stop] }),
      ...(ask.signal === undefined ? {} : { abortSignal: ask.signal }),
    };
  }
}

const TOOLS = {
  get_weather: tool({ description: toolDescriptions.get_weather, inputSchema: toolSchemas.get_weather }),
  get_time: tool({ description: toolDescriptions.get_time, inputSchema: toolSchemas.get_time }),
} satisfies ToolSet;

const STATUS: Readonly<Record<ErrorKind, number>> = { rate_limit: 429, server: 500, not_found: 404, authentication: 401 };
const FINISH: Readonly<Record<string, Finish>> = { stop: 'stop', length: 'length', 'tool-calls': 'tool_calls' };

function messagesOf(turn: AskTurn): ModelMessage[] {
  if ('reply' in turn) return turn.reply.history as ModelMessage[];
  if ('results' in turn) return [{ role: 'tool', content: turn.results.map(({ call, output }) => ({ type: 'tool-result', toolCallId: call.id, toolName: call.name, output: { type: 'text', value: output } })) }];
  if (turn.image === undefined) return [{ role: 'user', content: turn.say }];
  return [{ role: 'user', content: [{ type: 'text', text: turn.say }, { type: 'file', data: Buffer.from(turn.image, 'base64'), mediaType: 'image/png' }] }];
}

const openAi = ({ baseUrl, apiKey, tap }: ClientOptions) => createOpenAI({ baseURL: `${baseUrl}/v1`, apiKey, fetch: tap.fetch });

export const vercelOpenAiChat = (options: ClientOptions): Client => new VercelAi((name) => openAi(options).chat(name));

/** As it comes: what was put out is kept at the provider, and referred to in the next turn. */
export const vercelOpenAiResponses = (options: ClientOptions): Client => new VercelAi((name) => openAi(options).responses(name));

/** With `store: false` the history is sent instead. */
export const vercelOpenAiResponsesUnstored = (options: ClientOptions): Client => new VercelAi((name) => openAi(options).responses(name), { openai: { store: false } });

export const vercelAnthropic = ({ baseUrl, apiKey, tap }: ClientOptions): Client => new VercelAi(createAnthropic({ baseURL: `${baseUrl}/v1`, apiKey, fetch: tap.fetch }));
