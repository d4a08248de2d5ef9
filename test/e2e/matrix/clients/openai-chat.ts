import OpenAI, { APIUserAbortError, AuthenticationError, InternalServerError, NotFoundError, RateLimitError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { type Ask, type AskTurn, type Client, type ClientOptions, type Delta, type ErrorKind, type Finish, type Reply, type ToolName } from '../client.js';
import { citySchema, toolDescriptions, toolParameters } from '../tools.js';

type Message = OpenAI.ChatCompletionMessageParam;

/** The official SDK on chat completions. */
export class OpenAiChat implements Client {
  private readonly sdk: OpenAI;

  constructor({ baseUrl, apiKey, tap }: ClientOptions) {
    this.sdk = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey, fetch: tap.fetch, maxRetries: 0 });
  }

  async ask(ask: Ask): Promise<Reply> {
    const { chat } = this.sdk;
    // `parse` refuses tools that are not strict, whether there is anything to parse or not.
    const completion = await (ask.json === true ? chat.completions.parse(paramsOf(ask), { signal: ask.signal }) : chat.completions.create(paramsOf(ask), { signal: ask.signal }));
    return replyOf(completion, completion._request_id ?? null);
  }

  async stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply> {
    const { data, response } = await this.sdk.chat.completions.create({ ...paramsOf(ask), stream: true, stream_options: { include_usage: true } }, { signal: ask.signal }).withResponse();
    const whole = new Whole();
    for await (const chunk of data) {
      const delta = chunk.choices[0]?.delta;
      if (delta?.content) onDelta({ type: 'text', text: delta.content });
      for (const call of delta?.tool_calls ?? []) if (call.function?.arguments) onDelta({ type: 'arguments', call: String(call.index), text: call.function.arguments });
      whole.add(chunk);
    }
    return replyOf(whole.completion(), response.headers.get('x-request-id'));
  }

  isError(error: Error, kind: ErrorKind): boolean {
    return error instanceof ERRORS[kind];
  }

  isAbort(error: Error): boolean {
    return error instanceof APIUserAbortError;
  }
}

/** The chunks of a stream put together, as users do it. */
class Whole {
  private content = '';
  private readonly calls: OpenAI.ChatCompletionMessageFunctionToolCall[] = [];
  private finish: OpenAI.ChatCompletion.Choice['finish_reason'] | null = null;
  private usage: OpenAI.CompletionUsage | undefined;
  private head: OpenAI.ChatCompletionChunk | undefined;

  add(chunk: OpenAI.ChatCompletionChunk): void {
    this.head ??= chunk;
    this.usage = chunk.usage ?? this.usage;
    const choice = chunk.choices[0];
    this.content += choice?.delta.content ?? '';
    this.finish = choice?.finish_reason ?? this.finish;
    for (const { index, id, function: called } of choice?.delta.tool_calls ?? []) {
      const call = (this.calls[index] ??= { id: id ?? '', type: 'function', function: { name: called?.name ?? '', arguments: '' } });
      call.function.arguments += called?.arguments ?? '';
    }
  }

  completion(): OpenAI.ChatCompletion {
    if (this.head === undefined || this.finish === null) throw new Error('the stream ended without an end');
    const message: OpenAI.ChatCompletionMessage = { role: 'assistant', content: this.content === '' ? null : this.content, refusal: null, ...(this.calls.length === 0 ? {} : { tool_calls: this.calls }) };
    return { ...this.head, object: 'chat.completion', choices: [{ index: 0, finish_reason: this.finish, logprobs: null, message }], usage: this.usage! };
  }
}

const ERRORS = { rate_limit: RateLimitError, server: InternalServerError, not_found: NotFoundError, authentication: AuthenticationError };

const paramsOf = (ask: Ask): OpenAI.ChatCompletionCreateParamsNonStreaming => ({
  model: ask.model,
  messages: [...(ask.system === undefined ? [] : [{ role: 'system' as const, content: ask.system }]), ...ask.turns.flatMap(messagesOf)],
  ...(ask.tools === undefined ? {} : { tools: ask.tools.map(toolOf) }),
  ...(ask.json === true ? { response_format: zodResponseFormat(citySchema, 'city') } : {}),
  ...(ask.maxTokens === undefined ? {} : { max_completion_tokens: ask.maxTokens }),
  ...(ask.stop === undefined ? {} : { stop: [ask.stop] }),
});

function messagesOf(turn: AskTurn): Message[] {
  if ('reply' in turn) return [turn.reply.history as Message];
  if ('results' in turn) return turn.results.map(({ call, output }): Message => ({ role: 'tool', tool_call_id: call.id, content: output }));
  if (turn.image === undefined) return [{ role: 'user', content: turn.say }];
  return [{ role: 'user', content: [{ type: 'text', text: turn.say }, { type: 'image_url', image_url: { url: `data:image/png;base64,${turn.image}` } }] }];
}

const toolOf = (name: ToolName): OpenAI.ChatCompletionFunctionTool => ({ type: 'function', function: { name, description: toolDescriptions[name], parameters: toolParameters[name] } });

const FINISH: Readonly<Record<string, Finish>> = { stop: 'stop', length: 'length', tool_calls: 'tool_calls' };

function replyOf(completion: OpenAI.ChatCompletion, requestId: string | null): Reply {
  const choice = completion.choices[0]!;
  const { message } = choice;
  const calls = (message.tool_calls ?? []).filter((call) => call.type === 'function');
  return {
    text: message.content ?? '',
    calls: calls.map((call) => ({ id: call.id, name: call.function.name, args: JSON.parse(call.function.arguments) as unknown })),
    finish: FINISH[choice.finish_reason]!,
    usage: { promptTokens: completion.usage!.prompt_tokens, completionTokens: completion.usage!.completion_tokens },
    requestId,
    json: (message as { parsed?: unknown }).parsed,
    history: message,
  };
}
