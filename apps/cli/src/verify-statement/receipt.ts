import { canonical, countAt, Finding, type Json, type JsonObject, listAt, objectAt, sha256Hex, textAt } from './canonical.js';

/** In the order in which savings are credited. */
export const MECHANISMS = ['compression', 'prompt_cache', 'routing', 'semantic_cache', 'exact_cache'];
const LOSSLESS = new Set(['prompt_cache', 'exact_cache']);
/** Of several reasons the first one is named. */
const VOID_REASONS = ['error', 'rejected', 'regenerated', 'judged_worse', 'false_hit'];
const KINDS = ['attempt', 'embedding', 'classifier', 'judge', 'shadow'];

/** A receipt's amounts, computed here. */
export interface Amounts {
  readonly baseline: bigint;
  readonly actual: bigint;
  readonly saving: bigint;
  readonly overhead: bigint;
  readonly shares: ReadonlyMap<string, bigint>;
  readonly lossless: bigint;
  readonly isVoid: boolean;
  readonly reason: string | null;
}

export interface ReadLine {
  readonly requestId: string;
  readonly at: number;
  readonly customerId: string;
  readonly inputs: JsonObject;
  readonly seq: number;
  /** Of links, the receipt's first: what the leaf is made of. */
  readonly links: ReadonlyArray<{ readonly seq: number; readonly prevHash: string; readonly hash: string }>;
  /** With what was sealed about it up to this link. */
  amounts(upToSeq: number): Amounts;
}

/** Reads a line of the receipts' file, computes its receipt again and the hashes of its links. @throws Finding */
export function readLine(line: JsonObject): ReadLine {
  onlyMembers(line, ['adjustments', 'link', 'receipt']);
  const receipt = objectAt(line['receipt'], 'receipt');
  const requestId = textAt(receipt['requestId'], 'requestId');
  const customerId = textAt(receipt['customerId'], 'customerId');
  const inputs = objectAt(receipt['inputs'], 'inputs');
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(requestId)) throw new Finding('its id is not a UUIDv7');
  const own = compute(inputs, [], null);
  const { inputs: _inputs, ...stated } = receipt;
  const computed = asReceipt(requestId, customerId, own);
  if (canonical(stated) !== canonical(computed)) throw new Finding(`its amounts do not follow from its inputs: ${difference(stated, computed)}`);

  const link = placed(line['link'], 'link', (place) => linkHash(customerId, place, 'receipt', requestId, sha256Hex(canonical({ ...receipt, type: 'receipt' }))));
  const adjustments = listAt(line['adjustments'], 'adjustments').map((value, index) => {
    const one = objectAt(value, `adjustment ${index}`);
    onlyMembers(one, ['fact', 'id', 'link']);
    const id = textAt(one['id'], 'adjustment.id');
    const fact = objectAt(one['fact'], 'adjustment.fact');
    const content = sha256Hex(canonical({ type: 'adjustment', id, requestId, customerId, fact }));
    return { fact, link: placed(one['link'], 'adjustment.link', (place) => linkHash(customerId, place, 'adjustment', id, content)) };
  });
  adjustments.reduce((last, { link: { seq } }) => {
    if (seq <= last) throw new Finding('its adjustments are not in the order of the chain');
    return seq;
  }, 0);
  return {
    requestId,
    customerId,
    inputs,
    at: Number.parseInt(requestId.slice(0, 8) + requestId.slice(9, 13), 16),
    seq: link.seq,
    links: [link, ...adjustments.map((one) => one.link)],
    amounts: (upToSeq) => {
      const known = adjustments.filter((one) => one.link.seq <= upToSeq).map(({ fact }) => fact);
      return known.length === 0 ? own : withFacts(inputs, known);
    },
  };
}

function onlyMembers(object: JsonObject, names: readonly string[]): void {
  for (const name of Object.keys(object)) if (!names.includes(name)) throw new Finding(`'${name}' is not part of the format`);
}

interface Place {
  readonly seq: number;
  readonly prevHash: string;
}

function placed(value: Json | undefined, name: string, hashOf: (place: Place) => string): Place & { readonly hash: string } {
  const object = objectAt(value, name);
  onlyMembers(object, ['prevHash', 'seq']);
  const place = { seq: countAt(object['seq'], `${name}.seq`), prevHash: textAt(object['prevHash'], `${name}.prevHash`) };
  return { ...place, hash: hashOf(place) };
}

const linkHash = (customerId: string, { seq, prevHash }: Place, kind: string, id: string, contentHash: string): string => sha256Hex(canonical({ type: 'link', customerId, seq, kind, id, contentHash, prevHash }));

function withFacts(inputs: JsonObject, facts: readonly JsonObject[]): Amounts {
  const reasons = new Set<string>();
  const spent: JsonObject[] = [];
  for (const fact of facts) {
    const kind = textAt(fact['kind'], 'fact.kind');
    if (kind === 'void') reasons.add(textAt(fact['reason'], 'fact.reason'));
    else if (kind === 'spent') spent.push(objectAt(fact['spending'], 'fact.spending'));
    else throw new Finding(`a fact of kind '${kind}' is not part of the format`);
  }
  if (inputs['voidReason'] !== null) reasons.add(textAt(inputs['voidReason'], 'voidReason'));
  for (const reason of reasons) if (!VOID_REASONS.includes(reason)) throw new Finding(`'${reason}' is no reason`);
  return compute(inputs, spent, VOID_REASONS.find((one) => reasons.has(one)) ?? null);
}

/** @param later spent since; what has the same kind and id counts once */
function compute(inputs: JsonObject, later: readonly JsonObject[], reason: string | null): Amounts {
  if (inputs['v'] !== 1) throw new Finding('its inputs are of a version that this verifier does not know');
  const voidReason = reason ?? (inputs['voidReason'] === null ? null : textAt(inputs['voidReason'], 'voidReason'));
  if (voidReason !== null && !VOID_REASONS.includes(voidReason)) throw new Finding(`'${voidReason}' is no reason`);
  const steps = listAt(inputs['steps'], 'steps').map((one, index) => objectAt(one, `step ${index}`));
  if (inputs['arm'] !== 'treated' && (inputs['arm'] !== 'control' || steps.length > 0)) throw new Finding('a mechanism acted on a control');

  let actual = 0n;
  let upstream = 0n;
  const paid = new Set<string>();
  for (const [index, value] of [...listAt(inputs['spent'], 'spent'), ...later].entries()) {
    const one = objectAt(value, `spending ${index}`);
    const kind = textAt(one['kind'], 'spending.kind');
    if (!KINDS.includes(kind)) throw new Finding(`spending of kind '${kind}' is not part of the format`);
    const key = `${kind} ${textAt(one['id'], 'spending.id')}`;
    if (paid.has(key) && index >= listAt(inputs['spent'], 'spent').length) continue;
    paid.add(key);
    const cost = BigInt(countAt(one['costPd'], 'spending.costPd'));
    actual += cost;
    if (kind === 'attempt') upstream += cost;
  }

  const order = steps.map((step) => MECHANISMS.indexOf(textAt(step['mechanism'], 'mechanism')));
  if (order.some((place, index) => place < 0 || (index > 0 && place <= order[index - 1]!))) throw new Finding('its mechanisms are unknown or out of order');
  const baseline = steps.length > 0 ? baselineCost(inputs, steps) : upstream;
  const shares = new Map<string, bigint>();
  let before = baseline;
  for (const step of steps) {
    const after = step['rates'] === null ? 0n : costOf(objectAt(step['usage'], 'usage'), objectAt(step['rates'], 'rates'));
    shares.set(step['mechanism'] as string, before - after);
    before = after;
  }
  const isVoid = voidReason !== null;
  return {
    baseline,
    actual,
    saving: isVoid ? (steps.length > 0 ? -actual : 0n) : baseline - actual,
    overhead: before - actual,
    shares,
    lossless: isVoid ? 0n : [...shares].reduce((sum, [mechanism, share]) => (LOSSLESS.has(mechanism) ? sum + share : sum), 0n),
    isVoid,
    reason: voidReason,
  };
}

function baselineCost(inputs: JsonObject, steps: readonly JsonObject[]): bigint {
  const baseline = objectAt(inputs['baseline'], 'baseline');
  const rates = objectAt(baseline['rates'], 'baseline.rates');
  const usage = objectAt(baseline['usage'], 'baseline.usage');
  if (!steps.some(({ mechanism }) => mechanism === 'routing')) return costOf(usage, rates);
  const ratio = countAt(inputs['lengthRatioPpm'], 'lengthRatioPpm');
  if (ratio > 1_000_000) throw new Finding('its length ratio is above 1');
  const visible = BigInt(countAt(usage['completionTokens'], 'completionTokens') - countAt(usage['reasoningTokens'], 'reasoningTokens'));
  return costOf({ ...usage, completionTokens: Number((visible * BigInt(ratio)) / 1_000_000n), reasoningTokens: 0 }, rates);
}

/** Tokens by their rates, rounded half-even where a rate is finer than a picodollar. */
function costOf(usage: JsonObject, rates: JsonObject): bigint {
  const tokens = (name: string): number => countAt(usage[name], name);
  const terms: ReadonlyArray<readonly [number, string]> = [
    [tokens('promptTokens') - tokens('cachedTokens') - tokens('cacheWriteTokens'), 'input'],
    [tokens('cachedTokens'), 'cacheRead'],
    [tokens('cacheWriteTokens'), 'cacheWrite'],
    [tokens('completionTokens') - tokens('reasoningTokens'), 'output'],
    [tokens('reasoningTokens'), 'reasoning'],
  ];
  let sum = BigInt(countAt(rates['request'], 'rates.request'));
  for (const [count, name] of terms) {
    if (count < 0) throw new Finding('it counts fewer tokens than it counts of a kind');
    if (count > 0) sum += BigInt(count) * BigInt(countAt(rates[name], `rates.${name}`));
  }
  const by = BigInt(countAt(rates['denominator'], 'rates.denominator'));
  if (by === 0n) throw new Finding('a rate is divided by nothing');
  return halfEven(sum, by);
}

/** Of an amount that is not negative. */
export function halfEven(amount: bigint, by: bigint): bigint {
  const [whole, rest] = [amount / by, amount % by];
  if (rest * 2n === by) return whole + (whole & 1n);
  return rest * 2n > by ? whole + 1n : whole;
}

/** A receipt without its inputs. */
function asReceipt(requestId: string, customerId: string, own: Amounts): JsonObject {
  return {
    requestId,
    customerId,
    baselinePd: Number(own.baseline),
    actualPd: Number(own.actual),
    savingPd: Number(own.saving),
    overheadPd: Number(own.overhead),
    shares: Object.fromEntries([...own.shares].map(([mechanism, share]) => [mechanism, Number(share)])),
    status: own.isVoid ? 'void' : 'billable',
    reason: own.reason,
  };
}

function difference(stated: JsonObject, computed: JsonObject): string {
  const name = [...new Set([...Object.keys(stated), ...Object.keys(computed)])].find((one) => stated[one] === undefined || computed[one] === undefined || canonical(stated[one]) !== canonical(computed[one]));
  return name === undefined ? 'it differs' : `${name} says ${JSON.stringify(stated[name])}, is ${JSON.stringify(computed[name])}`;
}

/** The calendar month of an instant, in UTC. */
export const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);
