import { type ClusterTotals, type Opening } from './experiment.types.js';

const INITIAL_ROWS = 256;
const INITIAL_NAME_BYTES = 64 * INITIAL_ROWS;
/** An id's 128 bits. */
const ID_WORDS = 4;
const ID_LENGTH = 36;
/** Of 100 slots at most so many are taken. */
const FULL = 60;
const NO_LIMIT = -1;
/** A sum of picodollars is kept as high x 2^52 + low: two numbers hold any, exactly. */
const HIGH = 2 ** 52;
const HIGH_BIG = BigInt(HIGH);
const [FNV_OFFSET, FNV_PRIME] = [0x811c9dc5, 0x01000193];
// By name: in a test's context each look at a global is slow, and there are millions.
const { imul } = Math;

type Column = Float64Array | Uint32Array | Uint8Array;

/**
 * Clusters' sums as columns of numbers, found by their names: about 130 bytes for each, where an object with its strings
 * would take 500. There is one row for each of a period's conversations, so that this is the memory that a statement needs.
 */
export class ClusterTable {
  /** How many clusters there are; rows are numbered from 0. */
  count = 0;
  requests = new Uint32Array(INITIAL_ROWS);
  controlRequests = new Uint32Array(INITIAL_ROWS);
  promptCostPd = new Float64Array(INITIAL_ROWS);
  private openedAsControl = new Uint8Array(INITIAL_ROWS);
  private maxTokensOf = new Float64Array(INITIAL_ROWS);
  private modelOf = new Uint32Array(INITIAL_ROWS);
  private openings = new Uint32Array(INITIAL_ROWS * ID_WORDS);
  private high = new Float64Array(INITIAL_ROWS);
  private low = new Float64Array(INITIAL_ROWS);
  /** All names, one behind the other, in UTF-8; `nameEnds` says where each ends. */
  private names = Buffer.allocUnsafeSlow(INITIAL_NAME_BYTES);
  private nameEnds = new Uint32Array(INITIAL_ROWS);
  /** Open addressing: a row's number and 1, or 0. */
  private slots = new Uint32Array(2 * INITIAL_ROWS);
  private readonly models: string[] = [];
  private readonly modelNumbers = new Map<string, number>();
  /** An id that is being compared. */
  private readonly words = new Uint32Array(ID_WORDS);

  /** Adds to the sums of the cluster of this name, which may be new; its opening is the earliest one. @throws RangeError for what is not a request's id */
  add(name: string, requests: number, controlRequests: number, actualPd: number | bigint, opening: Opening): void {
    this.readId(opening.requestId);
    const known = this.count;
    const row = this.rowOf(name);
    this.requests[row]! += requests;
    this.controlRequests[row]! += controlRequests;
    this.addActual(row, actualPd);
    if (row === known || this.isEarlier(row)) this.open(row, opening);
  }

  /** Rows in the order of their names, which does not depend on how they came. */
  sorted(): Uint32Array {
    const { names, nameEnds } = this;
    const startOf = (row: number): number => (row === 0 ? 0 : nameEnds[row - 1]!);
    return Uint32Array.from({ length: this.count }, (_, row) => row).sort((a, b) => {
      let [at, other] = [startOf(a), startOf(b)];
      const [end, otherEnd] = [nameEnds[a]!, nameEnds[b]!];
      while (at < end && other < otherEnd && names[at] === names[other]) {
        at++;
        other++;
      }
      return at === end || other === otherEnd ? end - at - (otherEnd - other) : names[at]! - names[other]!;
    });
  }

  isControl(row: number): boolean {
    return this.openedAsControl[row] === 1;
  }

  /** The model that the cluster's opening asked for. */
  model(row: number): string {
    return this.models[this.modelOf[row]!]!;
  }

  /** Null for no limit. */
  maxTokens(row: number): number | null {
    const limit = this.maxTokensOf[row]!;
    return limit === NO_LIMIT ? null : limit;
  }

  actualPd(row: number): bigint {
    return BigInt(this.high[row]!) * HIGH_BIG + BigInt(this.low[row]!);
  }

  /** The sum of `actualPd` over those of the rows that were not held out. */
  treatedPd(rows: Uint32Array): bigint {
    let [high, low] = [0, 0];
    for (const row of rows) {
      if (this.isControl(row)) continue;
      high += this.high[row]!;
      low += this.low[row]!;
      if (low >= HIGH) {
        low -= HIGH;
        high++;
      } else if (low <= -HIGH) {
        low += HIGH;
        high--;
      }
    }
    return BigInt(high) * HIGH_BIG + BigInt(low);
  }

  /** The nearest number to `actualPd`. */
  cost(row: number): number {
    return this.high[row]! * HIGH + this.low[row]!;
  }

  /** All that is known of a cluster. */
  totals(row: number): ClusterTotals {
    const hex = Array.from(this.openings.subarray(row * ID_WORDS, (row + 1) * ID_WORDS), (word) => word.toString(16).padStart(8, '0')).join('');
    const requestId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const covariates = { promptCostPd: this.promptCostPd[row]!, requestedModel: this.model(row), maxTokens: this.maxTokens(row) };
    return { requests: this.requests[row]!, controlRequests: this.controlRequests[row]!, actualPd: this.actualPd(row), opening: { requestId, arm: this.isControl(row) ? 'control' : 'treated', covariates } };
  }

  private open(row: number, { arm, covariates: { promptCostPd, requestedModel, maxTokens } }: Opening): void {
    this.openings.set(this.words, row * ID_WORDS);
    this.openedAsControl[row] = arm === 'control' ? 1 : 0;
    this.promptCostPd[row] = promptCostPd;
    this.maxTokensOf[row] = maxTokens ?? NO_LIMIT;
    let model = this.modelNumbers.get(requestedModel);
    if (model === undefined) {
      model = this.models.push(requestedModel) - 1;
      this.modelNumbers.set(requestedModel, model);
    }
    this.modelOf[row] = model;
  }

  private addActual(row: number, amount: number | bigint): void {
    if (amount > -HIGH && amount < HIGH) {
      const sum = this.low[row]! + Number(amount);
      const carry = sum >= HIGH ? 1 : sum <= -HIGH ? -1 : 0;
      this.high[row]! += carry;
      this.low[row] = sum - carry * HIGH;
      return;
    }
    const sum = this.actualPd(row) + BigInt(amount);
    this.high[row] = Number(sum / HIGH_BIG);
    this.low[row] = Number(sum % HIGH_BIG);
  }

  /** Into `words`, whose order is that of ids. */
  private readId(id: string): void {
    if (id.length !== ID_LENGTH) throw new RangeError(`not a request's id: ${id}`);
    const { words } = this;
    words.fill(0);
    for (let at = 0, digits = 0; at < ID_LENGTH; at++) {
      const code = id.charCodeAt(at);
      if (code === 45) continue;
      const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1;
      if (digit < 0 || digits === 8 * ID_WORDS) throw new RangeError(`not a request's id: ${id}`);
      const word = digits++ >>> 3;
      words[word] = (words[word]! << 4) | digit;
    }
  }

  private isEarlier(row: number): boolean {
    const { words, openings } = this;
    for (let word = 0, at = row * ID_WORDS; word < ID_WORDS; word++, at++) if (words[word] !== openings[at]) return words[word]! < openings[at]!;
    return false;
  }

  private rowOf(name: string): number {
    const start = this.count === 0 ? 0 : this.nameEnds[this.count - 1]!;
    // Three bytes are the most that one of a string's units takes.
    if (start + 3 * name.length > this.names.length) this.names = Buffer.concat([this.names], larger(this.names.length + 3 * name.length));
    const end = start + this.names.write(name, start);
    for (let slot = this.hash(start, end); ; slot = (slot + 1) % this.slots.length) {
      const row = this.slots[slot]! - 1;
      if (row < 0) {
        this.slots[slot] = this.count + 1;
        return this.append(end);
      }
      if (this.isNamed(row, start, end)) return row;
    }
  }

  private isNamed(row: number, start: number, end: number): boolean {
    const { names, nameEnds } = this;
    const own = row === 0 ? 0 : nameEnds[row - 1]!;
    if (nameEnds[row]! - own !== end - start) return false;
    for (let at = start, other = own; at < end; at++, other++) if (names[at] !== names[other]) return false;
    return true;
  }

  /** FNV-1a, and the slot that it means. */
  private hash(start: number, end: number): number {
    const { names } = this;
    let hash = FNV_OFFSET;
    for (let at = start; at < end; at++) hash = imul(hash ^ names[at]!, FNV_PRIME);
    return (hash >>> 0) % this.slots.length;
  }

  private append(nameEnd: number): number {
    const row = this.count++;
    if (row === this.requests.length) this.growColumns();
    this.nameEnds[row] = nameEnd;
    if (this.count * 100 > this.slots.length * FULL) this.growSlots();
    return row;
  }

  private growColumns(): void {
    const rows = larger(this.requests.length);
    this.requests = grown(this.requests, rows);
    this.controlRequests = grown(this.controlRequests, rows);
    this.promptCostPd = grown(this.promptCostPd, rows);
    this.openedAsControl = grown(this.openedAsControl, rows);
    this.maxTokensOf = grown(this.maxTokensOf, rows);
    this.modelOf = grown(this.modelOf, rows);
    this.openings = grown(this.openings, rows * ID_WORDS);
    this.high = grown(this.high, rows);
    this.low = grown(this.low, rows);
    this.nameEnds = grown(this.nameEnds, rows);
  }

  private growSlots(): void {
    this.slots = new Uint32Array(larger(this.slots.length));
    for (let row = 0; row < this.count; row++) {
      let slot = this.hash(row === 0 ? 0 : this.nameEnds[row - 1]!, this.nameEnds[row]!);
      while (this.slots[slot] !== 0) slot = (slot + 1) % this.slots.length;
      this.slots[slot] = row + 1;
    }
  }
}

/** Half as much again: what lies empty is a third at most. */
const larger = (size: number): number => Math.ceil(size * 1.5);

function grown<T extends Column>(column: T, rows: number): T {
  const copy = new (column.constructor as new (length: number) => T)(rows);
  copy.set(column);
  return copy;
}
