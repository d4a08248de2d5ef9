import { type Target } from '@apex/llm';
import { type TokenUsage } from '@apex/usage';
import { type EncodedCall } from '../wire/wire.js';

/** What is known of a call to a provider when it is over. */
export interface CallEnd {
  readonly target: Target;
  /** Unix ms. */
  readonly startedAt: number;
  readonly usage: TokenUsage | null;
}

/** The provider's prompt cache, for one request. Nothing here throws or waits. */
export interface PromptCacheUse {
  /** The call as it is to go to this target: with breakpoints where they pay, or a key where there is none; else as it is. */
  prepare(call: EncodedCall, target: Target): EncodedCall;
  /** Whether the call to this target holds breakpoints of ours. */
  isPlacedAt(target: Target): boolean;
  /** Whether this usage of an answer is what it is because of what was done here. */
  actedOn(target: Target, usage: TokenUsage): boolean;
  /** What the same call would have used as the customer sent it. */
  asSent(usage: TokenUsage): TokenUsage;
  /** Learns what the provider has in its cache from now on. */
  settle(end: CallEnd): void;
}
