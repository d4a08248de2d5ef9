import fc from 'fast-check';
import { cacheSelectorSchema, type Marks, MAX_MARKS, markOf, NO_MARKS, type Selectable } from './selector.js';

const answer = (change: Partial<Selectable> = {}): Selectable => ({ hash: 'a'.repeat(64), requestedModel: 'fast', model: 'gpt', tags: ['x', 'y'], epoch: 10, ...change });

describe('Marks', () => {
  it.each([
    [{ all: true as const }, true],
    [{ tag: 'x' }, true],
    [{ tag: 'y' }, true],
    [{ tag: 'z' }, false],
    [{ model: 'fast' }, true],
    [{ model: 'gpt' }, true],
    [{ model: 'x' }, false],
    [{ key: 'a'.repeat(64) }, true],
    [{ key: 'b'.repeat(64) }, false],
  ])('%j meets an answer of an earlier epoch: %j', (selector, meets) => {
    const marks = NO_MARKS.with(markOf(selector), 11);
    expect(marks.isCurrent(answer())).toBe(!meets);
    expect(marks.isCurrent(answer({ epoch: 11 }))).toBe(true);
    expect(marks.epoch).toBe(11);
  });

  it('never forget more than they say: what any mark meets stays met, whatever is joined', () => {
    const mark = fc.record({ tag: fc.nat(600).map((n) => `t${n}`), time: fc.integer({ min: 1, max: 10_000 }) });
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 700 }), fc.array(mark, { maxLength: 20 }), mark, (marks, others, last) => {
        const build = (list: typeof marks): Marks => list.reduce((built, { tag, time }) => built.with(markOf({ tag }), time), NO_MARKS);
        const joined = build(marks).and(build(others)).with(markOf({ tag: last.tag }), last.time);
        expect([...joined.entries()].length).toBeLessThanOrEqual(MAX_MARKS);
        for (const { tag, time } of [...marks, ...others, last]) expect(joined.isCurrent(answer({ tags: [tag], epoch: time - 1 }))).toBe(false);
        const latest = Math.max(...[...marks, ...others, last].map(({ time }) => time));
        expect(joined.isCurrent(answer({ tags: [last.tag], epoch: latest }))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('of everything need no others', () => {
    expect([...NO_MARKS.with('t:x', 1).with('*', 2).entries()]).toEqual([['*', 2]]);
  });
});

describe('cacheSelectorSchema', () => {
  it.each([{}, { all: false }, { all: true, tag: 'x' }, { tag: '' }, { tag: 'a,b' }, { tag: 'x'.repeat(65) }, { model: '' }, { model: 'a\nb' }, { key: 'A'.repeat(64) }, { key: 'a' }])('refuses %j', (input) => {
    expect(cacheSelectorSchema.safeParse(input).success).toBe(false);
  });

  it.each([{ all: true }, { tag: 'x' }, { model: 'org/model:1' }, { key: '0'.repeat(64) }])('takes %j', (input) => {
    expect(cacheSelectorSchema.parse(input)).toEqual(input);
  });
});
