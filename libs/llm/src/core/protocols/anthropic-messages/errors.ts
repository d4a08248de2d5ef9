import { type Fields, fieldsOf } from '@apex/common';
import { type ErrorKind, type ProviderError } from '../../dialogue/answer.js';
import { kindOfStatus, textOf, untold } from '../../dialogue/provider-errors.js';

/** The types of errors and their statuses: platform.claude.com/docs/en/api/errors. */
const KINDS: readonly { readonly kind: ErrorKind; readonly type: string; readonly status: number }[] = [
  { kind: 'invalid_request', type: 'invalid_request_error', status: 400 },
  { kind: 'authentication', type: 'authentication_error', status: 401 },
  { kind: 'permission', type: 'permission_error', status: 403 },
  { kind: 'not_found', type: 'not_found_error', status: 404 },
  { kind: 'too_large', type: 'request_too_large', status: 413 },
  { kind: 'rate_limit', type: 'rate_limit_error', status: 429 },
  { kind: 'server', type: 'api_error', status: 500 },
  { kind: 'timeout', type: 'timeout_error', status: 504 },
  { kind: 'overloaded', type: 'overloaded_error', status: 529 },
];

/** Types that no kind stands for. They travel as the error's code. */
const OTHER_TYPES: Readonly<Record<string, { readonly kind: ErrorKind; readonly status: number }>> = {
  billing_error: { kind: 'permission', status: 402 },
  conflict_error: { kind: 'invalid_request', status: 409 },
};

/**
 * An error of Anthropic's, or of something in front of it that speaks no JSON. `httpStatus` null: it came within a stream,
 * after a 200; its type tells the status. Never throws.
 */
export function decodeError(httpStatus: number | null, body: unknown): ProviderError {
  const error = fieldsOf(fieldsOf(body)['error']);
  const type = textOf(error['type']);
  const known = KINDS.find((one) => one.type === type) ?? (type !== null && Object.hasOwn(OTHER_TYPES, type) ? OTHER_TYPES[type] : undefined);
  const status = httpStatus ?? known?.status ?? 500;
  const details = fieldsOf(error['details']);
  const standard = KINDS.some((one) => one.type === type);
  return {
    httpStatus: status,
    kind: kindOf(known?.kind ?? null, status),
    message: textOf(error['message']) ?? untold(status),
    code: textOf(details['error_code']) ?? (standard ? null : type),
    param: null,
  };
}

/** The type decides, but for `invalid_request_error`, which "may also be used for other 4XX status codes". */
function kindOf(told: ErrorKind | null, status: number): ErrorKind {
  return told !== null && told !== 'invalid_request' ? told : kindOfStatus(status);
}

/** The body for a client. Anthropic has no `param`; its messages begin with the path, and so does this one's. */
export function encodeError(error: ProviderError, requestId: string): Fields {
  return { type: 'error', error: errorObject(error), request_id: requestId };
}

/** `error` of a body or of a stream's `error` event. */
export function errorObject(error: ProviderError): Fields {
  const other = error.code !== null && Object.hasOwn(OTHER_TYPES, error.code) ? error.code : null;
  const message = error.param === null || error.message.includes(error.param) ? error.message : `${error.param}: ${error.message}`;
  return {
    type: other ?? KINDS.find((one) => one.kind === error.kind)?.type ?? 'api_error',
    message,
    ...(error.code === null || other !== null ? {} : { details: { error_code: error.code } }),
  };
}
