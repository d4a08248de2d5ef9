import fc from 'fast-check';
import { asciiJson, label, text } from './ascii-json.js';

describe.each([
  ['text', text],
  ['label', label],
  ['asciiJson', asciiJson],
])('%s', (_name, toJson) => {
  it('makes of any text ASCII JSON that Postgres can store, and changes no other text', () => {
    expect(['\0', '\ud800x', '\\u0000', '\u0001 é 😀', '', '"'].map((value) => JSON.parse(toJson(value)) as string)).toEqual(['\ufffd', '\ufffdx', '\\u0000', '\u0001 é 😀', '', '"']);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const json = toJson(value);
        expect(json).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(json)).toBe(value.toWellFormed().replaceAll('\0', '\ufffd'));
      }),
      { numRuns: 1_000 },
    );
  });

  it('knows null', () => {
    expect(toJson(null)).toBe('null');
  });
});

it('a label stays right when more of them come than are remembered', () => {
  for (let i = 0; i < 10_000; i++) expect(label(`l"${i % 5_000}`)).toBe(`"l\\"${i % 5_000}"`);
});
