import fc from 'fast-check';
import { GroupEncoder, MAX_ENTRY_BYTES, rowId, RowType, type RowVisitor, scanFrames } from './journal.codec.js';

interface Row {
  type: RowType;
  id: string;
  json: string;
}

class Collector implements RowVisitor {
  readonly rows: Row[] = [];
  row(type: RowType, bytes: Buffer, start: number, end: number): void {
    this.rows.push({ type, id: rowId(bytes, start), json: bytes.toString('utf8', start, end) });
  }
  wantsMore(): boolean {
    return true;
  }
}

const rowArbitrary = fc.record({
  type: fc.constantFrom(...Object.values(RowType)),
  id: fc.uuid(),
  json: fc.array(fc.string({ unit: 'grapheme-ascii' }), { maxLength: 4 }).map((value) => JSON.stringify(value)),
});
const groupsArbitrary = fc.array(fc.array(rowArbitrary, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 });

function encode(encoder: GroupEncoder, rows: Row[]): Buffer {
  for (const row of rows) {
    encoder.beginEntry();
    encoder.addRow(row.type, row.id, row.json);
    encoder.endEntry();
  }
  const bytes = Buffer.from(encoder.seal());
  encoder.reset();
  return bytes;
}

function encodeAll(groups: Row[][]): Buffer[] {
  const encoder = new GroupEncoder();
  return groups.map((rows) => encode(encoder, rows));
}

function read(bytes: Buffer, atEnd = true) {
  const collector = new Collector();
  const result = scanFrames(bytes, atEnd, collector);
  return { rows: collector.rows, ...result };
}

describe('the journal codec', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(groupsArbitrary, (groups) => {
        const bytes = Buffer.concat(encodeAll(groups));
        const { rows, consumed, damaged, torn } = read(bytes);
        expect(rows).toEqual(groups.flat());
        expect({ consumed, damaged, torn }).toEqual({ consumed: bytes.length, damaged: 0, torn: 0 });
      }),
    );
  });

  it('keeps whole groups, and nothing else, of a file cut off anywhere', () => {
    fc.assert(
      fc.property(groupsArbitrary, fc.double({ min: 0, max: 1, noNaN: true }), (groups, where) => {
        const encoded = encodeAll(groups);
        const bytes = Buffer.concat(encoded);
        const cut = Math.floor(where * bytes.length);
        let whole = 0;
        let length = 0;
        while (whole < encoded.length && length + encoded[whole]!.length <= cut) length += encoded[whole++]!.length;
        const expected = groups.slice(0, whole).flat();

        const closed = read(bytes.subarray(0, cut));
        expect(closed.rows).toEqual(expected);
        expect(closed.torn).toBe(cut - length);
        const growing = read(bytes.subarray(0, cut), false);
        expect(growing.rows).toEqual(expected);
        expect(growing.consumed).toBe(length);
      }),
    );
  });

  it('never believes a damaged frame and finds all the others', () => {
    fc.assert(
      fc.property(groupsArbitrary, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 }), (groups, where, flip) => {
        const encoded = encodeAll(groups);
        const bytes = Buffer.concat(encoded);
        const at = Math.floor(where * bytes.length);
        bytes[at] = bytes[at]! ^ flip;
        let hit = 0;
        for (let end = encoded[0]!.length; at >= end; end += encoded[hit]!.length) hit += 1;

        const { rows, damaged, torn } = read(bytes);
        expect(rows).toEqual(groups.filter((_, index) => index !== hit).flat());
        expect(hit === groups.length - 1 ? torn > 0 : damaged > 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('reads any split of a growing file as it reads the whole', () => {
    fc.assert(
      fc.property(groupsArbitrary, fc.integer({ min: 1, max: 300 }), fc.option(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (groups, step, damage) => {
        const bytes = Buffer.concat(encodeAll(groups));
        if (damage !== null) bytes[Math.floor(damage * bytes.length)]! ^= 0x5a;
        const rows: Row[] = [];
        let offset = 0;
        for (let have = step; offset < bytes.length; have += step) {
          const seen = read(bytes.subarray(offset, have), have >= bytes.length);
          rows.push(...seen.rows);
          offset += seen.consumed;
        }
        expect(rows).toEqual(read(bytes).rows);
      }),
    );
  });

  it('splits a large group into frames that a reader can hold', () => {
    const row = { type: RowType.closeRecord, id: '01956c00-0000-7000-8000-000000000001', json: JSON.stringify({ text: 'x'.repeat(700_000) }) };
    const bytes = encode(new GroupEncoder(), [row, row, row, row]);
    const collector = new Collector();
    const first = scanFrames(bytes, true, { row: collector.row.bind(collector), wantsMore: () => false });
    expect(first.consumed).toBeLessThan(bytes.length);
    expect(collector.rows).toHaveLength(2);
    expect(read(bytes).rows).toHaveLength(4);
  });

  it('refuses an entry that no reader would take, and keeps the group usable', () => {
    const encoder = new GroupEncoder();
    const id = '01956c00-0000-7000-8000-000000000001';
    encoder.beginEntry();
    encoder.addRow(RowType.closeRecord, id, JSON.stringify('x'.repeat(MAX_ENTRY_BYTES)));
    expect(() => encoder.endEntry()).toThrow(RangeError);
    expect(read(encode(encoder, [{ type: RowType.openRecord, id, json: '{}' }])).rows).toEqual([{ type: RowType.openRecord, id, json: '{}' }]);
  });
});
