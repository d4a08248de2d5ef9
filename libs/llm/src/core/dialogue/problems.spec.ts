import { z } from 'zod';
import { at, Problems } from './problems.js';
import { hint, is, isEmpty, isWritable, jsonObject, onlyHere, orText } from './wire-schemas.js';

const part = z.discriminatedUnion('type', [z.strictObject({ type: z.literal('text'), text: z.string() }), z.strictObject({ type: z.literal('image'), url: z.string(), detail: onlyHere('sizes differ', is('auto')) })]);
const body = z.strictObject({ model: z.string(), content: orText(part, 'text'), stop: z.union([z.string(), z.array(z.string())]).optional(), tools: onlyHere('tools are ours', isEmpty), schema: jsonObject.optional(), kept: hint });

const found = (value: unknown, ...options: ConstructorParameters<typeof Problems>): string[] => {
  const problems = new Problems(...options);
  problems.read(body, value, 'body');
  const result = problems.refused();
  return result.ok ? [] : result.problems.map(({ kind, param, why }) => `${kind} ${param}: ${why}`);
};

describe('at', () => {
  it('names members as the caller wrote them', () => {
    expect(at('')).toBe('');
    expect(at('', 'messages', 2, 'content', 0, 'text')).toBe('messages[2].content[0].text');
    expect(at('messages[2]', 'content')).toBe('messages[2].content');
  });
});

describe('Problems', () => {
  const right = { model: 'm', content: 'Hi' };

  it('reads what is right, and takes a text for one part of text', () => {
    const problems = new Problems();
    const read = problems.read(body, { ...right, tools: [], kept: { any: 1 } });
    expect(read).toMatchObject({ content: [{ type: 'text', text: 'Hi' }] });
    expect(problems.decoded(read)).toEqual({ ok: true, value: read });
  });

  it('tells all that is wrong at once, by its name', () => {
    expect(found({ content: [{ type: 'text', text: 1 }, { type: 'image', url: 'u', detail: 'low' }], tools: [1], added: 1 })).toEqual([
      expect.stringMatching(/^invalid body\.model: ./),
      expect.stringMatching(/^invalid body\.content\[0\]\.text: ./),
      'inexpressible body.content[1].detail: sizes differ',
      'inexpressible body.tools: tools are ours',
      'inexpressible body.added: is not a member that can be translated',
    ]);
  });

  it('takes a type that it does not know for one that is right, and one that is none for wrong', () => {
    expect(found({ ...right, content: [{ type: 'video' }, { type: 7 }] })).toEqual(["inexpressible body.content[0].type: 'video' has no words elsewhere", expect.stringMatching(/^invalid body\.content\[1\]\.type: ./)]);
  });

  it('complains of the members of the form that was meant', () => {
    expect(found({ ...right, stop: ['a', 1] })).toEqual([expect.stringMatching(/^invalid body\.stop\[1\]: ./)]);
    expect(found({ ...right, stop: 1 })).toEqual(['invalid body.stop: is of a wrong type']);
  });

  it('gives the reasons that a protocol has, and its word for unknown members', () => {
    expect(found({ ...right, tools: [1] }, { tools: 'because' })).toEqual(['inexpressible body.tools: because']);
    expect(found({ ...right, added: 1 }, {}, { kind: 'invalid', why: 'nobody knows it' })).toEqual(['invalid body.added: nobody knows it']);
  });

  it('refuses members that are there, and what is no request at all', () => {
    const problems = new Problems();
    problems.refuse({ a: null, b: 0, c: 'x' }, 'p', ['a', 'b', 'c', 'd'], 'no');
    expect(problems.decoded(null)).toEqual({ ok: false, problems: [{ kind: 'inexpressible', param: 'p.b', why: 'no' }, { kind: 'inexpressible', param: 'p.c', why: 'no' }] });
    expect(new Problems().refused()).toEqual({ ok: false, problems: [{ kind: 'invalid', param: '', why: 'is not a request' }] });
  });
});

describe('isWritable', () => {
  it('takes objects that can be written again', () => {
    const nested = (depth: number): unknown => JSON.parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect([{}, nested(10), nested(490)].every(isWritable)).toBe(true);
    expect([null, [], 'x', nested(600), nested(100_000)].some(isWritable)).toBe(false);
    expect(found({ model: 'm', content: 'Hi', schema: nested(100_000) })).toEqual(['invalid body.schema: must be an object that is not nested too deeply']);
  });
});
