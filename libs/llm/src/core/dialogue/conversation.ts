import { type Fields } from '@apex/common';
import { type Protocol } from './protocol.js';

/**
 * What a request for a model's answer says, in no protocol's words. Every protocol has a codec that reads its requests
 * into this and writes this as its requests, so that n protocols need n codecs and not n x n translations.
 *
 * It holds what at least two protocols can express. What only one can say does not fit in here: a codec that reads such a
 * thing reports it (see `Problem`), and the request is refused by that name where it would have to be translated.
 */
export interface Conversation {
  readonly model: string;
  /** Instructions that stand before the conversation: OpenAI's leading system and developer messages, Anthropic's `system`. */
  readonly system: readonly TextPart[];
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | null;
  /** Whether several tools may be called in one turn; null: the provider's default. */
  readonly parallelTools: boolean | null;
  readonly maxOutputTokens: number | null;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly stop: readonly string[];
  readonly seed: number | null;
  readonly presencePenalty: number | null;
  readonly frequencyPenalty: number | null;
  /** Answers asked for; 1 unless said otherwise. */
  readonly candidates: number;
  readonly logprobs: { readonly top: number } | null;
  readonly output: OutputFormat;
  readonly reasoning: Reasoning | null;
  /** An opaque id of the end user, for the provider's abuse detection. */
  readonly endUser: string | null;
  readonly stream: boolean;
}

/** Consecutive turns of one role are allowed here; codecs whose protocol forbids them join them. */
export type Turn =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[] }
  /** Instructions in the middle of the conversation. */
  | { readonly role: 'system'; readonly parts: readonly TextPart[] };

export type UserPart = TextPart | ImagePart | DocumentPart | ToolResultPart;
export type AssistantPart = TextPart | RefusalPart | ThinkingPart | RedactedThinkingPart | ToolCallPart;

/** A point up to which the prompt is to be cached (Anthropic's `cache_control`); `null` ttl: the provider's default. */
export interface CacheBreakpoint {
  readonly ttl: '5m' | '1h' | null;
}

interface Cacheable {
  readonly cache?: CacheBreakpoint;
}

export interface TextPart extends Cacheable {
  readonly type: 'text';
  readonly text: string;
}

export type BinarySource =
  | { readonly kind: 'url'; readonly url: string }
  /** Base64 without a data URL's head. */
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string };

export interface ImagePart extends Cacheable {
  readonly type: 'image';
  readonly source: BinarySource;
  readonly detail: 'auto' | 'low' | 'high' | null;
}

export interface DocumentPart extends Cacheable {
  readonly type: 'document';
  readonly source: BinarySource | { readonly kind: 'text'; readonly text: string };
  readonly name: string | null;
}

export interface ToolResultPart extends Cacheable {
  readonly type: 'tool_result';
  readonly toolCallId: string;
  readonly content: readonly (TextPart | ImagePart | DocumentPart)[];
  readonly isError: boolean;
}

export interface RefusalPart {
  readonly type: 'refusal';
  readonly text: string;
}

/** A provider's seal over what its model thought. Providers of the protocol that it came in take it back; others refuse it. */
export interface Signature {
  readonly by: Protocol;
  readonly value: string;
}

/** The model's reasoning, with the provider's signature over it where there is one; it must go back unchanged. */
export interface ThinkingPart {
  readonly type: 'thinking';
  readonly text: string;
  readonly signature: Signature | null;
}

/** Reasoning that only the provider can read. */
export interface RedactedThinkingPart {
  readonly type: 'redacted_thinking';
  readonly data: Signature;
}

export interface ToolCallPart extends Cacheable {
  readonly type: 'tool_call';
  readonly id: string;
  readonly name: string;
  /** The arguments' JSON text as the model wrote it. Valid JSON of an object wherever a protocol needs one; `{}` for none. */
  readonly arguments: string;
  /** A provider's signature over the call (Gemini's `thoughtSignature`), which must go back with it. */
  readonly signature?: string;
}

export interface Tool extends Cacheable {
  readonly name: string;
  readonly description: string | null;
  /** JSON Schema of the arguments; null: none were given. */
  readonly parameters: Fields | null;
  readonly strict: boolean | null;
}

export type ToolChoice = { readonly kind: 'auto' } | { readonly kind: 'none' } | { readonly kind: 'required' } | { readonly kind: 'tool'; readonly name: string };

export type OutputFormat =
  | { readonly kind: 'text' }
  | { readonly kind: 'json' }
  | { readonly kind: 'json_schema'; readonly name: string | null; readonly description: string | null; readonly schema: Fields; readonly strict: boolean | null };

/** `effort` and `budgetTokens` are two ways to say one thing; at most one is not null. `enabled: false` asks for none. */
export interface Reasoning {
  readonly enabled: boolean;
  readonly effort: ReasoningEffort | null;
  readonly budgetTokens: number | null;
}

/** OpenAI's and Anthropic's scales in one; a protocol that lacks a step refuses it, as another step is another request. */
export type ReasoningEffort = 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

/** Something of a request that cannot be carried over. */
export interface Problem {
  /** `invalid`: the caller's body is wrong in its own protocol. `inexpressible`: it is right, and cannot be translated. */
  readonly kind: 'invalid' | 'inexpressible';
  /** A path into the caller's body: `logit_bias`, `messages[2].content[0]`. An encoder's is one into the conversation: see `Codec.namesIn`. */
  readonly param: string;
  readonly why: string;
}
