import { classifyUpstreamError } from './upstream-failure.js';

const error = (code: string) => Object.assign(new Error('x'), { code });
const before = { sent: false, aborted: false };
const after = { sent: true, aborted: false };

describe('classifyUpstreamError', () => {
  it.each([
    ['ECONNREFUSED', 'connect_failed'],
    ['ENOTFOUND', 'connect_failed'],
    ['ECONNRESET', 'connect_failed'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'connect_failed'],
    ['UND_ERR_SOCKET', 'connect_failed'],
    ['UND_ERR_INVALID_ARG', 'connect_failed'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
    ['ETIMEDOUT', 'connect_timeout'],
    // undici's name for a proxy that refuses to connect.
    ['UND_ERR_ABORTED', 'connect_failed'],
    ['UND_ERR_CLOSED', 'aborted'],
  ])('before the request was sent: %s is %s', (code, failure) => {
    expect(classifyUpstreamError(error(code), before)).toBe(failure);
  });

  it.each([
    ['UND_ERR_HEADERS_TIMEOUT', 'first_byte_timeout'],
    ['UND_ERR_BODY_TIMEOUT', 'idle_timeout'],
    ['UND_ERR_SOCKET', 'reset'],
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['ETIMEDOUT', 'reset'],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'reset'],
    ['UND_ERR_DESTROYED', 'aborted'],
    ['HPE_INVALID_CONSTANT', 'protocol'],
    ['UND_ERR_HEADERS_OVERFLOW', 'protocol'],
    ['SOMETHING_NEW', 'protocol'],
  ])('after: %s is %s', (code, failure) => {
    expect(classifyUpstreamError(error(code), after)).toBe(failure);
  });

  it('puts our own doing before any code, and lives with anything', () => {
    expect(classifyUpstreamError(error('UND_ERR_SOCKET'), { sent: true, aborted: true })).toBe('aborted');
    for (const thrown of [null, undefined, 'text', {}, { code: 7 }]) expect(classifyUpstreamError(thrown, after)).toBe('protocol');
  });
});
