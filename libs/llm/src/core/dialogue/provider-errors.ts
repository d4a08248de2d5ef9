import { type ErrorKind, type ProviderError } from './answer.js';

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

/** What an error is by its HTTP status alone: those of RFC 9110, and what providers and the servers in front of them give. */
export const kindOfStatus = (status: number): ErrorKind => KIND_OF_STATUS[status] ?? (status >= 400 && status < 500 ? 'invalid_request' : 'server');

/** A member of an error's body; null where it says nothing. */
export const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** What is said where a provider says nothing. */
export const untold = (httpStatus: number): string => `The provider answered with HTTP status ${httpStatus}.`;

/** A stream that was over before its answer was. */
export const ENDED_EARLY: ProviderError = {
  httpStatus: 502,
  kind: 'server',
  message: "The provider's stream ended before its answer did.",
  code: 'upstream_interrupted',
  param: null,
};
