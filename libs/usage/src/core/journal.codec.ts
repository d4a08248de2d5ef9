import { crc32 } from 'node:zlib';
import { type Uuid } from '@apex/common';

/**
 * The journal's bytes.
 *
 * A *group* is what one write(2) appends: one or more frames, and a frame is
 *
 *     magic (4) | payload length (u32 LE) | CRC-32 over the length and the payload (u32 LE) | payload
 *
 * and a payload is rows: `type (u8) | JSON length (u32 LE) | id (36 bytes ASCII) | JSON (UTF-8)`. A record's row comes
 * first and its attempts' rows follow it in the same frame. The JSON is cut out and sent to Postgres as it stands;
 * what is written now is ASCII, a subset that is cheaper to write.
 * The magic holds a byte that UTF-8 never does, so a reader finds the next frame after a damaged one.
 */
const MAGIC = Buffer.from([0xff, 0x41, 0x4a, 0x01]);
const FRAME_HEADER = 12;
const ID_BYTES = 36;
const ROW_HEADER = 5 + ID_BYTES;

/** A frame is closed once its payload has this many bytes. */
const FRAME_TARGET = 1 << 20;
/** No single open or close may be larger: names and tags are limited long before they come here. */
export const MAX_ENTRY_BYTES = 1 << 20;
const MAX_PAYLOAD = FRAME_TARGET + MAX_ENTRY_BYTES;
/** What a reader must be able to hold to see any frame whole. */
export const MAX_FRAME_BYTES = FRAME_HEADER + MAX_PAYLOAD;

/** `openFirst` stands for an `openRecord` and its one `openAttempt` (first-open.ts). */
export const RowType = { openRecord: 1, closeRecord: 2, openAttempt: 3, closeAttempt: 4, openFirst: 5, closeReceipt: 6 } as const;
export type RowType = (typeof RowType)[keyof typeof RowType];

/** Collects entries into frames in one buffer that is used again for each group. */
export class GroupEncoder {
  private buffer = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
  private length = 0;
  private frameStart = -1;
  /** A character is a byte. One text is one call into the runtime, whatever it was put together from. */
  private entry = '';

  /** Bytes collected so far, the open frame included. */
  get size(): number {
    return this.length;
  }

  /** Rows between `beginEntry` and `endEntry` stay together in one frame. */
  beginEntry(): void {
    this.entry = '';
  }

  /**
   * @param json ASCII alone: a character is a byte
   * @throws RangeError for what is no id
   */
  addRow(type: RowType, id: Uuid, json: string): void {
    if (id.length !== ID_BYTES) throw new RangeError(`not an id: ${id.length} characters`);
    const { length } = json;
    this.entry += String.fromCharCode(type, length & 0xff, (length >>> 8) & 0xff, (length >>> 16) & 0xff, length >>> 24) + id + json;
  }

  /** A row whose JSON was encoded before. */
  addEncodedRow(type: RowType, id: Uuid, json: Buffer): void {
    this.addRow(type, id, json.toString('latin1'));
  }

  /** @throws RangeError when the entry is larger than a reader accepts; it is then not in the group. */
  endEntry(): void {
    const { entry } = this;
    this.entry = '';
    const bytes = entry.length;
    if (bytes > MAX_ENTRY_BYTES) throw new RangeError(`a journal entry of ${bytes} bytes is larger than ${MAX_ENTRY_BYTES}`);
    if (bytes === 0) return;
    this.reserve(FRAME_HEADER + bytes);
    if (this.frameStart < 0) {
      this.frameStart = this.length;
      this.length += FRAME_HEADER;
    }
    this.buffer.write(entry, this.length, 'latin1');
    this.length += bytes;
    if (this.length - this.frameStart - FRAME_HEADER >= FRAME_TARGET) this.sealFrame();
  }

  /** The group as it goes to the file; valid until `reset`. */
  seal(): Buffer {
    this.sealFrame();
    return this.buffer.subarray(0, this.length);
  }

  reset(): void {
    this.length = 0;
    this.frameStart = -1;
    if (this.buffer.length > KEPT_CAPACITY) this.buffer = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
  }

  private sealFrame(): void {
    if (this.frameStart < 0) return;
    const start = this.frameStart;
    const payload = this.length - start - FRAME_HEADER;
    this.frameStart = -1;
    MAGIC.copy(this.buffer, start);
    this.buffer.writeUInt32LE(payload, start + 4);
    this.buffer.writeUInt32LE(crc32(this.buffer.subarray(start + FRAME_HEADER, this.length), payload), start + 8);
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

const INITIAL_CAPACITY = 1 << 18;
const KEPT_CAPACITY = 1 << 24;

/** Sees the rows of intact frames, in order. A row's JSON is a range of `bytes`, which are the reader's: copy what you keep. */
export interface RowVisitor {
  row(type: RowType, bytes: Buffer, jsonStart: number, jsonEnd: number): void;
  /** Asked after each frame; false ends the scan behind it. */
  wantsMore(): boolean;
}

/** The id of the row whose JSON starts there; most readers of most rows do not ask. */
export const rowId = (bytes: Buffer, jsonStart: number): Uuid => bytes.toString('latin1', jsonStart - ID_BYTES, jsonStart);

export interface ScanResult {
  /** How far the bytes were understood or given up; what is behind may be the start of a frame. */
  readonly consumed: number;
  /** Places where bytes were damaged and an intact frame came after them, or more bytes may come. */
  readonly damaged: number;
  /** Bytes at the very end that are no whole frame: a write that was cut off. */
  readonly torn: number;
}

/**
 * Reads the frames in `bytes`. A frame is believed only if its checksum is right; behind damage it looks for the
 * next one.
 * @param atEnd nothing will ever come after these bytes, so an incomplete frame is torn
 */
export function scanFrames(bytes: Buffer, atEnd: boolean, visitor: RowVisitor): ScanResult {
  let at = 0;
  let damaged = 0;
  while (at < bytes.length) {
    const end = frameEnd(bytes, at);
    if (end === 'incomplete' && !atEnd) break;
    if (typeof end === 'number' && isIntact(bytes, at, end)) {
      visitRows(bytes, at + FRAME_HEADER, end, visitor);
      at = end;
      if (!visitor.wantsMore()) break;
      continue;
    }
    const next = bytes.indexOf(MAGIC, at + 1);
    if (next < 0) {
      if (atEnd) return { consumed: bytes.length, damaged, torn: bytes.length - at };
      // The last bytes may be the start of a magic.
      return { consumed: Math.max(at, bytes.length - MAGIC.length + 1), damaged: damaged + 1, torn: 0 };
    }
    damaged += 1;
    at = next;
  }
  return { consumed: at, damaged, torn: 0 };
}

function frameEnd(bytes: Buffer, at: number): number | 'incomplete' | 'broken' {
  const header = Math.min(MAGIC.length, bytes.length - at);
  if (bytes.compare(MAGIC, 0, header, at, at + header) !== 0) return 'broken';
  if (bytes.length - at < FRAME_HEADER) return 'incomplete';
  const payload = bytes.readUInt32LE(at + 4);
  if (payload > MAX_PAYLOAD) return 'broken';
  const end = at + FRAME_HEADER + payload;
  return end <= bytes.length ? end : 'incomplete';
}

function isIntact(bytes: Buffer, at: number, end: number): boolean {
  const payload = end - at - FRAME_HEADER;
  return payload > 0 && crc32(bytes.subarray(at + FRAME_HEADER, end), payload) === bytes.readUInt32LE(at + 8);
}

function visitRows(bytes: Buffer, start: number, end: number, visitor: RowVisitor): void {
  let at = start;
  while (at + ROW_HEADER <= end) {
    const jsonStart = at + ROW_HEADER;
    const jsonEnd = jsonStart + bytes.readUInt32LE(at + 1);
    if (jsonEnd > end) return;
    visitor.row(bytes[at] as RowType, bytes, jsonStart, jsonEnd);
    at = jsonEnd;
  }
}
