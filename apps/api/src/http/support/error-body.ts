import { HttpException } from '@nestjs/common';
import { ApexError, invalid } from '@apex/common';
import { z } from 'zod';
import { invalidInput } from './invalid-input.js';

/** The control plane's error shape. */
interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly param?: string; readonly details?: Readonly<Record<string, unknown>> };
}

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'authentication_required',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  408: 'request_timeout',
  409: 'conflict',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  431: 'headers_too_large',
};

/** SQLSTATE classes and socket errors that mean "the store is away", not "our query is wrong". */
const STORE_AWAY = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|57P0[1-5]|08\w{3}|53300)$/;

/** query_canceled: a statement met its time limit. */
const TOO_SLOW = '57014';

/** character_not_in_repertoire, untranslatable_character: a NUL or a lone surrogate that came in a caller's text. */
const UNSTORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

/**
 * What a caller is told about anything that was thrown. Inner detail of unknown errors never leaves;
 * `severity` of the result says whether it has to be logged.
 */
export function toApexError(thrown: unknown): ApexError {
  if (thrown instanceof ApexError) return thrown;
  if (thrown instanceof z.ZodError) return invalidInput(thrown);
  if (thrown instanceof HttpException) return fromHttpException(thrown);
  if (UNSTORABLE.has(sqlStateOf(thrown))) return invalid('The request holds text that cannot be stored (a NUL or half a character).');
  if (sqlStateOf(thrown) === TOO_SLOW) return new ApexError('store_too_slow', 503, 'This took the database too long. Ask for less, or try again.', { severity: 'operational', cause: thrown });
  if (storeIsAway(thrown)) return new ApexError('store_unavailable', 503, 'A store is away. Try again shortly.', { severity: 'operational', cause: thrown });
  return new ApexError('internal_error', 500, 'Something went wrong on our side.', { cause: thrown });
}

/** An `ApexError` as the response's body. */
export function errorBody(error: ApexError): ErrorBody {
  const { param, details } = error.options;
  return { error: { code: error.code, message: error.message, ...(param ? { param } : {}), ...(details ? { details } : {}) } };
}

function fromHttpException(thrown: HttpException): ApexError {
  const status = thrown.getStatus();
  if (status >= 500) {
    if (status === 503) return new ApexError('unavailable', 503, 'Not available now. Try again shortly.', { severity: 'operational', cause: thrown });
    return new ApexError('internal_error', status, 'Something went wrong on our side.', { cause: thrown });
  }
  const parser = (thrown.cause as { type?: unknown } | undefined)?.type;
  // The parser's own message quotes the body.
  if (parser === 'entity.parse.failed') return new ApexError('malformed_json', 400, 'The body is not valid JSON.');
  // The router's own message quotes the address with its query, where keys are sometimes put.
  if (status === 404) return new ApexError('not_found', 404, 'There is nothing at this address.');
  if (status === 413) return new ApexError('body_too_large', 413, 'The body is too large.');
  return new ApexError(CODE_OF_STATUS[status] ?? `http_${status}`, status, thrown.message);
}

const sqlStateOf = (thrown: unknown): unknown => (thrown as { driverError?: { code?: unknown } } | null)?.driverError?.code;

function storeIsAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const { code, driverError } = thrown as Error & { code?: unknown; driverError?: unknown };
  if (typeof code === 'string' && STORE_AWAY.test(code)) return true;
  // node-postgres gives these no code.
  if (/^(Connection terminated|timeout exceeded when trying to connect)/.test(thrown.message)) return true;
  return driverError !== thrown && storeIsAway(driverError);
}
