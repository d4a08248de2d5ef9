import { type Fields, type Uuid } from '@apex/common';
import { type Operation, type Target } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type Call, type Refusal } from '../call.js';

/** What of a request a wire looks at. */
export interface WireRequest {
  readonly requestId: Uuid;
  readonly receivedAt: number;
  readonly body: Buffer;
  /** The same, parsed; null where nothing had to be. Nobody changes it. */
  readonly json: Fields | null;
  readonly call: Call;
}

/** A request as it goes to one provider. */
export interface EncodedCall {
  readonly operation: Operation;
  readonly body: Buffer;
  /** Hints of the client that this provider has no use for and that change nothing; the client is told. */
  readonly ignored: readonly string[];
}

/** What is to be done with the bytes of one read from the provider. */
export interface RelayStep {
  /** Goes to the client at once. */
  readonly forward: readonly Buffer[];
  /** Stays until the request is in the books: what ends the stream. */
  readonly hold: readonly Buffer[];
}

/** A streamed answer on its way from the provider to the client. */
export interface StreamRelay {
  /** @throws Error when the provider does not keep to its protocol; the stream then ends with an error */
  push(chunk: Buffer): RelayStep;
  /** The provider has ended its answer in good order. */
  finish(): RelayStep;
  /** The protocol's own end has been seen. */
  readonly complete: boolean;
  /** The provider told of an error inside the stream. */
  readonly failed: boolean;
  /** As the provider told it so far; null: not at all. */
  readonly usage: TokenUsage | null;
}

/** A whole good answer. */
export interface WholeAnswer {
  readonly usage: TokenUsage | null;
  readonly body: readonly Buffer[];
  /** The parsed answer, where usage was missing and has to be counted. */
  readonly json?: unknown;
}

/** How requests of one surface are put to providers of one kind, and their answers to the client. */
export interface Wire {
  /** Both sides speak one protocol: bytes pass. */
  readonly passthrough: boolean;
  encode(request: WireRequest, target: Target): { readonly ok: true; readonly call: EncodedCall } | { readonly ok: false; readonly refusal: Refusal };
  createRelay(request: WireRequest): StreamRelay;
  /** @throws Error for an answer that is none in the provider's protocol */
  readWhole(request: WireRequest, chunks: readonly Buffer[]): WholeAnswer;
  /** The provider's error as the client's SDK knows errors; null when it is no error of its protocol. */
  readError(request: WireRequest, status: number, chunks: readonly Buffer[]): readonly Buffer[] | null;
}
