import { type Fields, fieldsOf, isFields } from '@apex/common';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { kindOfStatus, textOf, untold } from '../../dialogue/provider-errors.js';

/** google.rpc.Code by name (ai.google.dev/gemini-api/docs/troubleshooting). `FAILED_PRECONDITION` is Gemini's word for a place or an account it does not serve. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  INVALID_ARGUMENT: 'invalid_request',
  OUT_OF_RANGE: 'invalid_request',
  UNIMPLEMENTED: 'invalid_request',
  ALREADY_EXISTS: 'invalid_request',
  FAILED_PRECONDITION: 'permission',
  UNAUTHENTICATED: 'authentication',
  PERMISSION_DENIED: 'permission',
  NOT_FOUND: 'not_found',
  RESOURCE_EXHAUSTED: 'rate_limit',
  UNAVAILABLE: 'overloaded',
  DEADLINE_EXCEEDED: 'timeout',
  ABORTED: 'server',
  CANCELLED: 'server',
  DATA_LOSS: 'server',
  INTERNAL: 'server',
  UNKNOWN: 'server',
};

const STATUSES: Readonly<Record<ErrorKind, string>> = {
  invalid_request: 'INVALID_ARGUMENT',
  authentication: 'UNAUTHENTICATED',
  permission: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  too_large: 'INVALID_ARGUMENT',
  rate_limit: 'RESOURCE_EXHAUSTED',
  overloaded: 'UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
  server: 'INTERNAL',
};

const TYPE = 'type.googleapis.com/google.rpc.';
/** Whose `ErrorInfo.reason` it is: a code of another provider's is marked as not Google's. */
const OWN_DOMAIN = 'apex';

/**
 * Reads `{error: {code, message, status, details}}`. A key that is not valid is an `INVALID_ARGUMENT` with the reason
 * `API_KEY_INVALID`; streams that are no SSE wrap the object in an array. Anything else is told by its HTTP status alone.
 */
export function decodeError(httpStatus: number, body: unknown): ProviderError {
  const error = errorOf(body);
  const status = textOf(error['status']);
  const details = Array.isArray(error['details']) ? error['details'].filter(isFields) : [];
  const info = details.find((detail) => detail['@type'] === `${TYPE}ErrorInfo`);
  const reason = textOf(info?.['reason']);
  const kind = kindOf(httpStatus, status, reason);
  return { httpStatus, kind, message: textOf(error['message']) ?? untold(httpStatus), code: reason ?? status, param: fieldOf(details) };
}

/** An error within a stream, whose HTTP status has long been 200. */
export function decodeStreamedError(body: Fields): ProviderError {
  const code = errorOf(body)['code'];
  return decodeError(typeof code === 'number' && Number.isInteger(code) && code >= 400 && code < 600 ? code : 500, body);
}

export function encodeError(error: ProviderError, requestId: string): Fields {
  const details: Fields[] = [{ '@type': `${TYPE}RequestInfo`, requestId }];
  if (error.code !== null) details.push({ '@type': `${TYPE}ErrorInfo`, reason: error.code, domain: OWN_DOMAIN });
  if (error.param !== null) details.push({ '@type': `${TYPE}BadRequest`, fieldViolations: [{ field: error.param, description: error.message }] });
  return { error: { code: error.httpStatus, message: error.message, status: STATUSES[error.kind], details } };
}

function errorOf(body: unknown): Fields {
  const holder: unknown = Array.isArray(body) ? body[0] : body;
  return fieldsOf(fieldsOf(holder)['error']);
}

function kindOf(httpStatus: number, status: string | null, reason: string | null): ErrorKind {
  if (reason === 'API_KEY_INVALID') return 'authentication';
  if (httpStatus === 413) return 'too_large';
  const named = status === null || !Object.hasOwn(KINDS, status) ? undefined : KINDS[status];
  return named ?? kindOfStatus(httpStatus);
}

function fieldOf(details: readonly Fields[]): string | null {
  const violations = details.find((detail) => detail['@type'] === `${TYPE}BadRequest`)?.['fieldViolations'];
  const first: unknown = Array.isArray(violations) ? violations[0] : undefined;
  return isFields(first) && typeof first['field'] === 'string' ? first['field'] : null;
}
