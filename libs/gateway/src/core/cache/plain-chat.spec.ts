import fc from 'fast-check';
import { saying } from './exact-cache.fakes.js';
import { unfitness } from './fitness.js';
import { isPlainlyGood } from './plain-chat.js';

const plainly = (json: unknown): boolean => isPlainlyGood(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));
const good = {
  id: 'chatcmpl-1', object: 'chat.completion', created: 1_763_000_000, model: 'gpt-4o-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: 'He said: "é 😀"\n\t\\', refusal: null, annotations: [] }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29, prompt_tokens_details: { cached_tokens: 0 }, cost: -0.25 }, service_tier: 'default', ok: [true, false, {}, [[]]],
};
const choice = (more: object): object => ({ ...good, choices: [{ ...good.choices[0], ...more }] });

describe('isPlainlyGood', () => {
  it.each([
    ['an answer', good],
    ['one with white space', JSON.stringify(good, null, 2)],
    ['a short one', saying('hi')],
    ['calls of tools', choice({ message: { content: null, tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{"a":1}' } }] }, finish_reason: 'tool_calls' })],
    ['several choices', { ...good, choices: [...good.choices, ...good.choices] }],
    ['no error', { error: null, ...good }],
  ])('sees that %s is good', (_, json) => {
    expect(plainly(json)).toBe(true);
  });

  const text = JSON.stringify(good);
  it.each<[string, unknown]>([
    ['is long', { ...good, pad: 'x'.repeat(4_096) }],
    ['is deep', { ...good, deep: JSON.parse('['.repeat(17) + ']'.repeat(17)) as unknown }],
    ['has no choices', { ...good, choices: [] }],
    ['has choices twice', text.replace('"usage"', '"choices":[],"usage"')],
    ['spells a name with an escape', text.replace('"usage"', '"\\u0063hoices":[],"usage"')],
    ['is an error', { error: {}, ...good }],
    ['has an error in a choice', choice({ error: { code: 1 } })],
    ['has no end', choice({ finish_reason: null })],
    ['is cut off', choice({ finish_reason: 'length' })],
    ['ends twice', text.replace('"finish_reason"', '"finish_reason":"stop","finish_reason"')],
    ['refuses', choice({ message: { refusal: 'No.' } })],
    ['found something', choice({ message: { annotations: [{}] } })],
    ['has a text for a message', choice({ message: 'x' })],
    ['has more behind it', `${text} x`],
    ['is cut', text.slice(0, -1)],
    ['has a line feed in a text', text.replace('He said', 'He\nsaid')],
    ['has an escape that is none', text.replace('He said', 'He\\qsaid')],
    ['has a number that is none', text.replace('19', '019')],
    ['is no object', [good]],
    ['is nothing', ''],
  ])('is not sure of what %s', (_, json) => {
    expect(plainly(json)).toBe(false);
  });

  it('is sure of nothing that a parser would not find good', () => {
    const names = ['choices', 'error', 'message', 'finish_reason', 'refusal', 'annotations', 'x'];
    const { any } = fc.letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, fc.constantFrom<unknown>(null, 'stop', 'length', '', [], {}, 1.5, 'a\n'), fc.dictionary(fc.constantFrom(...names), tie('any'), { maxKeys: 3 }), fc.array(tie('any'), { maxLength: 2 })),
    }));
    const part = fc.record({ message: fc.oneof(any, fc.record({ content: any, refusal: any, annotations: any }, { requiredKeys: [] })), finish_reason: fc.constantFrom<unknown>('stop', 'tool_calls', 'length', null), error: any }, { requiredKeys: ['finish_reason'] });
    const answer = fc.record({ choices: fc.oneof(fc.array(part, { maxLength: 2 }), any), error: any, usage: any }, { requiredKeys: ['choices'] }).map((json) => JSON.stringify(json));
    // Bytes put in, or taken out, anywhere.
    const damaged = fc.tuple(fc.oneof(answer, fc.constant(text)), fc.nat(), fc.nat({ max: 2 }), fc.constantFrom('', '', '"', ',', ':', '{', '}', '[', ']', '\\', '0', '-', '.', 'e', ' ', '\n', '"error":1,', '"choices":[],')).map(([json, at, gone, put]) => {
      const place = at % (json.length + 1);
      return json.slice(0, place) + put + json.slice(place + gone);
    });
    let sure = 0;
    fc.assert(
      fc.property(fc.oneof(answer, damaged), (json) => {
        if (!plainly(json)) return;
        sure++;
        // A blank makes it too long for a glance, and no other to a parser.
        expect(unfitness('chat.completions', false, Buffer.from(json.padEnd(4_097)))).toBeNull();
      }),
      { numRuns: 20_000 },
    );
    expect(sure).toBeGreaterThan(1_000);
  });
});
