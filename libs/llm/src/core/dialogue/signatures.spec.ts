import fc from 'fast-check';
import { type Protocol } from './protocol.js';
import { grownSignature, openedData, openedSignature, SEALED, sealedSignature } from './signatures.js';

const protocol = fc.constantFrom<Protocol>('openai-chat', 'openai-responses', 'anthropic-messages', 'gemini');
const value = fc.oneof(fc.base64String({ minLength: 4 }), fc.string({ unit: 'grapheme', minLength: 1 }));

describe('signatures', () => {
  it('come back as whose they were, and in base64 where they are not the own', () => {
    fc.assert(
      fc.property(protocol, protocol, value, (by, own, signature) => {
        const sealed = sealedSignature({ by, value: signature }, own);
        expect(openedSignature(sealed, own)).toEqual({ by, value: signature });
        if (by === own) expect(sealed).toBe(signature);
        else {
          expect(sealed.startsWith(SEALED)).toBe(true);
          expect(Buffer.from(sealed, 'base64').toString('base64')).toBe(sealed);
        }
      }),
    );
  });

  it('are the own where Apex has not sealed them, whatever they look like', () => {
    const looks = [SEALED, Buffer.from('apex:unheard-of:x').toString('base64'), `${Buffer.from('apex:gemini:xyz').toString('base64')}=`, Buffer.from('apex:gemini').toString('base64')];
    for (const look of looks) expect(openedSignature(look, 'anthropic-messages')).toEqual({ by: 'anthropic-messages', value: look });
    fc.assert(fc.property(fc.string(), (any) => expect(openedSignature(any, 'gemini')?.value).toBe(any)));
  });

  it('are told not to be there', () => {
    expect(openedSignature(sealedSignature(null, 'gemini'), 'gemini')).toBeNull();
    expect(sealedSignature(null, 'gemini').startsWith(SEALED)).toBe(true);
    expect(openedData(sealedSignature(null, 'gemini'), 'gemini')).toEqual({ by: 'gemini', value: sealedSignature(null, 'gemini') });
  });

  it('grow by their pieces', () => {
    expect(['a', 'b', 'c'].map((piece) => ({ by: 'gemini' as const, value: piece })).reduce<ReturnType<typeof openedSignature>>(grownSignature, null)).toEqual({ by: 'gemini', value: 'abc' });
  });
});
