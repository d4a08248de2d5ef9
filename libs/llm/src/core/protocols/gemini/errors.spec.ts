import fc from 'fast-check';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { ERRORS } from './golden/examples.js';
import { geminiCodec } from './index.js';

const { decodeError, encodeError } = geminiCodec;

describe("Gemini's errors", () => {
  it('reads them by their status', () => {
    expect(decodeError(429, ERRORS.quota)).toEqual({ httpStatus: 429, kind: 'rate_limit', message: 'You exceeded your current quota.', code: 'RESOURCE_EXHAUSTED', param: null });
    expect(decodeError(503, ERRORS.overloaded)).toMatchObject({ kind: 'overloaded', code: 'UNAVAILABLE' });
    expect(decodeError(503, [ERRORS.overloaded])).toMatchObject({ kind: 'overloaded', code: 'UNAVAILABLE' });
  });

  it('tells a bad key from a bad request, both of which are 400 INVALID_ARGUMENT, and names the field', () => {
    expect(decodeError(400, ERRORS.badKey)).toEqual({ httpStatus: 400, kind: 'authentication', message: 'API key not valid. Please pass a valid API key.', code: 'API_KEY_INVALID', param: null });
    expect(decodeError(400, ERRORS.badField)).toMatchObject({ kind: 'invalid_request', code: 'INVALID_ARGUMENT', param: 'tools[0]' });
  });

  it.each<[number, ErrorKind]>([[400, 'invalid_request'], [401, 'authentication'], [403, 'permission'], [404, 'not_found'], [408, 'timeout'], [413, 'too_large'], [418, 'invalid_request'], [429, 'rate_limit'], [500, 'server'], [502, 'server'], [503, 'overloaded'], [504, 'timeout']])(
    'goes by HTTP status %i where nothing else is told',
    (httpStatus, kind) => {
      for (const body of ['<html>', null, {}, { error: 'x' }, { error: { status: 'toString' } }]) expect(decodeError(httpStatus, body)).toMatchObject({ httpStatus, kind, param: null });
    },
  );

  it('writes them so that they read the same', () => {
    const error = fc.record<ProviderError>({
      httpStatus: fc.constant(418),
      kind: fc.constantFrom<ErrorKind>('invalid_request', 'authentication', 'permission', 'not_found', 'rate_limit', 'overloaded', 'timeout', 'server'),
      message: fc.string({ minLength: 1 }),
      code: fc.constantFrom('insufficient_quota', 'API_KEY_EXPIRED'),
      param: fc.option(fc.string(), { nil: null }),
    });
    fc.assert(fc.property(error, (value) => expect(decodeError(418, encodeError(value, 'req-1'))).toEqual(value)));
    expect(encodeError({ httpStatus: 429, kind: 'rate_limit', message: 'Slow down.', code: null, param: null }, 'req-1')).toEqual({
      error: { code: 429, message: 'Slow down.', status: 'RESOURCE_EXHAUSTED', details: [{ '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: 'req-1' }] },
    });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.integer(), fc.anything(), (status, body) => expect(typeof decodeError(status, body).message).toBe('string')), { numRuns: 2_000 });
  });
});
