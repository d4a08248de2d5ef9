import fc from 'fast-check';
import { openedId, sealedId } from '../../dialogue/sealed-ids.js';
import { parseArguments, safeId } from './tool-calls.js';

describe('arguments', () => {
  it('are the object that the text says, with numbers as written', () => {
    expect(parseArguments('')).toEqual({});
    expect(parseArguments(' { "a" : [1, 2.5e3] } ')).toEqual({ a: [1, 2500] });
    const exact = '{"id":1234567890123456789,"pi":3.14159265358979323846,"huge":1e400,"tiny":1e-400,"ok":0.1,"big":9007199254740993,"text":"1234567890123456789"}';
    expect(JSON.stringify(parseArguments(exact))).toBe(exact);
  });

  it.each(['{"city":"Pa', '[]', 'null', '1', '"text"', 'nonsense'])('are none in %s', (text) => {
    expect(parseArguments(text)).toBeNull();
  });

  it('say the same as the text, whatever it is', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (value) => expect(JSON.stringify(parseArguments(JSON.stringify(value)))).toBe(JSON.stringify(value))));
  });
});

describe('ids', () => {
  it('are left alone where Anthropic takes them, and rewritten to differ where not', () => {
    expect(safeId('toolu_01-A')).toBe('toolu_01-A');
    expect(safeId('functions.get_weather:0')).toBe('id_functions_2e_get_5f_weather_3a_0');
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(safeId(a)).toMatch(/^[a-zA-Z0-9_-]+$/);
        if (a !== b && !a.startsWith('id_') && !b.startsWith('id_')) expect(safeId(a)).not.toBe(safeId(b));
      }),
    );
  });

  it("carry another provider's signature there and back", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/), fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }), (id, signature) => {
        const sealed = sealedId(id, signature);
        expect(sealed).toMatch(/^[a-zA-Z0-9_-]+$/);
        expect(openedId(sealed)).toEqual(signature === undefined ? { id } : { id, signature });
      }),
    );
    expect(openedId('call__sig__')).toEqual({ id: 'call', signature: '' });
    expect(openedId('call__sig__?')).toEqual({ id: 'call__sig__?' });
  });
});
