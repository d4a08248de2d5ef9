import { type QuotedRates, type TokenUsage } from '@apex/usage';
import { type Picodollars } from '@apex/common';

export type Price =
  | { readonly pricing: 'priced'; readonly costPicodollars: Picodollars; readonly priceVersion: string }
  | { readonly pricing: 'unpriced'; readonly priceVersion: string };

/** Dated prices. Synchronous and without I/O: it stands on the request's path. */
export abstract class PriceBook {
  /** What this usage costs at `atMs` (Unix ms, the request's start) at the provider's dated list price. Exact. */
  abstract price(provider: string, model: string, usage: TokenUsage, atMs: number): Price;

  /** The rates that `price` uses at `atMs` for a prompt of this size; null where the model has none that can be told exactly. */
  abstract rates(provider: string, model: string, promptTokens: number, atMs: number): QuotedRates | null;

  /** Tokens that the model takes and gives together, as far as is known; no answer is longer. null: not known. */
  abstract contextWindow(provider: string, model: string): number | null;
}
