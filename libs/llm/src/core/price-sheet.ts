import { type Picodollars } from '@apex/common';
import { type QuotedRates, type TokenUsage } from '@apex/usage';
import { decimalOf, divideHalfEven, shiftToInteger } from './decimal.js';

/** A rate as a catalogue writes it: US dollars per unit, flat or by the size of the prompt. */
export type CatalogueRate = number | { readonly base: number; readonly tiers: readonly { readonly start: number; readonly price: number }[] };

/** Rates by the catalogue's names (`input_mtok`, `requests_kcount`, ...). Other units than these six do not occur in a `TokenUsage`. */
export type CatalogueRates = Readonly<Record<string, CatalogueRate | undefined>>;

/** Why there is no amount. `no_rate`: a used kind of token has no rate. `not_exact`: nonsense counts, or above $9,007. */
export type NoAmount = 'no_rate' | 'not_exact';

/** The rates that apply from a prompt size on, in picodollars x 10^scale per token. A null has no rate. */
interface Band<N> {
  readonly input: N | null;
  readonly cacheRead: N | null;
  readonly cacheWrite: N | null;
  readonly output: N | null;
  readonly reasoning: N | null;
  readonly request: N;
}

interface Step {
  /** Prompts of more tokens than this are billed, as a whole, by this step. -1: all. */
  readonly above: number;
  readonly exact: Band<bigint>;
  /** The same as numbers, where the sheet is whole in picodollars: the hot path. */
  readonly whole: Band<number> | null;
}

/** One model's rates of one date, in integers. */
export interface PriceSheet {
  readonly steps: readonly Step[];
  /** 10^scale: 1 unless a rate is finer than a picodollar per token. */
  readonly denominator: bigint;
}

/** $1 per million tokens = 10^6 pd per token; $1 per thousand requests = 10^9 pd per request. */
const PLACES_PER_MTOK = 6;
const PLACES_PER_KCOUNT = 9;

/**
 * Makes integers of a catalogue's decimals. A rate that is missing falls back as the catalogue defines it: cached and
 * cache-write tokens are input tokens, reasoning tokens are output tokens.
 */
export function compileSheet(rates: CatalogueRates): PriceSheet {
  const mtok = [rates['input_mtok'], rates['cache_read_mtok'], rates['cache_write_mtok'], rates['output_mtok'], rates['output_reasoning_mtok']];
  const perRequest = rates['requests_kcount'];
  const scale = Math.max(0, ...mtok.map((rate) => decimalsOf(rate) - PLACES_PER_MTOK), decimalsOf(perRequest) - PLACES_PER_KCOUNT);
  const starts = new Set([-1, ...mtok.flatMap(startsOf), ...startsOf(perRequest)]);
  const steps = [...starts].sort((a, b) => a - b).map((above): Step => {
    const [input, cacheRead, cacheWrite, output, reasoning] = mtok.map((rate) => integerRate(rate, above, PLACES_PER_MTOK + scale));
    const exact: Band<bigint> = {
      input: input ?? null,
      cacheRead: cacheRead ?? input ?? null,
      cacheWrite: cacheWrite ?? input ?? null,
      output: output ?? null,
      reasoning: reasoning ?? output ?? null,
      request: integerRate(perRequest, above, PLACES_PER_KCOUNT + scale) ?? 0n,
    };
    return { above, exact, whole: scale === 0 ? wholeBand(exact) : null };
  });
  return { steps, denominator: 10n ** BigInt(scale) };
}

/** What `usage` costs by this sheet. Exact; the only rounding (half-even, once) is of rates finer than a picodollar. */
export function costBySheet(sheet: PriceSheet, usage: TokenUsage): Picodollars | NoAmount {
  if (!isCoherent(usage)) return 'not_exact';
  const step = stepFor(sheet.steps, usage.promptTokens);
  const uncached = usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens;
  const visible = usage.completionTokens - usage.reasoningTokens;
  const rates: Band<unknown> = step.exact;
  if (
    (uncached > 0 && rates.input === null) ||
    (usage.cachedTokens > 0 && rates.cacheRead === null) ||
    (usage.cacheWriteTokens > 0 && rates.cacheWrite === null) ||
    (visible > 0 && rates.output === null) ||
    (usage.reasoningTokens > 0 && rates.reasoning === null)
  ) {
    return 'no_rate';
  }
  if (step.whole !== null) {
    const { input, cacheRead, cacheWrite, output, reasoning, request } = step.whole;
    // Terms are not negative: a sum below 2^53 proves that every product and partial sum was exact as well.
    const sum =
      uncached * (input ?? 0) +
      usage.cachedTokens * (cacheRead ?? 0) +
      usage.cacheWriteTokens * (cacheWrite ?? 0) +
      visible * (output ?? 0) +
      usage.reasoningTokens * (reasoning ?? 0) +
      request;
    return Number.isSafeInteger(sum) ? sum : 'not_exact';
  }
  const { input, cacheRead, cacheWrite, output, reasoning, request } = step.exact;
  const sum =
    BigInt(uncached) * (input ?? 0n) +
    BigInt(usage.cachedTokens) * (cacheRead ?? 0n) +
    BigInt(usage.cacheWriteTokens) * (cacheWrite ?? 0n) +
    BigInt(visible) * (output ?? 0n) +
    BigInt(usage.reasoningTokens) * (reasoning ?? 0n) +
    request;
  const amount = Number(divideHalfEven(sum, sheet.denominator));
  return Number.isSafeInteger(amount) ? amount : 'not_exact';
}

/**
 * The rates that `costBySheet` uses for prompts of this size, for whoever is to compute the cost again; null for the few
 * sheets in the catalogue that are too fine to be told in whole numbers.
 */
export function ratesBySheet(sheet: PriceSheet, promptTokens: number, priceVersion: string): QuotedRates | null {
  const { exact } = stepFor(sheet.steps, promptTokens);
  let known = quotedRates.get(exact);
  if (known === undefined || (known !== null && known.priceVersion !== priceVersion)) quotedRates.set(exact, (known = quote(sheet, exact, priceVersion)));
  return known;
}

/** The same object for the same rates: it is asked for with every request, and whoever writes it out can remember how. */
const quotedRates = new WeakMap<Band<bigint>, QuotedRates | null>();

function quote(sheet: PriceSheet, { input, cacheRead, cacheWrite, output, reasoning, request }: Band<bigint>, priceVersion: string): QuotedRates | null {
  // A sheet's scale is that of its finest rate at any prompt size; these may need less of it.
  const common = [input, cacheRead, cacheWrite, output, reasoning, request].reduce<bigint>((divisor, rate) => greatestCommonDivisor(rate ?? 0n, divisor), sheet.denominator);
  const reduced = (rate: bigint): number => Number(rate / common);
  const quoted = (rate: bigint | null): number | null => (rate === null ? null : reduced(rate));
  const rates = {
    input: quoted(input),
    cacheRead: quoted(cacheRead),
    cacheWrite: quoted(cacheWrite),
    output: quoted(output),
    reasoning: quoted(reasoning),
    request: reduced(request),
    denominator: reduced(sheet.denominator),
  };
  return Object.values(rates).every((rate) => rate === null || Number.isSafeInteger(rate)) ? Object.freeze({ ...rates, priceVersion }) : null;
}

const greatestCommonDivisor = (a: bigint, b: bigint): bigint => (a === 0n ? b : greatestCommonDivisor(b % a, a));

/** Counts are whole and not negative, and a part is not larger than its whole. */
function isCoherent(usage: TokenUsage): boolean {
  const { promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens } = usage;
  return (
    Number.isSafeInteger(promptTokens) &&
    Number.isSafeInteger(cachedTokens) &&
    Number.isSafeInteger(cacheWriteTokens) &&
    Number.isSafeInteger(completionTokens) &&
    Number.isSafeInteger(reasoningTokens) &&
    cachedTokens >= 0 &&
    cacheWriteTokens >= 0 &&
    reasoningTokens >= 0 &&
    cachedTokens + cacheWriteTokens <= promptTokens &&
    reasoningTokens <= completionTokens
  );
}

function stepFor(steps: readonly Step[], promptTokens: number): Step {
  let index = steps.length - 1;
  while (index > 0 && promptTokens <= (steps[index] as Step).above) index--;
  return steps[index] as Step;
}

/** The rate for prompts of more than `above` tokens: the last tier that starts there or before, else the base. */
function integerRate(rate: CatalogueRate | undefined, above: number, places: number): bigint | null {
  if (rate === undefined) return null;
  if (typeof rate === 'number') return shiftToInteger(decimalOf(rate), places);
  let price = rate.base;
  for (const tier of [...rate.tiers].sort((a, b) => a.start - b.start)) if (tier.start <= above) price = tier.price;
  return shiftToInteger(decimalOf(price), places);
}

function decimalsOf(rate: CatalogueRate | undefined): number {
  if (rate === undefined) return 0;
  if (typeof rate === 'number') return decimalOf(rate).decimals;
  return Math.max(decimalOf(rate.base).decimals, ...rate.tiers.map((tier) => decimalOf(tier.price).decimals));
}

const startsOf = (rate: CatalogueRate | undefined): number[] => (rate === undefined || typeof rate === 'number' ? [] : rate.tiers.map((tier) => tier.start));

function wholeBand(exact: Band<bigint>): Band<number> | null {
  const numbers = Object.fromEntries(Object.entries(exact).map(([kind, rate]) => [kind, rate === null ? null : Number(rate)]));
  return Object.values(numbers).every((rate) => rate === null || Number.isSafeInteger(rate)) ? (numbers as unknown as Band<number>) : null;
}
