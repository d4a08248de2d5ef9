import fc from 'fast-check';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { mutated, usages } from '../../dialogue/dialogue.fakes.js';
import { openAiResponsesCodec as codec, readResponsesUsage } from './index.js';
import { writeUsage } from './usage.js';

describe('readResponsesUsage', () => {
  const told = { input_tokens: 100, input_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 }, output_tokens: 30, output_tokens_details: { reasoning_tokens: 20 }, total_tokens: 130 };

  it('counts cached and cache-write tokens as part of the input, reasoning as part of the output', () => {
    expect(readResponsesUsage(told)).toEqual({ promptTokens: 100, cachedTokens: 60, cacheWriteTokens: 10, completionTokens: 30, reasoningTokens: 20 });
  });

  it('takes counts without details, and zeros as zeros', () => {
    expect(readResponsesUsage({ input_tokens: 5, output_tokens: 0 })).toEqual({ promptTokens: 5, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 });
    expect(readResponsesUsage({ ...told, input_tokens_details: { cached_tokens: 0 } })?.cachedTokens).toBe(0);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['no input', { output_tokens: 1 }],
    ['no output', { input_tokens: 1 }],
    ['a negative count', { ...told, output_tokens: -1 }],
    ['half a token', { ...told, input_tokens: 0.5 }],
    ['text', { ...told, input_tokens: '100' }],
    ['more cached than there is', { ...told, input_tokens_details: { cached_tokens: 101 } }],
    ['more reasoning than there is', { ...told, output_tokens_details: { reasoning_tokens: 31 } }],
    ['a total that does not add up', { ...told, total_tokens: 129 }],
    ['details that are none', { ...told, input_tokens_details: 5 }],
    ["chat completions' names", { prompt_tokens: 1, completion_tokens: 1 }],
  ])('trusts no usage with %s', (_what, usage) => {
    expect(readResponsesUsage(usage)).toBeNull();
  });

  it('reads back what is written, and never throws', () => {
    fc.assert(fc.property(usages(), (usage) => expect(readResponsesUsage(writeUsage(usage))).toEqual(usage)));
    fc.assert(
      fc.property(mutated(told), (usage) => {
        const read = readResponsesUsage(usage);
        if (read !== null) for (const count of Object.values(read)) expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('errors', () => {
  const kinds: [number, ErrorKind][] = [[400, 'invalid_request'], [401, 'authentication'], [402, 'permission'], [403, 'permission'], [404, 'not_found'], [408, 'timeout'], [413, 'too_large'], [422, 'invalid_request'], [429, 'rate_limit'], [500, 'server'], [502, 'server'], [503, 'overloaded'], [504, 'timeout'], [529, 'overloaded']];

  it.each(kinds)('takes HTTP status %i as %s', (status, kind) => {
    expect(codec.decodeError(status, { error: { message: 'Oh.', type: 't', param: 'input', code: 'c' } })).toEqual({ httpStatus: status, kind, message: 'Oh.', code: 'c', param: 'input' });
  });

  it('reads whatever comes', () => {
    for (const body of [null, [], {}, { error: null }, { error: { message: 1, code: null } }]) expect(codec.decodeError(502, body)).toEqual({ httpStatus: 502, kind: 'server', message: 'The provider answered with HTTP status 502.', code: null, param: null });
    for (const body of ['Bad gateway', { error: 'Bad gateway' }, { message: 'Bad gateway' }]) expect(codec.decodeError(502, body)).toMatchObject({ kind: 'server', message: 'Bad gateway', code: null });
    expect(codec.decodeError(429, { error: { message: 'm', type: 'insufficient_quota', code: null } }).code).toBe('insufficient_quota');
  });

  it('writes OpenAI’s shape', () => {
    const error: ProviderError = { httpStatus: 404, kind: 'not_found', message: 'No such model.', code: 'model_not_found', param: 'model' };
    expect(codec.encodeError(error, 'req_1')).toEqual({ error: { message: 'No such model.', type: 'invalid_request_error', param: 'model', code: 'model_not_found' } });
    expect(codec.decodeError(404, codec.encodeError(error, 'req_1'))).toEqual(error);
  });
});
