import { type Protocol } from '../core/dialogue/protocol.js';

/** What a call to a provider is for. */
export type Operation =
  | { readonly kind: 'generate'; readonly protocol: Protocol; readonly model: string; readonly stream: boolean }
  | { readonly kind: 'embeddings'; readonly model: string }
  | { readonly kind: 'models' };

/**
 * How one kind of provider is spoken to: everything that differs from the others, as data and two small functions.
 * `docs/providers.md` shows how to add one.
 */
export interface ProviderKind {
  readonly kind: string;
  /** The protocols it speaks itself. A request in one of them passes untouched; any other is translated into the first. */
  readonly protocols: readonly [Protocol, ...Protocol[]];
  /** It has OpenAI's embeddings endpoint. */
  readonly embeddings: boolean;
  /** Where an operation goes, behind the provider's base path; with a leading slash. Names in it are encoded. */
  path(operation: Operation): string;
  /** The headers that carry the key, and what else the provider wants with every call. */
  headers(apiKey: string): Readonly<Record<string, string>>;
  /** Headers of a client that has its own key with the provider, passed on to it. */
  readonly passedHeaders: readonly string[];
  /** What a configured provider of this kind has unless it says otherwise. */
  readonly defaults: { readonly baseUrl: string | null; readonly apiKeyEnv: string | null; readonly models: readonly string[]; readonly priceAs: string };
}
