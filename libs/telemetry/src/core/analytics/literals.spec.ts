import fc from 'fast-check';
import { intLiteral, stringLiteral } from './literals.js';

/** As ClickHouse's lexer and `parseEscapeSequence` read it; null: the quote ends before the text does. */
function read(literal: string): string | null {
  if (!literal.startsWith(`'`)) return null;
  let value = '';
  for (let at = 1; at < literal.length; at++) {
    if (literal[at] === `'`) return at === literal.length - 1 ? value : null;
    if (literal[at] !== '\\') value += literal[at];
    else if (literal[++at] === 'x') {
      value += String.fromCharCode(Number.parseInt(literal.slice(at + 1, at + 3), 16));
      at += 2;
    } else value += literal[at];
  }
  return null;
}

describe('stringLiteral', () => {
  it('is read as the very text, and ends where it should', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(`'`, '\\', 'x', 'n', '0', '\n', '\0', ' OR 1=1 --', 'é') }));
    fc.assert(fc.property(text, (value) => expect(read(stringLiteral(value))).toBe(value)));
  });

  it('holds no control character', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii' }), (value) => expect(stringLiteral(value)).toMatch(/^[\x20-\x7e]*$/)));
  });

  it('refuses what is no text', () => expect(() => stringLiteral('\ud800')).toThrow(RangeError));
});

describe('intLiteral', () => {
  it.each([0, -1, Number.MAX_SAFE_INTEGER])('writes %s', (value) => expect(Number(intLiteral(value))).toBe(value));
  it.each([0.5, Number.NaN, Infinity, 2 ** 53])('refuses %s', (value) => expect(() => intLiteral(value)).toThrow(RangeError));
});
