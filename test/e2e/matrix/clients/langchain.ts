import { ChatAnthropic } from '@langchain/anthropic';
import { type AIMessageChunk, type AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { type Ask, type AskTurn, type Client, type ClientOptions, type Delta, type ErrorKind, type Finish, type Reply, type ToolName } from '../client.js';
import { type Tap } from '../tap.js';
import { citySchema, toolDescriptions, toolSchemas } from '../tools.js';

type Model = ChatOpenAI | ChatAnthropic;

/** LangChain's chat models: what is above them is the same for every provider. */
abstract class LangChain implements Client {
  constructor(protected readonly options: ClientOptions) {}

  protected abstract model(ask: Ask): Model;
  protected abstract finishOf(message: AIMessage): Finish;

  async ask(ask: Ask): Promise<Reply> {
    if (ask.json === true) {
      const { raw, parsed } = await this.model(ask)
        .withStructuredOutput(citySchema, { name: 'city', method: 'jsonSchema', includeRaw: true })
        .invoke(messagesOf(ask), callOptions(ask));
      return { ...this.replyOf(raw as AIMessage), json: parsed };
    }
    return this.replyOf((await this.bound(ask).invoke(messagesOf(ask), callOptions(ask))) as AIMessage);
  }

  async stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply> {
    let whole: AIMessageChunk | undefined;
    for await (const chunk of await this.bound(ask).stream(messagesOf(ask), callOptions(ask))) {
      const piece = chunk as AIMessageChunk;
      if (piece.text !== '') onDelta({ type: 'text', text: piece.text });
      for (const call of piece.tool_call_chunks ?? []) if (call.args) onDelta({ type: 'arguments', call: String(call.index), text: call.args });
      whole = whole === undefined ? piece : whole.concat(piece);
    }
    if (whole === undefined) throw new Error('the stream was empty');
    return this.replyOf(whole);
  }

  isError(error: Error, kind: ErrorKind): boolean {
    const { status, lc_error_code: code } = error as { status?: unknown; lc_error_code?: unknown };
    const expected = MARKS[kind];
    return status === expected.status && (expected.code === null || code === expected.code);
  }

  isAbort(error: Error): boolean {
    return /abort/i.test(`${error.name} ${error.message}`);
  }

  private bound(ask: Ask) {
    const model = this.model(ask);
    const format = ask.tools === undefined ? model : model.bindTools(ask.tools.map(toolOf));
    return format;
  }

  private replyOf(message: AIMessage): Reply {
    return {
      text: message.text,
      calls: (message.tool_calls ?? []).map(({ id, name, args }) => ({ id: id!, name, args })),
      finish: this.finishOf(message),
      usage: { promptTokens: message.usage_metadata!.input_tokens, completionTokens: message.usage_metadata!.output_tokens },
      // LangChain shows no headers: what its `fetch` saw is what there is.
      requestId: this.options.tap.last?.requestId ?? null,
      history: message,
    };
  }
}

/** @see `wrapOpenAIClientError`, `wrapAnthropicClientError`: marks on the SDK's own error. A 5xx has none. */
const MARKS: Readonly<Record<ErrorKind, { readonly status: number; readonly code: string | null }>> = {
  rate_limit: { status: 429, code: 'MODEL_RATE_LIMIT' },
  server: { status: 500, code: null },
  not_found: { status: 404, code: 'MODEL_NOT_FOUND' },
  authentication: { status: 401, code: 'MODEL_AUTHENTICATION' },
};

const callOptions = ({ signal, stop }: Ask) => ({ ...(signal === undefined ? {} : { signal }), ...(stop === undefined ? {} : { stop: [stop] }) });

const messagesOf = ({ system, turns }: Ask): BaseMessage[] => [...(system === undefined ? [] : [new SystemMessage(system)]), ...turns.flatMap(messageOf)];

function messageOf(turn: AskTurn): BaseMessage[] {
  if ('reply' in turn) return [turn.reply.history as AIMessage];
  if ('results' in turn) return turn.results.map(({ call, output }) => new ToolMessage({ tool_call_id: call.id, name: call.name, content: output }));
  if (turn.image === undefined) return [new HumanMessage(turn.say)];
  return [new HumanMessage({ content: [{ type: 'text', text: turn.say }, { type: 'image_url', image_url: { url: `data:image/png;base64,${turn.image}` } }] })];
}

const toolOf = (name: ToolName) => tool(() => 'done', { name, description: toolDescriptions[name], schema: toolSchemas[name] });

const withFetch = ({ baseUrl }: ClientOptions, { fetch }: Tap) => ({ baseURL: `${baseUrl}/v1`, fetch });

const OPENAI_FINISH: Readonly<Record<string, Finish>> = { stop: 'stop', length: 'length', tool_calls: 'tool_calls' };

/** `ChatOpenAI` on chat completions. */
export class LangChainOpenAiChat extends LangChain {
  protected model(ask: Ask): ChatOpenAI {
    return new ChatOpenAI({ ...openAiFields(ask, this.options), useResponsesApi: false });
  }

  protected finishOf({ response_metadata: { finish_reason: reason } }: AIMessage): Finish {
    return OPENAI_FINISH[String(reason)]!;
  }
}

/** `ChatOpenAI` on the responses API, with nothing kept at the provider. */
export class LangChainOpenAiResponses extends LangChain {
  protected model(ask: Ask): ChatOpenAI {
    return new ChatOpenAI({ ...openAiFields(ask, this.options), useResponsesApi: true, zdrEnabled: true });
  }

  protected finishOf({ response_metadata: { status, incomplete_details: details }, tool_calls: calls }: AIMessage): Finish {
    if (status === 'incomplete' && (details as { reason?: unknown } | null)?.reason === 'max_output_tokens') return 'length';
    if (status !== 'completed') throw new Error(`ended as ${String(status)}`);
    return (calls ?? []).length > 0 ? 'tool_calls' : 'stop';
  }
}

const openAiFields = (ask: Ask, options: ClientOptions) => ({
  model: ask.model,
  apiKey: options.apiKey,
  maxRetries: 0,
  ...(ask.maxTokens === undefined ? {} : { maxTokens: ask.maxTokens }),
  configuration: withFetch(options, options.tap),
});

const ANTHROPIC_FINISH: Readonly<Record<string, Finish>> = { end_turn: 'stop', stop_sequence: 'stop_sequence', max_tokens: 'length', tool_use: 'tool_calls' };

/** `ChatAnthropic`. */
export class LangChainAnthropic extends LangChain {
  protected model(ask: Ask): ChatAnthropic {
    const { apiKey, baseUrl, tap } = this.options;
    return new ChatAnthropic({ model: ask.model, apiKey, anthropicApiUrl: baseUrl, maxRetries: 0, ...(ask.maxTokens === undefined ? {} : { maxTokens: ask.maxTokens }), clientOptions: { fetch: tap.fetch } });
  }

  protected finishOf({ response_metadata: metadata, additional_kwargs: more }: AIMessage): Finish {
    return ANTHROPIC_FINISH[String(metadata['stop_reason'] ?? more['stop_reason'])]!;
  }
}
