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

/** Each a JSON array of rows. */
export interface Rows {
  readonly records: Buffer;
  readonly attempts: Buffer;
  readonly receipts: Buffer;
}

/** Records with their attempts and receipts on the way to Postgres, as the JSON bytes that the journal holds. */
export class RecordBatch {
  private readonly recordList = new JsonList();
  private readonly attemptList = new JsonList();
  private readonly receiptList = new JsonList();
  /** For each record, how many attempts and receipts come before its own. */
  private readonly firstAttempt: number[] = [];
  private readonly firstReceipt: number[] = [];

  get records(): number {
    return this.recordList.count;
  }

  get bytes(): number {
    return this.recordList.size + this.attemptList.size + this.receiptList.size;
  }

  addRecord(source: Buffer, start = 0, end = source.length): void {
    this.firstAttempt.push(this.attemptList.count);
    this.firstReceipt.push(this.receiptList.count);
    this.recordList.add(source, start, end);
  }

  /** An attempt of the record added last. */
  addAttempt(source: Buffer, start = 0, end = source.length): void {
    this.attemptList.add(source, start, end);
  }

  /** The receipt of the record added last. */
  addReceipt(source: Buffer, start = 0, end = source.length): void {
    this.receiptList.add(source, start, end);
  }

  /** Records `from` up to `to` with their attempts and receipts, as JSON arrays. */
  slice(from: number, to: number): Rows {
    const attemptsAt = (record: number): number => this.firstAttempt[record] ?? this.attemptList.count;
    const receiptsAt = (record: number): number => this.firstReceipt[record] ?? this.receiptList.count;
    return {
      records: this.recordList.array(from, to),
      attempts: this.attemptList.array(attemptsAt(from), attemptsAt(to)),
      receipts: this.receiptList.array(receiptsAt(from), receiptsAt(to)),
    };
  }

  clear(): void {
    this.recordList.clear();
    this.attemptList.clear();
    this.receiptList.clear();
    this.firstAttempt.length = 0;
    this.firstReceipt.length = 0;
  }
}
