import fc from 'fast-check';
import { TailTemplate } from './tail-template.js';

const end = (json: string): Buffer => Buffer.from(json.slice(1));
const learnt = (json: string): TailTemplate => {
  const template = TailTemplate.of(json);
  if (template === null) throw new Error(`not learnt: ${json}`);
  return template;
};

describe('TailTemplate', () => {
  const usage = '{"usage":{"prompt_tokens":19,"completion_tokens":42,"details":{"cached_tokens":0}},"created":7,"system_fingerprint":"fp_123","counts":[1,2]}';

  it('reads an end that differs in its numbers', () => {
    const template = learnt(usage);
    expect(template.fill(end(usage), 0)).toBe(true);
    expect(template.value).toEqual(JSON.parse(usage));
    const other = usage.replace('19', '123456789012345').replace(':0}', ':640}').replace('[1,2]', '[0,11]');
    expect(template.fill(end(other), 0)).toBe(true);
    expect(template.value).toEqual(JSON.parse(other));
  });

  it.each([
    ['another name', usage.replace('cached_tokens', 'cached_tokenz')],
    ['digits in a text', usage.replace('fp_123', 'fp_124')],
    ['a sign', usage.replace('19', '-19')],
    ['a fraction', usage.replace('19', '19.5')],
    ['an exponent', usage.replace('19', '1e9')],
    ['a leading zero, which is no JSON', usage.replace('19', '019')],
    ['more digits than a number holds', usage.replace('19', '1234567890123456')],
    ['no digits', usage.replace('19', '')],
    ['another kind of value', usage.replace('19', 'null')],
    ['more behind it', `${usage} `],
    ['less', usage.slice(0, -1)],
    ['nothing', '{'],
  ])('does not take an end with %s', (_, json) => {
    expect(learnt(usage).fill(end(json), 0)).toBe(false);
  });

  it.each([
    ['has no number', '{"usage":null}'],
    ['has a name twice', '{"usage":1,"usage":2}'],
    ['has a text that may have been said to somebody', `{"usage":1,"text":"${'x'.repeat(64)}"}`],
    ['is long', `{"usage":[${'1,'.repeat(512)}1]}`],
    ['has a number that looks like a mark', '{"usage":1,"x":7e14}'],
    ['has one in the place of another', '{"usage":1,"usage":7e14}'],
    ['has one that looks like the mark of no number', '{"usage":1,"usage":7.00000000000009e14}'],
  ])('does not learn what %s', (_, json) => {
    expect(TailTemplate.of(json)).toBeNull();
  });

  it('says what a parser says, or nothing', () => {
    const { value } = fc.letrec<{ value: unknown; inside: unknown }>((tie) => ({
      value: fc.dictionary(fc.constantFrom('usage', 'a', '7', 'ü"', '__proto__'), tie('inside'), { minKeys: 1, maxKeys: 4 }),
      inside: fc.oneof({ depthSize: 'small' }, fc.nat(), fc.nat(), fc.constantFrom('', '7', '"8', null, true, 0.5, -1, 1e21, 7e14), fc.array(tie('inside'), { maxLength: 3 }), tie('value')),
    }));
    // The same object, most of its numbers others.
    const renumbered = fc.tuple(value, fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat() }, fc.constantFrom(0, 0.5, -3, 1e21, 999_999_999_999_999, 700_000_000_000_001)), { minLength: 1 })).map(([object, numbers]) => {
      let next = 0;
      const other: unknown = JSON.parse(JSON.stringify(object), (_name, one: unknown) => (typeof one === 'number' ? numbers[next++ % numbers.length] : one));
      return [JSON.stringify(object), JSON.stringify(other)] as const;
    });
    let filled = 0;
    fc.assert(
      fc.property(renumbered, ([first, second]) => {
        const template = TailTemplate.of(first);
        for (const json of [second, first]) {
          if (template === null || !template.fill(end(json), 0)) continue;
          filled++;
          expect(template.value).toEqual(JSON.parse(json));
        }
      }),
      { numRuns: 2_000 },
    );
    expect(filled).toBeGreaterThan(100);
  });
});
