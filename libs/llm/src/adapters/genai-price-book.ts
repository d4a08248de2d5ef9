import { type ModelInfo, calcPrice } from '@pydantic/genai-prices';
import { type QuotedRates, type TokenUsage } from '@apex/usage';
import { type DatedPrice, datedPrice, priceAt } from '../core/dated-prices.js';
import { type PriceSheet, compileSheet, costBySheet, ratesBySheet } from '../core/price-sheet.js';
import { PriceBook, type Price } from '../ports/price-book.js';

/** The installed catalogue's version. It is pinned, and stored with every amount. */
export const CATALOGUE = 'genai-prices@0.1.8';

/** Model names come from callers: no more than this many resolved ones are kept, nor any longer than this. */
const MAX_RESOLVED = 4_096;
const MAX_MODEL_LENGTH = 256;

interface VersionedSheet {
  readonly sheet: PriceSheet;
  readonly version: string;
}

/** A model of the catalogue, all its prices compiled; null: the catalogue does not know it. */
type Resolved = readonly DatedPrice<VersionedSheet>[] | null;

const UNKNOWN: Price = Object.freeze({ pricing: 'unpriced', priceVersion: `${CATALOGUE}/unknown` });

/**
 * Prices from the catalogue that ships with `@pydantic/genai-prices`; it is never updated over the network, so that
 * the same usage costs the same in every process and for ever. Which entry a model name means is the catalogue's
 * decision (dated snapshots, fallback providers); the arithmetic is ours, in integers.
 */
export class GenaiPriceBook extends PriceBook {
  private readonly resolved = new Map<string, Map<string, Resolved>>();
  private count = 0;
  private readonly windows = new Map<string, number | null>();

  price(provider: string, model: string, usage: TokenUsage, atMs: number): Price {
    const dated = this.sheet(provider, model, atMs);
    if (dated === null) return UNKNOWN;
    const { sheet, version } = dated;
    const cost = costBySheet(sheet, usage);
    if (typeof cost === 'number') return { pricing: 'priced', costPicodollars: cost, priceVersion: version };
    return { pricing: 'unpriced', priceVersion: `${version}!${cost}` };
  }

  rates(provider: string, model: string, promptTokens: number, atMs: number): QuotedRates | null {
    const dated = this.sheet(provider, model, atMs);
    return dated === null ? null : ratesBySheet(dated.sheet, promptTokens, dated.version);
  }

  contextWindow(provider: string, model: string): number | null {
    if (provider === '' || model.length > MAX_MODEL_LENGTH) return null;
    const name = `${provider} ${model}`;
    let window = this.windows.get(name);
    if (window === undefined) {
      if (this.windows.size >= MAX_RESOLVED) this.windows.clear();
      window = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: provider })?.model.context_window ?? null;
      this.windows.set(name, window);
    }
    return window;
  }

  private sheet(provider: string, model: string, atMs: number): VersionedSheet | null {
    const kept = this.resolved.get(provider)?.get(model);
    const prices = kept === undefined ? this.resolve(provider, model) : kept;
    return prices === null ? null : (priceAt(prices, atMs)?.value ?? null);
  }

  private resolve(provider: string, model: string): Resolved {
    if (provider === '' || model.length > MAX_MODEL_LENGTH) return null;
    if (this.count >= MAX_RESOLVED) {
      this.resolved.clear();
      this.count = 0;
    }
    const prices = lookUp(provider, model);
    const models = this.resolved.get(provider) ?? new Map<string, Resolved>();
    this.resolved.set(provider, models.set(model, prices));
    this.count++;
    return prices;
  }
}

function lookUp(provider: string, model: string): Resolved {
  const match = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { providerId: provider });
  return match === null ? null : compile(`${CATALOGUE}/${match.provider.id}/${match.model.id}`, match.model.prices);
}

function compile(version: string, prices: ModelInfo['prices']): Resolved {
  if (!Array.isArray(prices)) return [datedPrice(undefined, { sheet: compileSheet(prices), version })];
  return prices.map(({ constraint, prices: rates }) => {
    const { label, window } = datedPrice(constraint, null);
    return { label, window, value: { sheet: compileSheet(rates), version: `${version}@${label}` } };
  });
}
