import { type TokenUsage } from '@apex/usage';
import { type AssistantPart, type Signature } from './conversation.js';

/** A model's whole answer, in no protocol's words. */
export interface Answer {
  /** The provider's id of it. */
  readonly id: string;
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
  readonly candidates: readonly Candidate[];
  readonly usage: TokenUsage | null;
}

export interface Candidate {
  readonly index: number;
  readonly parts: readonly AssistantPart[];
  readonly stop: StopReason;
  /** The sequence that stopped it, where the provider says which. */
  readonly stopSequence: string | null;
}

/**
 * Why generation ended. `stop`: it was done. `stop_sequence`: one of the caller's sequences came. `length`: the limit.
 * `context`: the model's window was full. `tool_calls`: tools are to be called. `refusal`: the model or the provider's
 * filter declined. `pause`: the provider wants to be called again with what there is.
 */
export type StopReason = 'stop' | 'stop_sequence' | 'length' | 'context' | 'tool_calls' | 'refusal' | 'pause';

/**
 * A streamed answer. In order: `start`; for each part `part_start`, deltas, `part_end`; `stop` per candidate; `usage` (it
 * may come more than once: the last one counts, each is the whole so far); `end`. Parts of one candidate do not interleave;
 * `part` counts them from 0 within their candidate. An `error` may come anywhere and is the last event.
 */
export type AnswerEvent =
  | { readonly type: 'start'; readonly id: string; readonly model: string; readonly created: number }
  | { readonly type: 'part_start'; readonly candidate: number; readonly part: number; readonly start: PartStart }
  | { readonly type: 'delta'; readonly candidate: number; readonly part: number; readonly delta: PartDelta }
  | { readonly type: 'part_end'; readonly candidate: number; readonly part: number }
  | { readonly type: 'stop'; readonly candidate: number; readonly reason: StopReason; readonly stopSequence: string | null }
  | { readonly type: 'usage'; readonly usage: TokenUsage }
  | { readonly type: 'end' }
  | { readonly type: 'error'; readonly error: ProviderError };

export type PartStart =
  | { readonly type: 'text' }
  | { readonly type: 'refusal' }
  | { readonly type: 'thinking' }
  | { readonly type: 'redacted_thinking'; readonly data: Signature }
  | { readonly type: 'tool_call'; readonly id: string; readonly name: string; readonly signature?: string };

/** `arguments` is a piece of JSON text, passed on as it comes; a `signature`, whole or a piece of one, belongs to the thinking part as a whole. */
export type PartDelta =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'arguments'; readonly text: string }
  | { readonly type: 'signature'; readonly signature: Signature };

/** An error in no protocol's words. */
export interface ProviderError {
  readonly httpStatus: number;
  readonly kind: ErrorKind;
  readonly message: string;
  /** The provider's own code, where it has one. */
  readonly code: string | null;
  readonly param: string | null;
}

export type ErrorKind = 'invalid_request' | 'authentication' | 'permission' | 'not_found' | 'too_large' | 'rate_limit' | 'overloaded' | 'timeout' | 'server';
