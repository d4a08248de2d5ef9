import fc from 'fast-check';
import { readUsageTail } from './usage-tail.js';

const usage = { prompt_tokens: 19, completion_tokens: 42, total_tokens: 61, prompt_tokens_details: { cached_tokens: 3 } };

describe('readUsageTail', () => {
  it('reads the top-level usage from the tail of an answer', () => {
    const body = { id: 'x', choices: [{ message: { content: 'y'.repeat(50_000) } }], usage, service_tier: 'default', system_fingerprint: null };
    expect(readUsageTail(Buffer.from(JSON.stringify(body)))).toEqual(usage);
    expect(readUsageTail(Buffer.from(JSON.stringify(body, null, 2)))).toEqual(usage);
    expect(readUsageTail(Buffer.from(JSON.stringify({ id: 'x', usage })).subarray(4))).toEqual(usage);
    expect(readUsageTail(Buffer.from(JSON.stringify({ usage, choices: [{ x: {} }] })))).toEqual(usage);
  });

  it.each([
    ['inside a nested object', JSON.stringify({ choices: [{ usage }] })],
    ['only in a text', JSON.stringify({ content: JSON.stringify({ usage }) })],
    ['null', JSON.stringify({ choices: [], usage: null })],
    ['not at all', JSON.stringify({ choices: [] })],
    ['cut off', JSON.stringify({ id: 1, usage }).slice(0, -3)],
  ])('is not sure when usage stands %s', (_, json) => {
    expect(readUsageTail(Buffer.from(json))).toBeUndefined();
  });

  it('whatever it returns is the top-level usage', () => {
    const anyUsage = fc.oneof(fc.constant(usage), fc.jsonValue());
    const body = fc.dictionary(fc.constantFrom('usage', 'id', 'choices', 'x'), fc.oneof(fc.jsonValue(), fc.record({ usage: anyUsage }), anyUsage));
    fc.assert(
      fc.property(body, (object) => {
        const json = Buffer.from(JSON.stringify(object));
        const found = readUsageTail(json);
        if (found !== undefined) expect(found).toEqual((JSON.parse(json.toString()) as { usage: unknown }).usage);
      }),
      { numRuns: 2_000 },
    );
  });
});
