import { type Uuid } from '@apex/common';
import { asciiJson, label, text, whole } from './ascii-json.js';
import { flat, policyJson } from './common-texts.js';
import { columns } from './journal-rows.js';
import { canonicalJson } from './savings/canonical-json.js';
import { hashOfCanonical } from './savings/chain.js';
import { MECHANISMS, type QuotedRates, type Receipt, type Spending, type Step } from './savings/receipt.types.js';
import { type TokenUsage } from './usage.types.js';

/** A row of `receipts`. */
export interface ReceiptRow {
  readonly request_id: Uuid;
  readonly customer_id: string;
  readonly inputs: Receipt['inputs'];
  readonly baseline_pd: number;
  readonly actual_pd: number;
  readonly saving_pd: number;
  readonly shares: Receipt['shares'];
  readonly overhead_pd: number;
  readonly status: Receipt['status'];
  readonly reason: Receipt['reason'];
}

/** A receipt on its way through the journal, with the hash that its customer's chain will hold. */
interface JournalledReceipt extends ReceiptRow {
  /** Null in journals of an older release, and then the sealer works it out. */
  readonly content_hash: string | null;
}

export const RECEIPT_COLUMNS = columns<JournalledReceipt>([
  ['request_id', 'uuid'],
  ['customer_id', 'text'],
  ['inputs', 'jsonb'],
  ['baseline_pd', 'bigint'],
  ['actual_pd', 'bigint'],
  ['saving_pd', 'bigint'],
  ['shares', 'jsonb'],
  ['overhead_pd', 'bigint'],
  ['status', 'text'],
  ['reason', 'text'],
  ['content_hash', 'text'],
]);

/** Those of the table: the hash goes to the sealer's queue, and is in the chain from then on. */
export const STORED_RECEIPT_COLUMNS = RECEIPT_COLUMNS.filter(({ name }) => name !== 'content_hash');

/**
 * A receipt's values in the order of `RECEIPT_COLUMNS`, as ASCII JSON that Postgres can store. Members come sorted by
 * name, so that the same text is nearly always the canonical one that `receiptHash` is taken over: the sealer then need
 * not read the receipt again.
 */
export function receiptJson(r: Receipt): string {
  const id = text(r.requestId);
  const customer = label(r.customerId);
  const inputs = inputsJson(r.inputs);
  const baseline = whole(r.baselinePd);
  const actual = whole(r.actualPd);
  const saving = whole(r.savingPd);
  const shares = sharesJson(r.shares);
  const overhead = whole(r.overheadPd);
  const status = label(r.status);
  const reason = label(r.reason);
  // Asked before it is put into the two texts below: looking into a text makes it one piece, which is then copied as such.
  const escaped = inputs.includes('\\');
  const content =
    `{"actualPd":${actual},"baselinePd":${baseline},"customerId":${customer},"inputs":${inputs},"overheadPd":${overhead},` +
    `"reason":${reason},"requestId":${id},"savingPd":${saving},"shares":${shares},"status":${status},"type":"receipt"}`;
  return `[${id},${customer},${inputs},${baseline},${actual},${saving},${shares},${overhead},${status},${reason},"${hashOf(content, escaped)}"]`;
}

/** Without an escape the text is canonical as it stands; characters above ASCII, which are escaped here, are not in canonical JSON. */
const hashOf = (content: string, escaped: boolean): string => hashOfCanonical(escaped || content.includes('\\') ? canonicalJson(JSON.parse(content)) : content);

/** Written out, member by member, because it runs for every request: see `recordJson`. */
const inputsJson = (r: Receipt['inputs']): string =>
  `{"arm":"${r.arm}","baseline":{${ratesMember(r.baseline.rates)},${usageMember(r.baseline.usage)}},"cluster":${text(r.cluster)},` +
  `"covariates":{"maxTokens":${whole(r.covariates.maxTokens)},"promptCostPd":${whole(r.covariates.promptCostPd)},${policyJson(r)},` +
  `"spent":[${spentJson(r.spent)}],"steps":[${r.steps.map(stepJson).join(',')}],"v":${r.v},"voidReason":${label(r.voidReason)}}`;

/** Most prompts are not cached and most models do not reason: what such a usage has in common is one text. */
const usageMember = ({ promptTokens, cachedTokens, cacheWriteTokens, completionTokens, reasoningTokens }: TokenUsage): string =>
  cachedTokens === 0 && cacheWriteTokens === 0 && reasoningTokens === 0
    ? `"usage":{"cacheWriteTokens":0,"cachedTokens":0,"completionTokens":${whole(completionTokens)},"promptTokens":${whole(promptTokens)},"reasoningTokens":0}`
    : `"usage":{"cacheWriteTokens":${whole(cacheWriteTokens)},"cachedTokens":${whole(cachedTokens)},"completionTokens":${whole(completionTokens)},"promptTokens":${whole(promptTokens)},"reasoningTokens":${whole(reasoningTokens)}}`;

const stepJson = ({ mechanism, usage, rates }: Step): string => `{"mechanism":"${mechanism}",${rates === null ? '"rates":null' : ratesMember(rates)},${usageMember(usage)}}`;

function spentJson(spent: readonly Spending[]): string {
  let list = '';
  for (const { kind, id, costPd } of spent) list += `${list === '' ? '' : ','}{"costPd":${whole(costPd)},"id":${text(id)},"kind":"${kind}"}`;
  return list;
}

const MECHANISMS_BY_NAME = MECHANISMS.toSorted();

function sharesJson(shares: Receipt['shares']): string {
  let members = '';
  for (const mechanism of MECHANISMS_BY_NAME) {
    const share = shares[mechanism];
    if (share !== undefined) members += `${members === '' ? '' : ','}"${mechanism}":${whole(share)}`;
  }
  return `{${members}}`;
}

/** A price book quotes the same object again and again. */
const ratesTexts = new WeakMap<QuotedRates, string>();

function ratesMember(rates: QuotedRates): string {
  let json = ratesTexts.get(rates);
  if (json === undefined) ratesTexts.set(rates, (json = flat(`"rates":${asciiJson(Object.fromEntries(Object.entries(rates).sort(([a], [b]) => (a < b ? -1 : 1))))}`)));
  return json;
}
