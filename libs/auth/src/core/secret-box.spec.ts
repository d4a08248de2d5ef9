import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { MASTER_KEY_BYTES, NONCE_BYTES, SecretBoxError } from './content-box.js';
import { SecretBox, type SecretContext } from './secret-box.js';

const context: SecretContext = { rowId: 'r1', customerId: 'acme', provider: 'openai' };
const masterKey = (): Buffer => randomBytes(MASTER_KEY_BYTES);
const seal = (box: SecretBox, secret: string, of: SecretContext = context): Buffer => box.seal(secret, of, randomBytes(NONCE_BYTES));

describe('SecretBox', () => {
  it('opens what it sealed, whatever it was', () => {
    const box = new SecretBox(masterKey());
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (secret) => {
        expect(box.open(seal(box, secret), context)).toBe(secret);
      }),
    );
  });

  it('refuses a ciphertext with any byte changed', () => {
    const box = new SecretBox(masterKey());
    const sealed = seal(box, 'sk-secret');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      expect(() => box.open(changed, context)).toThrow(SecretBoxError);
    }
    for (const length of [0, 1, 20, sealed.length - 1]) expect(() => box.open(sealed.subarray(0, length), context)).toThrow(SecretBoxError);
  });

  it('refuses a ciphertext that was moved to another row, customer or provider', () => {
    const box = new SecretBox(masterKey());
    const sealed = seal(box, 'sk-secret');
    for (const other of [{ rowId: 'r2' }, { customerId: 'other' }, { customerId: null }, { provider: 'anthropic' }]) {
      expect(() => box.open(sealed, { ...context, ...other })).toThrow(SecretBoxError);
    }
  });

  it('opens with an old master key, seals with the current one', () => {
    const [old, current] = [masterKey(), masterKey()];
    const sealedBefore = seal(new SecretBox(old), 'sk-secret');
    const rotated = new SecretBox(current, [old]);
    expect(rotated.open(sealedBefore, context)).toBe('sk-secret');
    expect(() => new SecretBox(old).open(seal(rotated, 'x'), context)).toThrow(/not in the keyring/);
    expect(() => new SecretBox(current).open(sealedBefore, context)).toThrow(/not in the keyring/);
  });

  it('takes only whole master keys', () => {
    expect(() => new SecretBox(randomBytes(16))).toThrow(RangeError);
  });
});
