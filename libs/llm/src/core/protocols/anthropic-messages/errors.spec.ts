import fc from 'fast-check';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { decodeError, encodeError } from './errors.js';

const TYPES: [number, string, ErrorKind][] = [
  [400, 'invalid_request_error', 'invalid_request'],
  [401, 'authentication_error', 'authentication'],
  [403, 'permission_error', 'permission'],
  [404, 'not_found_error', 'not_found'],
  [413, 'request_too_large', 'too_large'],
  [429, 'rate_limit_error', 'rate_limit'],
  [500, 'api_error', 'server'],
  [504, 'timeout_error', 'timeout'],
  [529, 'overloaded_error', 'overloaded'],
];

describe('errors', () => {
  it.each(TYPES)('%i %s is %s', (status, type, kind) => {
    const body = { type: 'error', error: { type, message: 'The requested resource could not be found.' }, request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy' };
    const error: ProviderError = { httpStatus: status, kind, message: 'The requested resource could not be found.', code: null, param: null };
    expect(decodeError(status, body)).toEqual(error);
    // Within a stream the type alone tells.
    expect(decodeError(null, body)).toEqual(error);
    expect(encodeError(error, 'req_011CSHoEeqs5C35K2UUqR7Fy')).toEqual(body);
  });

  it.each([
    [402, { error: { type: 'billing_error', message: 'm' } }, 'permission', 'billing_error'],
    [409, { error: { type: 'conflict_error', message: 'm' } }, 'invalid_request', 'conflict_error'],
    [429, { error: { type: 'rate_limit_error', message: 'm', details: { error_code: 'ramp_limit_exceeded' } } }, 'rate_limit', 'ramp_limit_exceeded'],
    [422, { error: { type: 'invalid_request_error', message: 'm' } }, 'invalid_request', null],
    [413, { error: { type: 'invalid_request_error', message: 'm' } }, 'too_large', null],
    [503, { error: { type: 'a_new_type', message: 'm' } }, 'overloaded', 'a_new_type'],
    [502, '<html>', 'server', null],
    [408, null, 'timeout', null],
    [418, { error: 'teapot' }, 'invalid_request', null],
  ])('%i %j is %s, code %s', (status, body, kind, code) => {
    expect(decodeError(status, body)).toMatchObject({ httpStatus: status, kind, code });
  });

  it('keep their code and name the parameter in the message', () => {
    const error: ProviderError = { httpStatus: 400, kind: 'invalid_request', message: 'is not supported', code: 'unsupported_value', param: 'seed' };
    expect(encodeError(error, 'r')).toEqual({ type: 'error', error: { type: 'invalid_request_error', message: 'seed: is not supported', details: { error_code: 'unsupported_value' } }, request_id: 'r' });
    expect(encodeError({ ...error, message: "'seed' is bad" }, 'r')).toMatchObject({ error: { message: "'seed' is bad" } });
  });

  it('come back from a round trip', () => {
    const code = fc.constantFrom(null, 'billing_error', 'conflict_error', 'ramp_limit_exceeded');
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), code, fc.string({ minLength: 1 }), ([status, , kind], told, message) => {
        const other = told === 'billing_error' || told === 'conflict_error';
        const error = { httpStatus: status, kind, message, code: told, param: null };
        expect(decodeError(status, encodeError(error, 'r'))).toEqual(other ? { ...error, kind: expect.any(String) } : error);
      }),
    );
  });

  it('are never a reason to throw', () => {
    fc.assert(fc.property(fc.option(fc.integer({ min: 400, max: 599 }), { nil: null }), fc.anything(), (status, body) => expect(decodeError(status, body).message).not.toBe('')));
  });
});
