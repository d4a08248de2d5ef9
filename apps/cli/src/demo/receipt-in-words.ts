import { idTime } from '@apex/common';
import { computeReceipt, type Mechanism, type QuotedRates, type Receipt, type TokenUsage } from '@apex/usage';
import { count, usd } from './words.js';

/** Of a saving that is billed; what a contract may say otherwise is not known here. */
const APEX_SHARE_PERCENT = 20n;
const FEEDBACK_WINDOW_MS = 72 * 3_600_000;

const MILLION = 1_000_000n;

/** Why a mechanism's saving is one. */
const WHAT_IT_DID: Readonly<Record<Mechanism, string>> = {
  compression: 'the prompt was shortened',
  prompt_cache: 'the provider was asked to keep the prompt, and read it again at a lower rate',
  routing: 'a cheaper model answered',
  semantic_cache: 'the same question had been answered before, in other words',
  exact_cache: 'the very same request had been answered, and paid for, before: that answer was given again, and no provider was called',
};

const WHY_VOID: Readonly<Record<NonNullable<Receipt['reason']>, string>> = {
  error: 'the answer was an error, or was not whole',
  rejected: 'you rejected the answer',
  regenerated: 'the answer was asked for anew',
  judged_worse: 'the answer was worse than the one you would have had',
  false_hit: 'the answer belonged to another question',
};

/** A receipt's arithmetic for somebody who reads invoices: every number is the receipt's own, or computed from it. */
export function receiptInWords(receipt: Receipt): string {
  const { requestId, inputs, baselinePd, actualPd } = receipt;
  const acted = inputs.steps.length > 0;
  return [
    `One receipt   request ${requestId}, ${new Date(idTime(requestId)).toISOString()}`,
    ...(acted
      ? [`1. Without Apex it would have cost what ${inputs.requestedModel} costs (${inputs.provider}, price list ${inputs.baseline.rates.priceVersion}):`, ...priced(receipt), line('baseline', baselinePd)]
      : [`1. Without Apex it would have cost the same: nothing was done to it${inputs.arm === 'control' ? ', as it is one of those held out to compare with' : ''}.`, line('baseline', baselinePd)]),
    `2. With Apex it did cost${inputs.spent.length === 0 ? ' nothing: nobody was paid for it.' : ':'}`,
    ...inputs.spent.map(({ kind, costPd }) => line(kind === 'attempt' ? 'a call to a provider' : `a ${kind} call`, costPd)),
    line('actual', actualPd),
    `3. The difference is what was saved: ${usd(baselinePd)} - ${usd(actualPd)} = ${usd(baselinePd - actualPd)}.`,
    ...inputs.steps.map(({ mechanism }) => `${line(mechanism.replace('_', ' '), receipt.shares[mechanism] ?? 0)}   ${WHAT_IT_DID[mechanism]}`),
    ...(receipt.overheadPd === 0 || !acted ? [] : [line('spent to save it', receipt.overheadPd)]),
    `4. ${verdict(receipt)}`,
    `5. ${recomputed(receipt) ? 'Computed again here, from the inputs that the receipt holds: the same, to the picodollar.' : 'Computed again here, from the inputs that the receipt holds, it is NOT the same: do not believe it.'}`,
  ].join('\n');
}

/** The baseline's usage, a line for each kind of token. */
function priced({ inputs: { baseline, steps, lengthRatioPpm }, baselinePd }: Receipt): string[] {
  const { usage, rates } = baseline;
  const kinds = kindsOf(usage, rates, steps.some(({ mechanism }) => mechanism === 'routing') ? lengthRatioPpm : null).filter(({ tokens }) => tokens > 0n);
  const lines = kinds.map(({ name, tokens, rate }) => `   ${`${count(Number(tokens))} ${name}`.padEnd(40)} x ${`${usd((rate * MILLION) / BigInt(rates.denominator))} per million`.padEnd(24)} = ${usd((tokens * rate) / BigInt(rates.denominator))}`);
  if (rates.request > 0) lines.push(line('for the request', BigInt(rates.request) / BigInt(rates.denominator)));
  const sum = kinds.reduce((total, { tokens, rate }) => total + (tokens * rate) / BigInt(rates.denominator), BigInt(rates.request) / BigInt(rates.denominator));
  // Rates finer than a picodollar are rounded once, over all.
  if (sum !== BigInt(baselinePd)) lines.push(line('rounding', BigInt(baselinePd) - sum));
  return lines;
}

/** @param ratioPpm where another model answered: how much of its visible answer counts, in millionths */
function kindsOf(usage: TokenUsage, rates: QuotedRates, ratioPpm: number | null): { readonly name: string; readonly tokens: bigint; readonly rate: bigint }[] {
  const visible = BigInt(usage.completionTokens - usage.reasoningTokens);
  const kind = (name: string, tokens: number | bigint, rate: number | null) => ({ name, tokens: BigInt(tokens), rate: BigInt(rate ?? 0) });
  return [
    kind('prompt tokens', usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens, rates.input),
    kind('prompt tokens, cached by the provider', usage.cachedTokens, rates.cacheRead),
    kind('prompt tokens, written to its cache', usage.cacheWriteTokens, rates.cacheWrite),
    kind('tokens of the answer', ratioPpm === null ? visible : (visible * BigInt(ratioPpm)) / MILLION, rates.output),
    kind('tokens of reasoning', ratioPpm === null ? usage.reasoningTokens : 0, rates.reasoning),
  ];
}

function verdict({ requestId, status, reason, savingPd, inputs }: Receipt): string {
  if (status === 'void') return `It is not billable: ${reason === null ? 'it is void' : WHY_VOID[reason]}. It claims nothing, and counts as ${usd(savingPd)}.`;
  if (inputs.steps.length === 0) return 'Nothing was saved, so there is nothing to bill.';
  if (savingPd <= 0) return `It cost more than it saved: nothing is billed for it, and ${usd(-savingPd)} is taken off what other requests saved.`;
  const until = new Date(idTime(requestId) + FEEDBACK_WINDOW_MS).toISOString();
  const share = (BigInt(savingPd) * APEX_SHARE_PERCENT) / 100n;
  return `It is billable: the answer was whole and good, and nobody has rejected it (you can until ${until}: POST /api/feedback). Apex's ${APEX_SHARE_PERCENT}% of it would be ${usd(share)}, and ${usd(BigInt(savingPd) - share)} stays with you. The invoice takes the sum of a month, never more than the experiment allows.`;
}

function recomputed(receipt: Receipt): boolean {
  try {
    const again = computeReceipt(receipt.requestId, receipt.customerId, receipt.inputs);
    return again.baselinePd === receipt.baselinePd && again.actualPd === receipt.actualPd && again.savingPd === receipt.savingPd && again.status === receipt.status;
  } catch {
    return false;
  }
}

const line = (name: string, amount: number | bigint): string => `   ${name.padEnd(40)}   ${''.padEnd(24)} = ${usd(amount)}`;
