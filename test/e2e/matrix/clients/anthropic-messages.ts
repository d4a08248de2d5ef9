import Anthropic, { APIUserAbortError, AuthenticationError, InternalServerError, NotFoundError, RateLimitError } from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { type Ask, type AskTurn, type Client, type ClientOptions, type Delta, type ErrorKind, type Finish, type Reply, type ToolName } from '../client.js';
import { citySchema, toolDescriptions, toolParameters } from '../tools.js';

/** `max_tokens` is not optional here. */
const MAX_TOKENS = 4_096;

/** Anthropic's official SDK. */
export class AnthropicMessages implements Client {
  private readonly sdk: Anthropic;

  constructor({ baseUrl, apiKey, tap }: ClientOptions) {
    this.sdk = new Anthropic({ baseURL: baseUrl, apiKey, fetch: tap.fetch, maxRetries: 0 });
  }

  async ask(ask: Ask): Promise<Reply> {
    const { messages } = this.sdk;
    // What `parse` gives has no request id.
    const message = await (ask.json === true ? messages.parse(paramsOf(ask), { signal: ask.signal }) : messages.create(paramsOf(ask), { signal: ask.signal }));
    return replyOf(message, message._request_id ?? null);
  }

  async stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply> {
    const stream = this.sdk.messages.stream(paramsOf(ask), { signal: ask.signal });
    for await (const event of stream) {
      if (event.type !== 'content_block_delta') continue;
      if (event.delta.type === 'text_delta') onDelta({ type: 'text', text: event.delta.text });
      if (event.delta.type === 'input_json_delta' && event.delta.partial_json !== '') onDelta({ type: 'arguments', call: String(event.index), text: event.delta.partial_json });
    }
    return replyOf(await stream.finalMessage(), stream.request_id ?? null);
  }

  isError(error: Error, kind: ErrorKind): boolean {
    return error instanceof ERRORS[kind];
  }

  isAbort(error: Error): boolean {
    return error instanceof APIUserAbortError;
  }
}

const ERRORS = { rate_limit: RateLimitError, server: InternalServerError, not_found: NotFoundError, authentication: AuthenticationError };

const paramsOf = (ask: Ask) => ({
  model: ask.model,
  max_tokens: ask.maxTokens ?? MAX_TOKENS,
  messages: ask.turns.map(messageOf),
  ...(ask.system === undefined ? {} : { system: ask.system }),
  ...(ask.tools === undefined ? {} : { tools: ask.tools.map(toolOf) }),
  ...(ask.json === true ? { output_config: { format: zodOutputFormat(citySchema) } } : {}),
  ...(ask.stop === undefined ? {} : { stop_sequences: [ask.stop] }),
});

function messageOf(turn: AskTurn): Anthropic.MessageParam {
  if ('reply' in turn) return { role: 'assistant', content: turn.reply.history as Anthropic.ContentBlock[] };
  if ('results' in turn) return { role: 'user', content: turn.results.map(({ call, output }) => ({ type: 'tool_result', tool_use_id: call.id, content: output })) };
  if (turn.image === undefined) return { role: 'user', content: turn.say };
  return { role: 'user', content: [{ type: 'text', text: turn.say }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: turn.image } }] };
}

const toolOf = (name: ToolName): Anthropic.Tool => ({ name, description: toolDescriptions[name], input_schema: toolParameters[name] });

const FINISH: Readonly<Record<string, Finish>> = { end_turn: 'stop', stop_sequence: 'stop_sequence', max_tokens: 'length', tool_use: 'tool_calls' };

function replyOf(message: Anthropic.Message & { readonly parsed_output?: unknown }, requestId: string | null): Reply {
  const { usage } = message;
  return {
    text: message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: message.content.filter((block) => block.type === 'tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
    finish: FINISH[message.stop_reason!]!,
    usage: { promptTokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0), completionTokens: usage.output_tokens },
    requestId,
    json: message.parsed_output,
    history: message.content,
  };
}
