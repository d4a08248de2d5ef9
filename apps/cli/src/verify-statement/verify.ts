import { createHmac } from 'node:crypto';
import { billed, invoice } from './billing.js';
import { amountAt, canonical, countAt, Finding, type Json, type JsonObject, listAt, objectAt, readCanonical, sha256Hex, textAt } from './canonical.js';
import { agrees, Experiment, numberOf, strataShape } from './experiment.js';
import { Figures } from './figures.js';
import { monthOf, type ReadLine, readLine } from './receipt.js';
import { readStated, type Stated } from './stated.js';
import { Tree } from './tree.js';

export interface Verdict {
  /** Figures and bytes that are not what they should be; none: the statement holds. */
  readonly findings: readonly string[];
  readonly statementHash: string;
  readonly receipts: number;
  /** Arms that were assigned again with the published secrets. */
  readonly armsChecked: number;
}

/** A request at the turn of a month may have been assigned a moment before it got its id. */
const TURN_MS = 60_000;

/**
 * Computes a statement again from its receipts: every hash, every sum, the experiment, what is billed, the invoice. What
 * cannot be computed from receipts (the terms, credit, provider usage, what the statement before carried) is taken as it is
 * stated, and compared with the statement before where that is given.
 * @param lines of the receipts' file, without their line feeds
 */
export async function verify(statement: Uint8Array, lines: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, previous: Uint8Array | null = null): Promise<Verdict> {
  const verifier = new Verifier();
  try {
    const { document, hash } = readStatement(statement, 'the statement');
    await verifier.run(document, hash, lines, previous === null ? null : readStatement(previous, 'the statement before'));
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    verifier.findings.push(error.message);
  }
  const { findings, hash: statementHash, receipts, armsChecked } = verifier;
  return { findings, statementHash, receipts, armsChecked };
}

function readStatement(bytes: Uint8Array, what: string): { readonly document: JsonObject; readonly hash: string } {
  const file = readCanonical(bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes, what);
  const document = objectAt(file['document'], 'document');
  const hash = sha256Hex(canonical(document));
  if (canonical(file) !== canonical({ document, hash })) throw new Finding(`${what}: its hash is not that of its document, which is ${hash}`);
  if (document['format'] !== 'apex-statement/1') throw new Finding(`${what} is of a format that this verifier does not know`);
  return { document, hash };
}

class Verifier {
  readonly findings: string[] = [];
  hash = '';
  receipts = 0;
  armsChecked = 0;
  private readonly tree = new Tree();
  private readonly experiment = new Experiment();
  private readonly total = new Figures();
  private readonly arms: Readonly<Record<string, Figures>> = { treated: new Figures(), control: new Figures() };
  private readonly models = new Map<string, Figures>();
  private readonly priceVersions = new Set<string>();
  private readonly policies = new Map<string, number>();
  private readonly corrections = { receipts: 0, saving: 0n, lossless: 0n };
  private lastId = '';

  async run(document: JsonObject, hash: string, lines: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, previous: { readonly document: JsonObject; readonly hash: string } | null): Promise<void> {
    this.hash = hash;
    const stated = readStated(document);
    if (previous !== null) this.comparePrevious(document, stated, previous);
    let lineNo = 0;
    for await (const bytes of lines) {
      lineNo++;
      try {
        this.add(readLine(readCanonical(bytes, 'it')), stated);
      } catch (error) {
        // The tree is broken by now: every further finding would be this one again.
        if (error instanceof Finding) throw new Finding(`receipts, line ${lineNo}: ${error.message}`);
        throw error;
      }
    }
    this.compare(this.expected(document, stated), document, '');
  }

  private add(line: ReadLine, stated: Stated): void {
    if (line.requestId <= this.lastId) throw new Finding('requests are not in the order of their ids');
    this.lastId = line.requestId;
    if (line.customerId !== stated.customerId) throw new Finding('it is another customer’s');
    if (line.at >= stated.end) throw new Finding('its request is later than the period');
    for (const { seq, hash } of line.links) {
      if (seq > stated.to) throw new Finding('it was sealed after the statement’s last link');
      if (seq === stated.to && hash !== stated.head) throw new Finding(`its link ${seq} is not the statement’s last link`);
    }
    if (line.at < stated.from && line.links.every(({ seq }) => seq <= stated.after)) throw new Finding('nothing in it is new, and its request is older than what the statement is about');
    this.receipts++;
    this.tree.add(Buffer.from(line.links.map(({ hash }) => hash).join(''), 'hex'));
    const amounts = line.amounts(Number.POSITIVE_INFINITY);
    if (line.at >= stated.start) {
      this.total.add(amounts);
      this.arms[line.inputs['arm'] as string]!.add(amounts);
      const model = textAt(line.inputs['requestedModel'], 'requestedModel');
      if (!this.models.has(model)) this.models.set(model, new Figures());
      this.models.get(model)!.add(amounts);
      this.noteVersions(line.inputs);
      this.assign(line, stated);
    } else if (stated.correctionsSince !== null && line.at >= stated.correctionsSince && line.links.some(({ seq }) => seq > stated.after)) {
      const before = line.seq > stated.after ? null : line.amounts(stated.after);
      this.corrections.receipts++;
      this.corrections.saving += amounts.saving - (before?.saving ?? 0n);
      this.corrections.lossless += amounts.lossless - (before?.lossless ?? 0n);
    }
    if (line.at >= stated.from) this.experiment.add(monthOf(line.at), line.inputs, amounts.actual);
  }

  private noteVersions(inputs: JsonObject): void {
    const rates = [objectAt(inputs['baseline'], 'baseline')['rates'], ...listAt(inputs['steps'], 'steps').map((step) => objectAt(step, 'step')['rates'])];
    for (const one of rates) if (one !== null) this.priceVersions.add(textAt(objectAt(one, 'rates')['priceVersion'], 'priceVersion'));
    this.policies.set(textAt(inputs['policyId'], 'policyId'), countAt(inputs['policyVersion'], 'policyVersion'));
  }

  private assign({ at, inputs }: ReadLine, { secrets, shares }: Stated): void {
    const share = shares.get(inputs['policyId'] as string);
    const known = new Set([at - TURN_MS, at, at + TURN_MS].map(monthOf));
    const candidates = [...known].map((month) => secrets.get(month));
    if (share === undefined || candidates.some((secret) => secret === undefined)) return;
    const arms = candidates.map((secret) => armOf(secret!, textAt(inputs['cluster'], 'cluster'), share));
    if (!arms.includes(inputs['arm'] as string)) throw new Finding(`its arm is '${String(inputs['arm'])}', and the secret assigns '${arms.join("' or '")}'`);
    this.armsChecked++;
  }

  /** The document as it should be: what is stated is taken over, everything else is from the receipts. */
  private expected(document: JsonObject, stated: Stated): JsonObject {
    const claimed = { saving: this.total.saving + this.corrections.saving, lossless: this.total.lossless + this.corrections.lossless };
    const result = billed(stated.periodStart, claimed, stated.carriedIn, stated.estimate);
    const base = result.billed + stated.broughtForward;
    const vbp = base > 0n ? (base * BigInt(stated.ratePpm)) / 1_000_000n : 0n;
    const carriedOut = stated.isBilled ? result.carry.map((one): Json => ({ periodStart: one.periodStart, savingPicodollars: String(one.saving), losslessPicodollars: String(one.lossless), billedPicodollars: String(one.billed) })) : [];
    return {
      ...stated.taken,
      receipts: { ...stated.receiptsTaken, leaves: this.receipts, merkleRoot: this.tree.root(), priceVersions: [...this.priceVersions].sort(), policies: this.policiesShown(document) },
      savings: { ...this.total.shown(), models: [...this.models].sort(([a], [b]) => (a < b ? -1 : 1)).map(([model, figures]) => ({ model, ...figures.shown() })), arms: { treated: this.arms['treated']!.shown(), control: this.arms['control']!.shown() } },
      corrections: { since: objectAt(document['corrections'], 'corrections')['since']!, receipts: this.corrections.receipts, savingPicodollars: String(this.corrections.saving), losslessPicodollars: String(this.corrections.lossless) },
      experiment: this.experimentExpected(objectAt(document['experiment'], 'experiment')),
      billing: {
        claimedPicodollars: String(claimed.saving),
        claimedLosslessPicodollars: String(claimed.lossless),
        proof: result.proof,
        bound: 'lower_bound',
        carriedIn: objectAt(document['billing'], 'billing')['carriedIn']!,
        carriedOut,
        deniedPicodollars: String(result.denied),
        lapsedPicodollars: String(result.lapsed),
        billedPicodollars: String(result.billed),
        broughtForwardPicodollars: String(stated.broughtForward),
        basePicodollars: String(base),
        carriedForwardPicodollars: String(stated.isBilled ? (base < 0n ? base : 0n) : stated.broughtForward),
        vbpPicodollars: String(vbp),
      },
      invoice: invoice([stated.isBilled ? vbp : 0n, stated.bvm, stated.passThrough], stated.linesForward, stated.credit, stated.platformFee),
    };
  }

  private policiesShown(document: JsonObject): Json[] {
    const shares = new Map(listAt(objectAt(document['receipts'], 'receipts')['policies'], 'receipts.policies').map((one) => [objectAt(one, 'policy')['id'], objectAt(one, 'policy')['controlPpm']]));
    return [...this.policies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, version]) => ({ id, version, controlPpm: shares.get(id) ?? null }));
  }

  /** Sums are compared exactly, what was computed in floating point to a billionth; then it is taken over. */
  private experimentExpected(stated: JsonObject): JsonObject {
    const own = this.experiment.estimate();
    const expected = { arms: this.experiment.arms(), months: stated['months']! };
    if (typeof own === 'string') return { ...expected, estimate: null, reason: own };
    const figures = objectAt(stated['estimate'], 'experiment.estimate');
    const amount = (name: string): bigint => amountAt(figures[name], `experiment.estimate.${name}`);
    const [saving, low, high] = [amount('savingPicodollars'), amount('lowPicodollars'), amount('highPicodollars')];
    for (const [name, said, is] of [['savingPicodollars', saving, own.saving], ['lowPicodollars', low, own.low], ['highPicodollars', high, own.high]] as const) {
      if (!agrees(said, is, own.scale)) this.findings.push(`experiment.estimate.${name}: says ${said}, is about ${Math.round(is)}`);
    }
    const z = numberOf(textAt(figures['lengthZ'], 'lengthZ'), 'experiment.estimate.lengthZ');
    if (!(Math.abs(z - own.lengthZ) <= 1e-9 * (1 + Math.abs(z)))) this.findings.push(`experiment.estimate.lengthZ: says ${z}, is about ${own.lengthZ}`);
    const strata = listAt(figures['strata'], 'experiment.estimate.strata').map((one) => objectAt(one, 'stratum'));
    if (strata.length !== own.strata.length) throw new Finding(`experiment.estimate.strata: says ${strata.length}, are ${own.strata.length}`);
    const savings = strata.map((one) => amountAt(one['savingPicodollars'], 'stratum.savingPicodollars'));
    savings.forEach((said, index) => {
      if (!agrees(said, own.strata[index]!.saving, own.scale)) this.findings.push(`experiment.estimate.strata.${index}.savingPicodollars: says ${said}, is about ${Math.round(own.strata[index]!.saving)}`);
    });
    const costOfProof = own.strata.reduce((all, { controlRequests, treatedRequests }, index) => all + (treatedRequests === 0 ? 0n : floorDivide(savings[index]! * BigInt(controlRequests), BigInt(treatedRequests))), 0n);
    const shape = JSON.parse(strataShape(own.strata)) as JsonObject[];
    return {
      ...expected,
      reason: null,
      estimate: {
        savingPicodollars: String(savings.reduce((all, one) => all + one, 0n)),
        lowPicodollars: String(low),
        highPicodollars: String(high),
        halfWidthPicodollars: String((high - low + 1n) / 2n),
        costOfProofPicodollars: String(costOfProof),
        lengthZ: figures['lengthZ']!,
        strata: shape.map((one, index) => ({ ...one, savingPicodollars: String(savings[index]) })),
      },
    };
  }

  private comparePrevious(document: JsonObject, stated: Stated, before: { readonly document: JsonObject; readonly hash: string }): void {
    const last = readStated(before.document);
    const billing = objectAt(before.document['billing'], 'billing');
    const continuous = stated.isBilled && last.isBilled;
    const since = last.isBilled ? (objectAt(before.document['corrections'], 'corrections')['since'] ?? last.periodStart) : null;
    const lines = listAt(objectAt(before.document['invoice'], 'invoice')['lines'], 'invoice.lines').map((line) => objectAt(line, 'line')['carriedForwardPicodollars']!);
    const pairs: ReadonlyArray<readonly [string, Json, Json]> = [
      ['previous', document['previous']!, { id: before.document['id']!, hash: before.hash }],
      ['customerId', document['customerId']!, before.document['customerId']!],
      ['period.start', stated.periodStart, objectAt(before.document['period'], 'period')['end']!],
      ['chain.after', stated.after, last.to],
      ['corrections.since', objectAt(document['corrections'], 'corrections')['since']!, since],
      ['billing.carriedIn', objectAt(document['billing'], 'billing')['carriedIn']!, continuous ? billing['carriedOut']! : []],
      ['billing.broughtForwardPicodollars', String(stated.broughtForward), billing['carriedForwardPicodollars']!],
      ['invoice.lines, brought forward', stated.linesForward.map(String), lines],
    ];
    for (const [name, is, was] of pairs) if (canonical(is) !== canonical(was)) this.findings.push(`${name}: says ${canonical(is)}, the statement before says ${canonical(was)}`);
  }

  private compare(expected: Json, stated: Json | undefined, path: string): void {
    const name = path === '' ? 'document' : path;
    const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isObject(expected) && isObject(stated)) {
      const names = [...new Set([...Object.keys(expected), ...Object.keys(stated)])].sort();
      for (const one of names) {
        const inner = path === '' ? one : `${path}.${one}`;
        if (!Object.hasOwn(expected, one)) this.findings.push(`${inner}: is not part of the format`);
        else this.compare(expected[one]!, stated[one], inner);
      }
    } else if (Array.isArray(expected) && Array.isArray(stated) && expected.length === stated.length) {
      (expected as readonly Json[]).forEach((value, index) => this.compare(value, (stated as readonly Json[])[index], `${path}.${index}`));
    } else if (stated === undefined) {
      this.findings.push(`${name}: is missing`);
    } else if (canonical(expected) !== canonical(stated)) {
      this.findings.push(`${name}: says ${canonical(stated)}, is ${canonical(expected)}`);
    }
  }
}

/** The first 48 bits of HMAC-SHA256(secret, cluster) over 2^48, below the share of controls or not. */
function armOf(secret: Buffer, cluster: string, controlPpm: number): string {
  const fraction = BigInt(`0x${createHmac('sha256', secret).update(cluster).digest('hex').slice(0, 12)}`);
  return fraction * 1_000_000n < BigInt(controlPpm) << 48n ? 'control' : 'treated';
}

function floorDivide(amount: bigint, by: bigint): bigint {
  return amount < 0n && amount % by !== 0n ? amount / by - 1n : amount / by;
}
