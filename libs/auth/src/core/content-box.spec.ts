import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { ContentBox, MASTER_KEY_BYTES, NONCE_BYTES, SecretBoxError } from './content-box.js';

const key = (): Buffer => randomBytes(MASTER_KEY_BYTES);
const nonce = (): Buffer => randomBytes(NONCE_BYTES);

describe('ContentBox', () => {
  it('opens what it sealed, in its own place only', () => {
    const box = new ContentBox(key()).derive('answers');
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), fc.string(), (bytes, place, other) => {
        const sealed = box.seal(Buffer.from(bytes), place, nonce());
        expect(box.open(sealed, place)).toEqual(Buffer.from(bytes));
        if (other !== place) expect(() => box.open(sealed, other)).toThrow(SecretBoxError);
      }),
    );
  });

  it('keeps purposes apart, from each other and from the master key', () => {
    const master = new ContentBox(key());
    const sealed = master.derive('answers').seal(Buffer.from('content'), 'place', nonce());
    expect(() => master.derive('others').open(sealed, 'place')).toThrow(/not in the keyring/);
    expect(() => master.open(sealed, 'place')).toThrow(/not in the keyring/);
    expect(() => master.derive('answers').open(master.seal(Buffer.from('content'), 'place', nonce()), 'place')).toThrow(/not in the keyring/);
  });

  it('derives the same keys each time, from old master keys too', () => {
    const [old, current] = [key(), key()];
    const sealed = new ContentBox(old).derive('answers').seal(Buffer.from('content'), 'place', nonce());
    expect(new ContentBox(current, [old]).derive('answers').open(sealed, 'place').toString()).toBe('content');
  });
});
