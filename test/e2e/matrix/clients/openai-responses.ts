import OpenAI, { APIUserAbortError, AuthenticationError, InternalServerError, NotFoundError, RateLimitError } from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { type Ask, type AskTurn, type Client, type ClientOptions, type Delta, type ErrorKind, type Finish, type Reply, type ToolName } from '../client.js';
import { citySchema, toolDescriptions, toolParameters } from '../tools.js';

type Item = OpenAI.Responses.ResponseInputItem;
type Response = OpenAI.Responses.Response & { readonly output_parsed?: unknown; readonly _request_id?: string | null };

/** The official SDK on the responses API. The history is what was put out, sent back; nothing is kept at the provider. */
export class OpenAiResponses implements Client {
  private readonly sdk: OpenAI;

  constructor({ baseUrl, apiKey, tap }: ClientOptions) {
    this.sdk = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey, fetch: tap.fetch, maxRetries: 0 });
  }

  async ask(ask: Ask): Promise<Reply> {
    const response = await this.sdk.responses.parse(paramsOf(ask), { signal: ask.signal });
    return replyOf(response, response._request_id ?? null);
  }

  async stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply> {
    const { data, response } = await this.sdk.responses.create({ ...paramsOf(ask), stream: true }, { signal: ask.signal }).withResponse();
    let whole: Response | undefined;
    for await (const event of data) {
      if (event.type === 'response.output_text.delta') onDelta({ type: 'text', text: event.delta });
      if (event.type === 'response.function_call_arguments.delta') onDelta({ type: 'arguments', call: event.item_id, text: event.delta });
      if (event.type === 'response.completed' || event.type === 'response.incomplete') whole = event.response;
      if (event.type === 'response.failed') throw new Error(event.response.error?.message);
    }
    if (whole === undefined) throw new Error('the stream ended without an end');
    return replyOf(whole, response.headers.get('x-request-id'));
  }

  isError(error: Error, kind: ErrorKind): boolean {
    return error instanceof ERRORS[kind];
  }

  isAbort(error: Error): boolean {
    return error instanceof APIUserAbortError;
  }
}

const ERRORS = { rate_limit: RateLimitError, server: InternalServerError, not_found: NotFoundError, authentication: AuthenticationError };

const paramsOf = (ask: Ask): OpenAI.Responses.ResponseCreateParamsNonStreaming => ({
  model: ask.model,
  store: false,
  ...(ask.system === undefined ? {} : { instructions: ask.system }),
  input: ask.turns.flatMap(itemsOf),
  ...(ask.tools === undefined ? {} : { tools: ask.tools.map(toolOf) }),
  ...(ask.json === true ? { text: { format: zodTextFormat(citySchema, 'city') } } : {}),
  ...(ask.maxTokens === undefined ? {} : { max_output_tokens: ask.maxTokens }),
});

function itemsOf(turn: AskTurn): Item[] {
  if ('reply' in turn) return turn.reply.history as Item[];
  if ('results' in turn) return turn.results.map(({ call, output }): Item => ({ type: 'function_call_output', call_id: call.id, output }));
  if (turn.image === undefined) return [{ role: 'user', content: turn.say }];
  return [{ role: 'user', content: [{ type: 'input_text', text: turn.say }, { type: 'input_image', image_url: `data:image/png;base64,${turn.image}`, detail: 'auto' }] }];
}

const toolOf = (name: ToolName): OpenAI.Responses.FunctionTool => ({ type: 'function', name, description: toolDescriptions[name], parameters: toolParameters[name], strict: false });

function replyOf(response: Response, requestId: string | null): Reply {
  const calls = response.output.filter((item) => item.type === 'function_call');
  const text = response.output.flatMap((item) => (item.type === 'message' ? item.content : [])).map((part) => (part.type === 'output_text' ? part.text : '')).join('');
  return {
    text,
    calls: calls.map((call) => ({ id: call.call_id, name: call.name, args: JSON.parse(call.arguments) as unknown })),
    finish: finishOf(response, calls.length > 0),
    usage: { promptTokens: response.usage!.input_tokens, completionTokens: response.usage!.output_tokens },
    requestId,
    json: response.output_parsed,
    history: response.output,
  };
}

function finishOf({ status, incomplete_details: details }: Response, called: boolean): Finish {
  if (status === 'incomplete' && details?.reason === 'max_output_tokens') return 'length';
  if (status !== 'completed') throw new Error(`ended as ${status}: ${details?.reason}`);
  return called ? 'tool_calls' : 'stop';
}
