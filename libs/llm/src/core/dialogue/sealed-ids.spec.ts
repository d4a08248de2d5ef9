import fc from 'fast-check';
import { openedId, sealedId } from './sealed-ids.js';

describe('sealed ids', () => {
  it('bring a signature back with its id', () => {
    fc.assert(fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (id, signature) => expect(openedId(sealedId(id, signature))).toEqual({ id, signature })));
  });

  it('leave an id alone that is not sealed, or merely looks so', () => {
    fc.assert(fc.property(fc.string().filter((id) => !id.includes('__sig__')), (id) => expect(openedId(sealedId(id, undefined))).toEqual({ id })));
    expect(openedId('call__sig__!')).toEqual({ id: 'call__sig__!' });
  });
});
