import fc from 'fast-check';
import { scanTopLevel, splice } from './top-level.js';

/** JSON texts with every layout a serializer may choose. */
const layouts = fc.constantFrom<(value: unknown) => string>(
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, 2),
  (value) => ` \r\n\t${JSON.stringify(value, null, '\t')}\n `,
);

describe('scanTopLevel', () => {
  it('finds exactly the members that JSON.parse finds, with the same values', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), layouts, (object, layout) => {
        const json = Buffer.from(layout(object));
        const top = scanTopLevel(json)!;
        const parsed = JSON.parse(json.toString()) as Record<string, unknown>;
        expect([...top.members.keys()].sort()).toEqual(Object.keys(parsed).sort());
        for (const [name, span] of top.members) {
          expect(JSON.parse(json.toString('utf8', span.valueStart, span.valueEnd))).toEqual(parsed[name]);
        }
        expect(top.duplicate).toBeNull();
        expect(top.empty).toBe(Object.keys(parsed).length === 0);
      }),
      { numRuns: 500 },
    );
  });

  it('splices one value and leaves every other byte', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), layouts, fc.jsonValue(), (object, layout, value) => {
        const json = Buffer.from(layout(object));
        const [name, span] = [...scanTopLevel(json)!.members][0]!;
        const changed = splice(json, span.valueStart, span.valueEnd, JSON.stringify(value));
        const expected = { ...(JSON.parse(json.toString()) as object), [name]: JSON.parse(JSON.stringify(value)) as unknown };
        expect(JSON.parse(changed.toString())).toEqual(expected);
        expect(changed.subarray(0, span.valueStart)).toEqual(json.subarray(0, span.valueStart));
      }),
    );
  });

  it.each([
    ['{"model":"a","model":"b"}', 'model'],
    ['{"model":"a","x":{"model":1},"\\u006dodel":"b"}', 'model'],
    ['{"a":[{"a":1}],"b":"\\"a\\":"}', null],
  ])('names a member that is given twice: %s', (json, duplicate) => {
    expect(scanTopLevel(Buffer.from(json))!.duplicate).toBe(duplicate);
  });

  it.each(['[]', '"{}"', '1', 'null'])('is null for what is no object: %s', (json) => {
    expect(scanTopLevel(Buffer.from(json))).toBeNull();
  });
});
