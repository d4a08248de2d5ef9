/** A run of JSON texts, kept as one array's inside: `a,b,c`. */
class JsonList {
  private bytes = Buffer.allocUnsafeSlow(1 << 16);
  private length = 0;
  private readonly ends: number[] = [];

  get count(): number {
    return this.ends.length;
  }

  get size(): number {
    return this.length;
  }

  add(source: Buffer, start: number, end: number): void {
    const needed = this.length + end - start + 1;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    if (this.length > 0) this.bytes[this.length++] = COMMA;
    this.length += source.copy(this.bytes, this.length, start, end);
    this.ends.push(this.length);
  }

  /** Items `from` up to `to` as a JSON array. */
  array(from: number, to: number): Buffer {
    if (from >= to) return EMPTY_ARRAY;
    const start = from === 0 ? 0 : this.ends[from - 1]! + 1;
    return Buffer.concat([OPEN_BRACKET, this.bytes.subarray(start, this.ends[to - 1]), CLOSE_BRACKET]);
  }

  clear(): void {
    this.length = 0;
    this.ends.length = 0;
  }
}

const COMMA = 0x2c;
const EMPTY_ARRAY = Buffer.from('[]');
const OPEN_BRACKET = Buffer.from('[');
const CLOSE_BRACKET = Buffer.from(']');

/** Records with their attempts on the way to Postgres, as the JSON bytes that the journal holds. */
export class RecordBatch {
  private readonly recordList = new JsonList();
  private readonly attemptList = new JsonList();
  /** For each record, how many attempts come before its own. */
  private readonly firstAttempt: number[] = [];

  get records(): number {
    return this.recordList.count;
  }

  get bytes(): number {
    return this.recordList.size + this.attemptList.size;
  }

  addRecord(source: Buffer, start = 0, end = source.length): void {
    this.firstAttempt.push(this.attemptList.count);
    this.recordList.add(source, start, end);
  }

  /** An attempt of the record added last. */
  addAttempt(source: Buffer, start = 0, end = source.length): void {
    this.attemptList.add(source, start, end);
  }

  /** Records `from` up to `to` and their attempts, as two JSON arrays. */
  slice(from: number, to: number): { readonly records: Buffer; readonly attempts: Buffer } {
    const attemptsFrom = this.firstAttempt[from] ?? this.attemptList.count;
    const attemptsTo = this.firstAttempt[to] ?? this.attemptList.count;
    return { records: this.recordList.array(from, to), attempts: this.attemptList.array(attemptsFrom, attemptsTo) };
  }

  clear(): void {
    this.recordList.clear();
    this.attemptList.clear();
    this.firstAttempt.length = 0;
  }
}
