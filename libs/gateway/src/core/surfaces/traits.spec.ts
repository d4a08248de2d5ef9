import fc from 'fast-check';
import { scanTopLevel } from '../json/top-level.js';
import { firstUserMessage, isDeterministic, maxTokensOf } from './traits.js';

const of = (value: unknown, indent?: number) => {
  const body = Buffer.from(JSON.stringify(value, null, indent));
  return [body, scanTopLevel(body)!] as const;
};

describe('the traits of a body', () => {
  it.each([
    [{ temperature: 0 }, true],
    [{ temperature: 0.7 }, false],
    [{}, false],
    [{ seed: 7, temperature: 1 }, true],
    [{ seed: null }, false],
    [{ temperature: null }, false],
    [{ temperature: '0' }, false],
  ])('deterministic: %j is %j', (body, expected) => {
    expect(isDeterministic('chat.completions', ...of(body))).toBe(expected);
    expect(isDeterministic('embeddings', ...of(body))).toBe(true);
  });

  it.each([
    [{ max_tokens: 10 }, 10],
    [{ max_tokens: 10, max_completion_tokens: 20 }, 20],
    [{ max_output_tokens: 5 }, 5],
    [{ max_tokens: null }, null],
    [{}, null],
  ])('limit of %j is %j', (body, expected) => {
    expect(maxTokensOf(...of(body))).toBe(expected);
  });

  it('find the first message of a user, whatever stands before and behind it', () => {
    const message = fc.record({ role: fc.constantFrom('system', 'user', 'assistant', 'tool'), content: fc.oneof(fc.string(), fc.array(fc.record({ type: fc.constant('text'), text: fc.string() }))) });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), fc.constantFrom(undefined, 2), fc.constantFrom('messages', 'input'), (messages, indent, name) => {
        const found = JSON.parse(firstUserMessage(...of({ model: 'm', [name]: messages }, indent)).toString()) as unknown;
        expect(found).toEqual(messages.find(({ role }) => role === 'user') ?? messages);
      }),
    );
  });

  it('take a text for itself', () => {
    expect(firstUserMessage(...of({ input: 'say "hi"' })).toString()).toBe('"say \\"hi\\""');
    expect(firstUserMessage(...of({ input: ['a', 'b'] })).toString()).toBe('"a"');
    expect(firstUserMessage(...of({})).toString()).toBe('');
  });
});
