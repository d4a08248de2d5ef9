import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { type Fields, isFields } from './wire.js';

/** developers.openai.com/api/docs/guides/error-codes. OpenAI tells kinds by HTTP status and code; its types are few. */
const TYPES: Readonly<Record<ErrorKind, string>> = {
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

/** Codes and types that name the kind of an error in a stream, where the HTTP status has long been 200. */
const STREAMED: readonly { readonly word: RegExp; readonly status: number }[] = [
  { word: /insufficient_quota|rate_limit/, status: 429 },
  { word: /authentication|api_key/, status: 401 },
  { word: /permission/, status: 403 },
  { word: /not_found/, status: 404 },
  { word: /overloaded|unavailable|slow_down/, status: 503 },
  { word: /timeout/, status: 504 },
  { word: /invalid|context_length|bad_request|policy|image|too_large|string_above/, status: 400 },
];

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Reads `{error: {message, type, code, param}}`. Whatever else came is told by its HTTP status alone. Never throws. */
export function decodeError(httpStatus: number, body: unknown): ProviderError {
  const error = isFields(body) && isFields(body['error']) ? body['error'] : {};
  return read(httpStatus, error);
}

/** The error of a stream's `error` event or of a response that failed: its words tell the status. */
export function decodeStreamedError(error: Fields): ProviderError {
  const words = `${text(error['code']) ?? ''} ${text(error['type']) ?? ''}`;
  return read(STREAMED.find(({ word }) => word.test(words))?.status ?? 500, error);
}

function read(httpStatus: number, error: Fields): ProviderError {
  const type = text(error['type']);
  return {
    httpStatus,
    kind: kindOf(httpStatus),
    message: text(error['message']) ?? `The provider answered with HTTP status ${httpStatus}.`,
    // Quotas and the like are told by the type alone at times.
    code: text(error['code']) ?? (type === 'insufficient_quota' ? type : null),
    param: text(error['param']),
  };
}

function kindOf(status: number): ErrorKind {
  switch (status) {
    case 401:
      return 'authentication';
    case 402:
    case 403:
      return 'permission';
    case 404:
      return 'not_found';
    case 408:
    case 504:
      return 'timeout';
    case 413:
      return 'too_large';
    case 429:
      return 'rate_limit';
    case 503:
    case 529:
      return 'overloaded';
    default:
      return status >= 400 && status < 500 ? 'invalid_request' : 'server';
  }
}

/** `error` of a body and of a stream's `error` event. */
export const errorObject = (error: ProviderError): Fields => ({ message: error.message, type: TYPES[error.kind], param: error.param, code: error.code });

/** OpenAI tells the request's id in a header alone. */
export const encodeError = (error: ProviderError, _requestId: string): Fields => ({ error: errorObject(error) });

/** `error` of a response that failed: one of the codes of `ResponseError`. */
export function failureOf(error: ProviderError): Fields {
  const code = error.kind === 'rate_limit' ? 'rate_limit_exceeded' : error.httpStatus >= 400 && error.httpStatus < 500 ? 'invalid_prompt' : 'server_error';
  return { code, message: error.message };
}
