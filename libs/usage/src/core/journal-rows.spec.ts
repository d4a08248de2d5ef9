import { attemptRow, recordRow } from '../../test/rows.js';
import { ATTEMPT_COLUMNS, attemptJson, named, RECORD_COLUMNS, recordJson } from './journal-rows.js';

describe('the rows of the journal', () => {
  const requestId = '01956c00-0000-7000-8000-000000000001';
  // Every value differs from every other of its type, so that no two can be confused.
  const ofType = { boolean: () => true, 'text[]': (index: number) => [`tag ${index}`, 'é'], smallint: Number, integer: Number, bigint: Number };
  const distinct = (columns: ReadonlyArray<{ name: string; type: string }>): Record<string, unknown> =>
    Object.fromEntries(columns.map(({ name, type }, index) => [name, type in ofType ? ofType[type as keyof typeof ofType](index) : `${name}-${index}`]));

  it.each([
    ['record', RECORD_COLUMNS, recordRow([], { request_id: requestId }), recordJson],
    ['attempt', ATTEMPT_COLUMNS, attemptRow({ request_id: requestId }), attemptJson],
  ])('carries every column of a %s in its place', (_name, columns, example, toJson) => {
    const row = distinct(columns);
    expect(Object.keys(row).sort()).toEqual(Object.keys(example).sort());
    const values = JSON.parse((toJson as (row: unknown) => string)(row)) as unknown[];
    expect(named(columns, values)).toEqual(row);
    expect(values).toHaveLength(columns.length);
  });
});
