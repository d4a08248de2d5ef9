import fc from 'fast-check';
import { isSealOf, seal } from './seal.js';

describe('a seal', () => {
  it('fits its text, and nothing else', () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (text, identity, other) => {
      const signature = seal(text, identity);
      expect(isSealOf(signature, text)).toBe(true);
      expect(isSealOf(signature, other)).toBe(other === text);
      expect(seal(text, identity)).toBe(signature);
    }));
  });

  it('does not survive an alteration anywhere in it', () => {
    const signature = seal('thought', 'identity');
    for (let at = 0; at < signature.length; at += 1) {
      expect(isSealOf(`${signature.slice(0, at)}${signature[at] === 'A' ? 'B' : 'A'}${signature.slice(at + 1)}`, 'thought')).toBe(false);
    }
    for (const wrong of ['', 'nonsense', `${signature}A`, ` ${signature}`, signature.slice(0, -4)]) expect(isSealOf(wrong, 'thought')).toBe(false);
  });
});
