import { type CallFailure } from '@apex/http1';

/**
 * How a call to a provider failed.
 * - `connect_failed`, `connect_timeout`: the request was never sent; the provider cannot have billed it.
 * - `first_byte_timeout`: sent, and no answer began in time.
 * - `idle_timeout`: the answer began and then stood still.
 * - `reset`: the connection broke, before or in the middle of the answer; also when a kept-alive one proved dead.
 * - `aborted`: we ended it.
 * - `protocol`: what came was not HTTP, or not the HTTP that was announced.
 */
export type UpstreamFailure = CallFailure;

/** What is known of a call besides its error. */
export interface CallState {
  /** The request has been handed to a connection: the provider may have seen it. */
  readonly sent: boolean;
  /** We ended it. */
  readonly aborted: boolean;
}

const BY_CODE: Readonly<Record<string, UpstreamFailure>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'first_byte_timeout',
  UND_ERR_BODY_TIMEOUT: 'idle_timeout',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'reset',
  UND_ERR_INFO: 'reset',
  UND_ERR_ABORTED: 'aborted',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
};

/**
 * Names a failure by undici's error codes (undici, docs/api/Errors.md) and Node's. Before the request was sent every
 * error of the network, of names, of TLS or of a proxy is a failure to connect, whatever its code. An answer that ends short of
 * its announced length is a broken connection; anything else that is unknown after sending is `protocol`.
 */
export function classifyUpstreamError(error: unknown, { sent, aborted }: CallState): UpstreamFailure {
  if (aborted) return 'aborted';
  const code = codeOf(error);
  const known = BY_CODE[code];
  if (!sent) return known === 'connect_timeout' || code === 'ETIMEDOUT' ? 'connect_timeout' : known === 'aborted' && code !== 'UND_ERR_ABORTED' ? 'aborted' : 'connect_failed';
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || isCutShort(error)) return 'reset';
  if (known !== undefined && known !== 'connect_timeout') return known;
  return 'protocol';
}

/** llhttp's "invalid EOF state": the connection closed in the middle of a chunked body. undici 8 leaves its parser's errors without a code. */
const isCutShort = (error: unknown): boolean => error instanceof Error && error.name === 'HTTPParserError' && error.message.includes('Invalid EOF state');

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
