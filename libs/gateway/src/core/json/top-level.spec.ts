import fc from 'fast-check';
import { scanTopLevel, splice } from './top-level.js';

/** JSON texts with every layout a serializer may choose. */
const layouts = fc.constantFrom<(value: unknown) => string>(
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, 2),
  (value) => ` \r\n\t${JSON.stringify(value, null, '\t')}\n `,
);

/** Names that are known beforehand, and others that are nearly the same. */
const likely = fc.constantFrom('n', 'm', 'seed', 'seek', 'model', 'modem', 'messages', 'massages', 'temperature', 'parallel_tool_calls', 'max_completion_tokens', 'max_completion_tokenz');

describe('scanTopLevel', () => {
  it('finds exactly the members that JSON.parse finds, with the same values', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.string({ unit: 'grapheme' }), likely), fc.jsonValue()), layouts, (object, layout) => {
        const json = Buffer.from(layout(object));
        const top = scanTopLevel(json)!;
        const parsed = JSON.parse(json.toString()) as Record<string, unknown>;
        expect([...top.members.keys()].sort()).toEqual(Object.keys(parsed).sort());
        for (const [name, span] of top.members) {
          expect(JSON.parse(json.toString('utf8', span.valueStart, span.valueEnd))).toEqual(parsed[name]);
        }
        expect(top.duplicate).toBeNull();
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

  it('notices wrong structure wherever it stands, and takes everything that JSON.parse takes', () => {
    const bytes = fc.constantFrom(...'{}[]",:\\ 1ntfe\u0000');
    const mutations = fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(3), put: fc.array(bytes, { maxLength: 3 }) }), { maxLength: 3 });
    let refused = 0;
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), layouts, mutations, (object, layout, changes) => {
        let json = layout(object);
        for (const { at, cut, put } of changes) {
          const place = Math.floor(at * json.length);
          json = json.slice(0, place) + put.join('') + json.slice(place + cut);
        }
        const top = scanTopLevel(Buffer.from(json));
        let parsed: unknown;
        try {
          parsed = JSON.parse(json);
        } catch {
          refused++;
          // What it may overlook stands inside of strings and numbers: without these nothing is left to be wrong.
          if (top !== null) expect(() => void JSON.parse(json.replace(/"(?:[^"\\]|\\[^])*"/g, '""').replace(/[-+.\w]+/g, (word) => (/^[-+.\deE]+$/.test(word) ? '0' : word)))).not.toThrow();
          return;
        }
        expect(top !== null).toBe(typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed));
      }),
      { numRuns: 5_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it.each(['{"a":1}}', '{"a":1} x', '{"a":[1,]}', '{"a":[1}', '{"a":{"b"}}', '{"a":{"b":1,}}', '{,}', '{"a":tru}', '{"a":}', '{"a":"b}', '{"a":[', '{"a"', '{', '', '{"a":1', '{"a" "b"}', '{1:2}', '{"a":[1 2]}'])('is null for what is broken: %s', (json) => {
    expect(scanTopLevel(Buffer.from(json))).toBeNull();
  });

  it('goes as deep as the text does', () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(scanTopLevel(Buffer.from(deep))?.members.size).toBe(1);
    expect(scanTopLevel(Buffer.from(deep.slice(0, -2)))).toBeNull();
  });

  it.each(['[]', '"{}"', '1', 'null'])('is null for what is no object: %s', (json) => {
    expect(scanTopLevel(Buffer.from(json))).toBeNull();
  });
});
