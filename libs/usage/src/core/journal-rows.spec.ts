import fc from 'fast-check';
import { attemptRow, recordRow } from '../../test/rows.js';
import { ATTEMPT_COLUMNS, attemptJson, named, RECORD_COLUMNS, recordJson, storableJson } from './journal-rows.js';

describe('the rows of the journal', () => {
  const requestId = '01956c00-0000-7000-8000-000000000001';
  // Every value differs from every other, so that no two can be confused.
  const distinct = (row: object): Record<string, unknown> => Object.fromEntries(Object.keys(row).map((name, index) => [name, `${name}-${index}`]));

  it.each([
    ['record', RECORD_COLUMNS, recordRow([], { request_id: requestId }), recordJson],
    ['attempt', ATTEMPT_COLUMNS, attemptRow({ request_id: requestId }), attemptJson],
  ])('carries every column of a %s in its place', (_name, columns, example, toJson) => {
    const row = distinct(example);
    const values = JSON.parse((toJson as (row: unknown) => string)(row)) as unknown[];
    expect(named(columns, values)).toEqual(row);
    expect(values).toHaveLength(columns.length);
  });

  it('makes of any text JSON that Postgres can store, and changes no other text', () => {
    expect(storableJson(['\0', '\ud800x', '\\u0000', '\u0001 é 😀'])).toBe(JSON.stringify(['\ufffd', '\ufffdx', '\\u0000', '\u0001 é 😀']));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')), (text) => {
        expect(JSON.parse(storableJson([text]))).toEqual([text]);
      }),
    );
  });
});
