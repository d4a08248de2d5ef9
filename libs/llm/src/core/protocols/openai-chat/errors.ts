import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { type Fields, isFields } from './wire.js';

/** platform.openai.com/docs/guides/error-codes, and the statuses that servers in front of a provider give. */
const KIND_OF_STATUS: Readonly<Record<number, ErrorKind>> = {
  401: 'authentication',
  402: 'permission',
  403: 'permission',
  404: 'not_found',
  408: 'timeout',
  413: 'too_large',
  429: 'rate_limit',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** What an error within a stream, which has no status of its own, says by its type or its code. */
const STATUS_OF_WORD: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  context_length_exceeded: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  permission_error: 403,
  not_found_error: 404,
  model_not_found: 404,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  requests: 429,
  tokens: 429,
  insufficient_quota: 429,
  server_error: 500,
  internal_error: 500,
  overloaded_error: 503,
  service_unavailable: 503,
  service_unavailable_error: 503,
  server_is_overloaded: 503,
  timeout: 504,
  timeout_error: 504,
};

const TYPE_OF_KIND: Readonly<Record<ErrorKind, string>> = {
  invalid_request: 'invalid_request_error',
  authentication: 'invalid_request_error',
  permission: 'permission_error',
  not_found: 'invalid_request_error',
  too_large: 'invalid_request_error',
  rate_limit: 'rate_limit_error',
  overloaded: 'server_error',
  timeout: 'timeout_error',
  server: 'server_error',
};

const kindOf = (status: number): ErrorKind => KIND_OF_STATUS[status] ?? (status >= 500 ? 'server' : 'invalid_request');
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/**
 * Reads an error's body: OpenAI's `{ error: { message, type, code, param } }`, or what others send in its place: `error` as
 * a text (Ollama), the members without `error` around them (vLLM), `detail` (FastAPI), no JSON at all. Never throws.
 */
export function decodeError(httpStatus: number, body: unknown): ProviderError {
  const error = errorOf(body);
  const message = text(error['message']) ?? text(error['detail']) ?? text(body) ?? `The provider answered with status ${httpStatus}.`;
  // Some repeat the HTTP status as the code.
  const code = text(error['code']) ?? text(error['type']);
  return { httpStatus, kind: kindOf(httpStatus), message, code, param: text(error['param']) };
}

/** An error within a stream, which came after a 200: its code (OpenRouter's is a status) or its type tells what it is. */
export function decodeStreamError(body: unknown): ProviderError {
  const error = errorOf(body);
  const words = [error['code'], error['type']].filter((word) => typeof word === 'string');
  const numbers = [error['code'], error['status']].map(Number).filter((status) => Number.isInteger(status) && status >= 400 && status < 600);
  const told = words.find((word) => Object.hasOwn(STATUS_OF_WORD, word));
  return decodeError(numbers[0] ?? (told === undefined ? undefined : STATUS_OF_WORD[told]) ?? 500, body);
}

function errorOf(body: unknown): Fields {
  if (!isFields(body)) return {};
  const { error } = body;
  if (isFields(error)) return error;
  return typeof error === 'string' ? { message: error } : body;
}

/** A request's id is told in a header: OpenAI's errors have no place for it. */
export function encodeError(error: ProviderError, _requestId: string): Record<string, unknown> {
  return { error: { message: error.message, type: TYPE_OF_KIND[error.kind], param: error.param, code: error.code } };
}
