import fc from 'fast-check';
import { scanTopLevel } from '../json/top-level.js';
import { glances } from './glances.js';
import { surfaces } from './index.js';

const anything = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, true, false, '', ' ', 'text', [], [' '], [''], {}, 0, 1, -1, 1.5, 1e21));
const message = fc.record({ role: fc.oneof({ weight: 9, arbitrary: fc.constantFrom<unknown>('user', 'assistant') }, anything), content: anything }, { requiredKeys: [] });
const often = (good: fc.Arbitrary<unknown>) => fc.oneof({ weight: 4, arbitrary: good }, anything);
const bodies = fc.record(
  {
    model: often(fc.oneof(fc.constantFrom('gpt-4o-mini', 'a/b:c'), fc.string({ unit: 'grapheme', maxLength: 300 }))),
    messages: often(fc.array(message, { minLength: 1, maxLength: 3 })),
    input: often(fc.oneof(fc.string(), fc.array(anything))),
    stream: often(fc.boolean()),
    stream_options: often(fc.record({ include_usage: often(fc.boolean()) }, { requiredKeys: [] })),
    n: often(fc.nat()),
    max_tokens: often(fc.nat()),
    max_completion_tokens: often(fc.nat()),
    max_output_tokens: often(fc.nat()),
    previous_response_id: anything,
  },
  { requiredKeys: [] },
);

describe.each(Object.values(surfaces))('a glance at a request of $surface', (spec) => {
  it('sees what the check would have seen, or leaves it to the check', () => {
    let sure = 0;
    fc.assert(
      fc.property(bodies, fc.constantFrom(undefined, 2), (given, indent) => {
        const body = Buffer.from(JSON.stringify(given, null, indent));
        const call = glances[spec.surface](body, scanTopLevel(body)!);
        if (call === null) return;
        sure++;
        expect(spec.check(JSON.parse(body.toString()) as Record<string, unknown>)).toEqual({ ok: true, call });
      }),
      { numRuns: 5_000, seed: 20_261_123 },
    );
    expect(sure).toBeGreaterThan(50);
  });
});
