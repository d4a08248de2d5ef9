import { type Tap } from './tap.js';

/** What is asked of a model, in no SDK's words; each client writes it as its SDK has it. */
export interface Ask {
  readonly model: string;
  readonly system?: string;
  readonly turns: readonly AskTurn[];
  readonly tools?: readonly ToolName[];
  /** An object of `citySchema` is wanted. */
  readonly json?: boolean;
  readonly maxTokens?: number;
  readonly stop?: string;
  readonly signal?: AbortSignal;
}

export type ToolName = 'get_weather' | 'get_time';

export type AskTurn =
  /** `image`: a PNG in base64. */
  | { readonly say: string; readonly image?: string }
  /** An earlier answer, put back as the SDK gave it. */
  | { readonly reply: Reply }
  | { readonly results: readonly { readonly call: ToolCall; readonly output: string }[] };

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
}

/** Why it ended, as far as the client's protocol tells: chat completions say `stop` for a stop sequence, too. */
export type Finish = 'stop' | 'stop_sequence' | 'length' | 'tool_calls';

export interface Reply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly finish: Finish;
  readonly usage: Usage;
  /** Apex' id of the request, by whatever means the SDK has. */
  readonly requestId: string | null;
  /** What the SDK parsed of an answer that was to be JSON. */
  readonly json?: unknown;
  /** What the SDK wants back as its history: the client's own business. */
  readonly history: unknown;
}

/** As the client is told: all of the prompt, and all that was generated. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** A piece of a stream, as soon as the SDK hands it out. */
export type Delta = { readonly type: 'text'; readonly text: string } | { readonly type: 'arguments'; readonly call: string; readonly text: string };

export type ErrorKind = 'rate_limit' | 'server' | 'not_found' | 'authentication';

/** How an SDK is pointed at Apex. No retries: what Apex answers is what counts. */
export interface ClientOptions {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly tap: Tap;
}

/** An SDK under test. */
export interface Client {
  ask(ask: Ask): Promise<Reply>;
  /** Resolves with the whole once the stream is over. */
  stream(ask: Ask, onDelta: (delta: Delta) => void): Promise<Reply>;
  /** The SDK's own class, or mark, of such a failure. */
  isError(error: Error, kind: ErrorKind): boolean;
  /** The SDK's own way to tell of an abort by signal. */
  isAbort(error: Error): boolean;
}

export interface ClientSpec {
  /** The row's name in the table. */
  readonly name: string;
  readonly package: string;
  /** The path that it calls. */
  readonly surface: '/v1/chat/completions' | '/v1/responses' | '/v1/messages';
  readonly create: (options: ClientOptions) => Client;
}
