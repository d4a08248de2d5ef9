import { assertExact, type Picodollars, type Uuid } from '@apex/common';
import { type TokenUsage } from '../usage.types.js';
import { type AdjustmentFact, MECHANISMS, type Mechanism, type QuotedRates, type Receipt, type ReceiptInputs, type Spending, type VoidReason, VOID_REASONS } from './receipt.types.js';

const MILLION = 1_000_000n;

/**
 * The receipt of a request: a pure function of its inputs and nothing else, so that the customer's computation gives what
 * ours gave. Every amount is exact; each cost is rounded once, half-even, and only where a rate is finer than a picodollar.
 * @throws RangeError for inputs that contradict themselves or whose amounts a number cannot hold
 */
export function computeReceipt(requestId: Uuid, customerId: string, inputs: ReceiptInputs): Receipt {
  checkSteps(inputs);
  const acted = inputs.steps.length > 0;
  const actualPd = sum(inputs.spent);
  const baselinePd = acted ? cost(baselineUsage(inputs), inputs.baseline.rates) : sum(inputs.spent.filter(({ kind }) => kind === 'attempt'));
  const shares: Partial<Record<Mechanism, Picodollars>> = {};
  let before = baselinePd;
  for (const { mechanism, usage, rates } of inputs.steps) {
    const after = rates === null ? 0 : cost(usage, rates);
    shares[mechanism] = before - after;
    before = after;
  }
  const status = inputs.voidReason === null ? 'billable' : 'void';
  const savingPd = status === 'billable' ? baselinePd - actualPd : acted ? -actualPd : 0;
  return { requestId, customerId, inputs, baselinePd, actualPd, savingPd: savingPd === 0 ? 0 : savingPd, shares, overheadPd: before - actualPd, status, reason: inputs.voidReason };
}

/**
 * The receipt as later facts have made it. Facts are a set: their order and how often one is told change nothing.
 * Of several reasons to void it the first in the order of `VOID_REASONS` is named.
 */
export function foldAdjustments(receipt: Receipt, facts: readonly AdjustmentFact[]): Receipt {
  const spent = new Map(receipt.inputs.spent.map((one) => [spendingKey(one), one]));
  const reasons = new Set<VoidReason>(receipt.inputs.voidReason === null ? [] : [receipt.inputs.voidReason]);
  for (const fact of facts) {
    if (fact.kind === 'void') reasons.add(fact.reason);
    else if (!spent.has(spendingKey(fact.spending))) spent.set(spendingKey(fact.spending), fact.spending);
  }
  const ordered = [...spent.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  return computeReceipt(receipt.requestId, receipt.customerId, { ...receipt.inputs, spent: ordered, voidReason: VOID_REASONS.find((reason) => reasons.has(reason)) ?? null });
}

/** What a usage costs at quoted rates. @throws RangeError where a kind of token that occurs has no rate */
export function cost(usage: TokenUsage, rates: QuotedRates): Picodollars {
  const uncached = usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens;
  const visible = usage.completionTokens - usage.reasoningTokens;
  if (rates.denominator === 1) {
    // No term is negative, so a sum that a number holds exactly proves that each product and partial sum was exact as well.
    const sum =
      product(uncached, rates.input) + product(usage.cachedTokens, rates.cacheRead) + product(usage.cacheWriteTokens, rates.cacheWrite) + product(visible, rates.output) + product(usage.reasoningTokens, rates.reasoning) + rates.request;
    return assertExact(sum);
  }
  const exact =
    term(uncached, rates.input) + term(usage.cachedTokens, rates.cacheRead) + term(usage.cacheWriteTokens, rates.cacheWrite) + term(visible, rates.output) + term(usage.reasoningTokens, rates.reasoning) + BigInt(rates.request);
  return assertExact(Number(divideHalfEven(exact, BigInt(rates.denominator))));
}

const term = (tokens: number, rate: number | null): bigint => BigInt(tokens) * BigInt(rateFor(tokens, rate));
const product = (tokens: number, rate: number | null): number => tokens * rateFor(tokens, rate);

function rateFor(tokens: number, rate: number | null): number {
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw new RangeError(`not a count of tokens: ${tokens}`);
  if (tokens === 0) return 0;
  if (rate === null) throw new RangeError('tokens of a kind that has no rate');
  return rate;
}

/**
 * What the requested model would have used. Where another one answered: its visible output, as long as the requested model
 * would have made it; reasoning of another model is never in a baseline.
 */
function baselineUsage({ baseline: { usage }, lengthRatioPpm: ratioPpm, steps }: ReceiptInputs): TokenUsage {
  if (!Number.isSafeInteger(ratioPpm) || ratioPpm < 0 || ratioPpm > Number(MILLION)) throw new RangeError(`not a length ratio: ${ratioPpm}`);
  if (!steps.some(({ mechanism }) => mechanism === 'routing')) return usage;
  const visible = usage.completionTokens - usage.reasoningTokens;
  // Down: what is not surely saved is not claimed.
  return { ...usage, completionTokens: Number((BigInt(visible) * BigInt(ratioPpm)) / MILLION), reasoningTokens: 0 };
}

function checkSteps({ steps, arm }: ReceiptInputs): void {
  if (arm === 'control' && steps.length > 0) throw new RangeError('a mechanism acted on a control');
  let last = -1;
  for (const { mechanism } of steps) {
    const order = MECHANISMS.indexOf(mechanism);
    if (order <= last) throw new RangeError(`'${mechanism}' out of order`);
    last = order;
  }
}

const spendingKey = ({ kind, id }: Spending): string => `${kind} ${id}`;

function sum(spent: readonly Spending[]): Picodollars {
  let total = 0;
  for (const { costPd } of spent) total += costPd;
  return assertExact(total);
}

function divideHalfEven(amount: bigint, by: bigint): bigint {
  const quotient = amount / by;
  const twice = (amount % by) * 2n;
  return twice > by || (twice === by && quotient % 2n === 1n) ? quotient + 1n : quotient;
}
