import { type Carried, LINES, type StatedEstimate } from './billing.js';
import { amountAt, countAt, Finding, instantAt, type JsonObject, listAt, objectAt, sha256, textAt } from './canonical.js';
import { numberOf } from './experiment.js';

/** What a statement says that receipts do not tell, read strictly. */
export interface Stated {
  readonly customerId: string;
  readonly periodStart: string;
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly after: number;
  readonly to: number;
  readonly head: string;
  readonly correctionsSince: number | null;
  readonly ratePpm: number;
  readonly isBilled: boolean;
  readonly platformFee: bigint;
  readonly carriedIn: readonly Carried[];
  readonly broughtForward: bigint;
  readonly linesForward: readonly bigint[];
  readonly credit: bigint;
  readonly bvm: bigint;
  readonly passThrough: bigint;
  readonly estimate: StatedEstimate | null;
  readonly secrets: ReadonlyMap<string, Buffer>;
  readonly shares: ReadonlyMap<string, number>;
  /** Members that are compared with themselves. */
  readonly taken: JsonObject;
  readonly receiptsTaken: JsonObject;
}

/** @throws Finding for what is no statement of this format */
export function readStated(document: JsonObject): Stated {
  const part = (name: string): JsonObject => objectAt(document[name], name);
  const [period, chain, terms, receipts, billing, inv, experiment] = ['period', 'chain', 'terms', 'receipts', 'billing', 'invoice', 'experiment'].map(part) as [JsonObject, JsonObject, JsonObject, JsonObject, JsonObject, JsonObject, JsonObject];
  const [start, end, from] = [instantAt(period['start'], 'period.start'), instantAt(period['end'], 'period.end'), instantAt(receipts['from'], 'receipts.from')];
  const [after, to] = [countAt(chain['after'], 'chain.after'), countAt(chain['to'], 'chain.to')];
  const since = part('corrections')['since'];
  const carriedIn = listAt(billing['carriedIn'], 'billing.carriedIn').map((value) => {
    const one = objectAt(value, 'billing.carriedIn');
    const amount = (name: string): bigint => amountAt(one[name], `billing.carriedIn.${name}`);
    return { periodStart: textAt(one['periodStart'], 'periodStart'), saving: amount('savingPicodollars'), lossless: amount('losslessPicodollars'), billed: amount('billedPicodollars') };
  });
  const isBilled = terms['vbpBilled'];
  if (typeof isBilled !== 'boolean') throw new Finding('terms.vbpBilled is neither true nor false');
  if (document['currency'] !== 'usd') throw new Finding('currency: is not usd');
  if (!(start < end)) throw new Finding('period: does not begin before it ends');
  if (after > to) throw new Finding('chain: goes backwards');
  if (from !== (carriedIn[0] === undefined ? start : instantAt(carriedIn[0].periodStart, 'billing.carriedIn.0.periodStart')) || from > start) throw new Finding('receipts.from: is not where the oldest period that is carried begins');
  if (carriedIn.length > 2 || carriedIn.some((one) => one.billed > one.saving)) throw new Finding('billing.carriedIn: is not what earlier periods can have carried');
  const ratePpm = countAt(terms['vbpRatePpm'], 'terms.vbpRatePpm');
  const broughtForward = amountAt(billing['broughtForwardPicodollars'], 'billing.broughtForwardPicodollars');
  if (ratePpm > 1_000_000 || broughtForward > 0n) throw new Finding('billing: a rate above 1, or a loss that is none, is brought forward');
  const stated = experiment['estimate'] ?? null;
  const { secrets, shares } = readAssignment(experiment, receipts);
  const known = ['format', 'id', 'customerId', 'currency', 'period', 'closedAt', 'previous', 'chain', 'terms', 'bvm', 'passThrough'];
  return {
    customerId: textAt(document['customerId'], 'customerId'),
    periodStart: textAt(period['start'], 'period.start'),
    start,
    end,
    from,
    after,
    to,
    head: textAt(chain['head'], 'chain.head'),
    correctionsSince: since === null ? null : instantAt(since, 'corrections.since'),
    ratePpm,
    isBilled,
    platformFee: amountAt(terms['platformFeePicodollars'], 'terms.platformFeePicodollars'),
    carriedIn,
    broughtForward,
    linesForward: LINES.map((kind, index) => {
      const line = objectAt(listAt(inv['lines'], 'invoice.lines')[index], `invoice.lines.${index}`);
      if (line['kind'] !== kind) throw new Finding(`invoice.lines.${index}: is not ${kind}`);
      return amountAt(line['broughtForwardPicodollars'], `invoice.lines.${index}.broughtForwardPicodollars`);
    }),
    credit: amountAt(inv['creditPicodollars'], 'invoice.creditPicodollars'),
    bvm: listAt(document['bvm'], 'bvm').reduce<bigint>((all, one) => all + amountAt(objectAt(one, 'bvm')['chargePicodollars'], 'bvm.chargePicodollars'), 0n),
    passThrough: listAt(document['passThrough'], 'passThrough').reduce<bigint>((all, one) => all + passedThrough(objectAt(one, 'passThrough')), 0n),
    estimate: stated === null ? null : readEstimate(objectAt(stated, 'experiment.estimate')),
    secrets,
    shares,
    taken: Object.fromEntries(known.map((name) => [name, document[name] ?? null])),
    receiptsTaken: { from: receipts['from']! },
  };
}

const passedThrough = (one: JsonObject): bigint =>
  listAt(one['lines'], 'passThrough.lines').reduce<bigint>((all, line) => all + amountAt(objectAt(line, 'passThrough.lines')['costPicodollars'], 'passThrough.costPicodollars'), 0n) - amountAt(one['statedPicodollars'], 'passThrough.statedPicodollars');

function readEstimate(stated: JsonObject): StatedEstimate {
  const amount = (name: string): bigint => amountAt(stated[name], `experiment.estimate.${name}`);
  return { saving: amount('savingPicodollars'), low: amount('lowPicodollars'), high: amount('highPicodollars'), halfWidth: amount('halfWidthPicodollars'), lengthZ: numberOf(textAt(stated['lengthZ'], 'lengthZ'), 'experiment.estimate.lengthZ') };
}

function readAssignment(experiment: JsonObject, receipts: JsonObject): Pick<Stated, 'secrets' | 'shares'> {
  const secrets = new Map<string, Buffer>();
  for (const value of listAt(experiment['months'], 'experiment.months')) {
    const month = objectAt(value, 'experiment.months');
    if (month['secret'] === null) continue;
    const secret = Buffer.from(textAt(month['secret'], 'secret'), 'hex');
    const name = textAt(month['month'], 'month');
    if (sha256(secret).toString('hex') !== month['secretHash']) throw new Finding(`experiment.months: the secret of ${name} is not the one whose hash was published`);
    secrets.set(name, secret);
  }
  const shares = new Map<string, number>();
  for (const value of listAt(receipts['policies'], 'receipts.policies')) {
    const policy = objectAt(value, 'receipts.policies');
    if (policy['controlPpm'] !== null) shares.set(textAt(policy['id'], 'policy.id'), countAt(policy['controlPpm'], 'policy.controlPpm'));
  }
  return { secrets, shares };
}
