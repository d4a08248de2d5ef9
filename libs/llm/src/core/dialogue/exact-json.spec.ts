import fc from 'fast-check';
import { parseExactly } from './exact-json.js';

describe('parseExactly', () => {
  it('keeps every number as it was written, or as a number that is the same', () => {
    for (const number of ['12345678901234567890', '0.1234567890123456789', '1e400', '-9007199254740993', '1E-400']) expect(JSON.stringify(parseExactly(`{"n":[${number}]}`))).toBe(`{"n":[${number}]}`);
    fc.assert(fc.property(fc.json(), (text) => expect(JSON.stringify(parseExactly(text))).toBe(JSON.stringify(JSON.parse(text)))));
  });

  it('throws what JSON.parse throws', () => {
    for (const text of ['', '{', '{"a":12345678901234567890']) expect(() => parseExactly(text)).toThrow(SyntaxError);
  });
});
