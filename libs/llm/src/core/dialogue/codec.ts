import { type Fields } from '@apex/common';
import { type TokenUsage } from '@apex/usage';
import { type Answer, type AnswerEvent, type ProviderError } from './answer.js';
import { type Conversation, type Decoded } from './conversation.js';
import { type MemberNames } from './member-names.js';
import { type Protocol } from './protocol.js';

/** One Server-Sent Event (WHATWG HTML, 9.2.6), without its framing. */
export interface SseEvent {
  /** The `event:` field; null where the protocol does not use it. */
  readonly event: string | null;
  readonly data: string;
}

/** How a request is put to a provider of this protocol. */
export interface EncodedRequest {
  readonly body: Fields;
  /**
   * Members of the conversation that this protocol has no words for and that change neither the answer nor its form, such
   * as cache breakpoints. They were left out of the body; the client is told so.
   */
  readonly ignoredHints?: readonly string[];
}

/**
 * A protocol in both directions, for both roles: Apex is a server of it towards clients and a client of it towards providers.
 * Pure. Nothing throws for what a peer sent: a wrong request is `ok: false`, a wrong answer a `ProtocolViolation`.
 */
export interface Codec {
  readonly protocol: Protocol;

  // Requests.
  /** A client's body. Members that cannot be carried over are problems of kind `inexpressible`; nothing is dropped. */
  decodeRequest(body: unknown): Decoded<Conversation>;
  /** The body for a provider. What this protocol cannot say is a problem, named by the conversation's own member (`seed`, `turns[2].parts[0]`). */
  encodeRequest(conversation: Conversation): Decoded<EncodedRequest>;
  /**
   * What a client of this protocol calls the members of the conversation that was read from this body, as problems and hints
   * of another protocol's encoder name them: `turns[2].parts[0].arguments` is `messages[3].tool_calls[0].function.arguments`.
   * What no member of the client's stands for keeps its name.
   */
  namesIn(body: unknown): MemberNames;

  // Whole answers.
  /** @throws ProtocolViolation */
  decodeAnswer(body: unknown): Answer;
  encodeAnswer(answer: Answer): Fields;
  /** The token counts in a provider's own usage object; null: none, or not to be trusted. */
  readUsage(usage: unknown): TokenUsage | null;

  // Streamed answers. One object per stream.
  createStreamDecoder(): StreamDecoder;
  createStreamEncoder(options: StreamEncoderOptions): StreamEncoder;

  // Errors.
  decodeError(httpStatus: number, body: unknown): ProviderError;
  encodeError(error: ProviderError, requestId: string): Fields;
}

export interface StreamDecoder {
  /** What this event of the provider means, in order. @throws ProtocolViolation */
  push(event: SseEvent): readonly AnswerEvent[];
  /** The provider's stream is over: closes what is open (an `end`, or an `error` where it ended too early). */
  finish(): readonly AnswerEvent[];
}

export interface StreamEncoderOptions {
  /** The client asked for the usage (OpenAI chat's `stream_options.include_usage`); protocols that always tell it ignore this. */
  readonly includeUsage: boolean;
  /** The model's name as the client shall see it. */
  readonly model: string;
  /** Unix seconds and an id, for protocols that want one where the provider's has none. */
  readonly created: number;
  readonly id: string;
}

export interface StreamEncoder {
  /** What to send for it, at once: nothing is held back that the protocol allows to be said. */
  push(event: AnswerEvent): readonly SseEvent[];
}

/** A provider that does not speak its own protocol. */
export class ProtocolViolation extends Error {}
