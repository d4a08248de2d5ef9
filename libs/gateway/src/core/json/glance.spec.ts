import fc from 'fast-check';
import { glanceCount, glanceFlag, glanceMessages, glanceSmall, glanceText } from './glance.js';
import { scanTopLevel } from './top-level.js';

const message = fc.oneof(
  fc.record({ role: fc.constantFrom<unknown>('user', 'assistant', '', 1, null), content: fc.jsonValue() }, { requiredKeys: [] }),
  fc.dictionary(fc.constantFrom('role', 'content', 'rôle', 'ro\nle'), fc.jsonValue()),
  fc.jsonValue(),
);
const value = fc.oneof(fc.jsonValue(), fc.array(message), fc.boolean(), fc.nat(), fc.string({ unit: 'grapheme' }), fc.constant(null));
const bodies = fc
  .dictionary(fc.constantFrom('a', 'b', 'model'), value, { minKeys: 1 })
  .chain((object) => fc.constantFrom(JSON.stringify(object), JSON.stringify(object, null, 2), JSON.stringify(object).replaceAll('role', 'rol\\u0065')));

const isObject = (given: unknown): given is Record<string, unknown> => typeof given === 'object' && given !== null && !Array.isArray(given);
const areMessages = (given: unknown): boolean => Array.isArray(given) && given.length > 0 && given.every((one) => isObject(one) && typeof one['role'] === 'string');

describe('a glance at a body', () => {
  it('says what a parser would have said, or that it is not sure', () => {
    fc.assert(
      fc.property(bodies, fc.constantFrom('a', 'b', 'model'), (json, name) => {
        const body = Buffer.from(json);
        const top = scanTopLevel(body)!;
        const given = (JSON.parse(json) as Record<string, unknown>)[name];
        const text = glanceText(body, top, name);
        if (text !== undefined) expect(text).toBe(given);
        const flag = glanceFlag(body, top, name);
        if (flag !== undefined) expect(flag).toBe(given ?? false);
        if (glanceCount(body, top, name) !== undefined) expect(given === undefined || given === null || (Number.isInteger(given) && (given as number) >= 1)).toBe(true);
        const small = glanceSmall(body, top, name);
        if (small !== undefined) expect(small).toEqual(given ?? null);
        if (glanceMessages(body, top, name) !== undefined) expect(areMessages(given)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is sure of what clients send', () => {
    const body = Buffer.from(JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: [{ type: 'text', text: 'say "hi"\n' }] }], stream: true, n: 2, stream_options: { include_usage: true } }));
    const top = scanTopLevel(body)!;
    expect(glanceText(body, top, 'model')).toBe('gpt-4o-mini');
    expect(glanceMessages(body, top, 'messages')).toBe(true);
    expect(glanceFlag(body, top, 'stream')).toBe(true);
    expect(glanceFlag(body, top, 'store')).toBe(false);
    expect(glanceCount(body, top, 'n')).toBe(true);
    expect(glanceSmall(body, top, 'stream_options')).toEqual({ include_usage: true });
  });
});
