import { decodeError, encodeError } from './errors.js';

describe('decodeError', () => {
  it.each([
    [400, { error: { message: 'bad', type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' } }, { kind: 'invalid_request', message: 'bad', code: 'context_length_exceeded', param: 'messages' }],
    [401, { error: { message: 'key', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } }, { kind: 'authentication', code: 'invalid_api_key' }],
    [402, { error: { message: 'Insufficient Balance', type: 'unknown_error', param: null, code: 'invalid_request_error' } }, { kind: 'permission' }],
    [403, {}, { kind: 'permission', message: 'The provider answered with HTTP status 403.' }],
    [404, { error: { message: 'no', type: 'invalid_request_error', code: 'model_not_found' } }, { kind: 'not_found', code: 'model_not_found' }],
    [408, null, { kind: 'timeout' }],
    [413, 'too large', { kind: 'too_large', message: 'too large' }],
    [422, { detail: 'field required' }, { kind: 'invalid_request', message: 'field required' }],
    [429, { error: { message: 'slow', type: 'requests', code: 'rate_limit_exceeded' } }, { kind: 'rate_limit', code: 'rate_limit_exceeded' }],
    [500, { error: 'boom' }, { kind: 'server', message: 'boom', code: null }],
    [503, { object: 'error', message: 'busy', type: 'ServiceUnavailable', code: 503 }, { kind: 'overloaded', message: 'busy', code: 'ServiceUnavailable' }],
    [504, '', { kind: 'timeout' }],
    [529, [], { kind: 'overloaded' }],
  ])('reads %d %j', (status, body, expected) => {
    expect(decodeError(status, body)).toMatchObject({ httpStatus: status, ...expected });
  });
});

describe('encodeError', () => {
  it.each([
    ['invalid_request', 'invalid_request_error'],
    ['authentication', 'invalid_request_error'],
    ['permission', 'permission_error'],
    ['not_found', 'invalid_request_error'],
    ['too_large', 'invalid_request_error'],
    ['rate_limit', 'rate_limit_error'],
    ['overloaded', 'server_error'],
    ['timeout', 'timeout_error'],
    ['server', 'server_error'],
  ] as const)('words %s as %s', (kind, type) => {
    expect(encodeError({ httpStatus: 400, kind, message: 'm', code: 'c', param: 'p' }, 'req')).toEqual({ error: { message: 'm', type, code: 'c', param: 'p' } });
  });
});
