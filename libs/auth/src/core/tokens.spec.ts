import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { isToken, makeToken, TOKEN_BYTES, tokenPrefix, type TokenKind } from './tokens.js';

const kinds: TokenKind[] = ['apex_', 'apexadm_', 'apexs_'];

describe('tokens', () => {
  it('are recognised as their own kind and no other', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES }), (kind, bytes) => {
        const token = makeToken(kind, Buffer.from(bytes));
        expect(kinds.filter((other) => isToken(other, token))).toEqual([kind]);
      }),
    );
  });

  it('refuses what is too short, too long or of other characters', () => {
    const token = makeToken('apex_', randomBytes(TOKEN_BYTES));
    for (const bad of ['', 'apex_', token.slice(0, -1), `${token}A`, token.slice(0, -1) + '=', token.slice(0, -1) + '\n', ` ${token}`, 'apex_' + 'x'.repeat(1_000_000)]) {
      expect(isToken('apex_', bad)).toBe(false);
    }
  });

  it('needs all its randomness, and shows little of it', () => {
    expect(() => makeToken('apex_', randomBytes(16))).toThrow(RangeError);
    const token = makeToken('apex_', randomBytes(TOKEN_BYTES));
    expect(token.startsWith(tokenPrefix(token))).toBe(true);
    expect(tokenPrefix(token)).toHaveLength(9);
  });
});
