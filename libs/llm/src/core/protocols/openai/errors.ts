import { type Fields, isFields } from '@apex/common';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { kindOfStatus, textOf, untold } from '../../dialogue/provider-errors.js';

/** platform.openai.com/docs/guides/error-codes. OpenAI tells kinds by HTTP status and code; its types are few. */
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

/** What an error within a stream, which has no status of its own, says by its code or its type. The first that fits counts. */
const STATUS_OF_WORD: readonly (readonly [word: RegExp, status: number])[] = [
  [/server_error|internal_error/, 500],
  [/insufficient_quota|rate_limit|^(?:requests|tokens)$/, 429],
  [/authentication|api_key/, 401],
  [/permission/, 403],
  [/not_found/, 404],
  [/overloaded|unavailable|slow_down/, 503],
  [/timeout/, 504],
  [/invalid|context_length|bad_request|policy|image|too_large|string_above/, 400],
];

/**
 * Reads an error's body: OpenAI's `{ error: { message, type, code, param } }`, or what others send in its place: `error` as
 * a text (Ollama), the members without `error` around them (vLLM), `detail` (FastAPI), no JSON at all. Never throws.
 */
export function decodeError(httpStatus: number, body: unknown): ProviderError {
  const error = errorOf(body);
  const message = textOf(error['message']) ?? textOf(error['detail']) ?? textOf(body) ?? untold(httpStatus);
  // Some repeat the HTTP status as the code; quotas and the like are told by the type alone at times.
  const code = textOf(error['code']) ?? typeOf(error);
  return { httpStatus, kind: kindOfStatus(httpStatus), message, code, param: textOf(error['param']) };
}

/** An error within a stream, which came after a 200: its code (OpenRouter's is a status) or its type tells what it is. Never throws. */
export function decodeStreamedError(body: unknown): ProviderError {
  const error = errorOf(body);
  const told = [error['code'], error['status']].map(Number).find((status) => Number.isInteger(status) && status >= 400 && status < 600);
  const words = [textOf(error['code']), typeOf(error)].filter((word) => word !== null);
  const byWord = words.map((word) => STATUS_OF_WORD.find(([known]) => known.test(word.toLowerCase()))?.[1]).find((status) => status !== undefined);
  return decodeError(told ?? byWord ?? 500, body);
}

/** An event of the type `error` that holds the members itself says nothing by its type. */
const typeOf = (error: Fields): string | null => (error['type'] === 'error' ? null : textOf(error['type']));

function errorOf(body: unknown): Fields {
  if (!isFields(body)) return {};
  const { error } = body;
  if (isFields(error)) return error;
  return typeof error === 'string' ? { message: error } : body;
}

/** `error` of a body and of a stream's `error` event. */
export const errorObject = ({ message, kind, param, code }: ProviderError): Fields => ({ message, type: TYPES[kind], param, code });

/** An error's body for a client. The request's id is told in a header: there is no place for it here. */
export const encodeError = (error: ProviderError, _requestId: string): Fields => ({ error: errorObject(error) });
