import { randomUUID } from 'node:crypto';
import { type OutgoingHttpHeaders } from 'node:http';
import { type Fault } from '../core/faults.js';
import { type Exchange } from '../http/exchange.js';
import { Refusal } from '../http/serve.js';

type ErrorType = 'invalid_request_error' | 'authentication_error' | 'permission_error' | 'not_found_error' | 'request_too_large' | 'rate_limit_error' | 'api_error' | 'overloaded_error';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** An id in Anthropic's manner: a prefix and 24 letters and digits, new each time. */
export function newId(prefix: string): string {
  const bytes = Buffer.from(`${randomUUID()}${randomUUID()}`.replaceAll('-', ''), 'hex');
  return `${prefix}_01${[...bytes.subarray(0, 22)].map((byte) => alphabet[byte % alphabet.length]).join('')}`;
}

/** The headers that Anthropic puts on every answer. */
export const commonHeaders = (requestId = newId('req')): OutgoingHttpHeaders => ({
  'content-type': 'application/json',
  'request-id': requestId,
  'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
});

/** A refusal as Anthropic words it (platform.claude.com/docs/en/api/errors). */
export class AnthropicError extends Refusal {
  constructor(status: number, readonly type: ErrorType, message: string, readonly headers: OutgoingHttpHeaders = {}) {
    super(status, message);
    this.name = 'AnthropicError';
  }

  sendTo(exchange: Exchange): void {
    const requestId = newId('req');
    exchange.send(this.status, { ...commonHeaders(requestId), ...this.headers }, errorBody(this.type, this.message, requestId));
  }
}

export const errorBody = (type: ErrorType, message: string, requestId: string): string => JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });

export const badRequest = (message: string): AnthropicError => new AnthropicError(400, 'invalid_request_error', message);

export const notJson = (): AnthropicError => badRequest('The request body is not valid JSON.');

export const tooLarge = (): AnthropicError => new AnthropicError(413, 'request_too_large', 'Request exceeds the maximum size');

export const noKey = (): AnthropicError => new AnthropicError(401, 'authentication_error', 'x-api-key header is required');

export const wrongKey = (): AnthropicError => new AnthropicError(401, 'authentication_error', 'invalid x-api-key');

export const noModel = (model: string): AnthropicError => new AnthropicError(404, 'not_found_error', `model: ${model}`);

/** The refusals that can be ordered as faults. */
export function faultError(fault: Fault & { kind: 'status' }): AnthropicError {
  const headers = { 'x-should-retry': 'true', ...(fault.retryAfterSeconds !== null && { 'retry-after': String(Math.ceil(fault.retryAfterSeconds)) }) };
  switch (fault.status) {
    case 429: return new AnthropicError(429, 'rate_limit_error', "This request would exceed your organization's rate limit of 4,000 requests per minute. For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce the prompt length or the maximum tokens requested, or try again later.", headers);
    case 500: return new AnthropicError(500, 'api_error', 'Internal server error', headers);
    case 503: return new AnthropicError(503, 'api_error', 'Service unavailable', headers);
    case 529: return new AnthropicError(529, 'overloaded_error', 'Overloaded', headers);
  }
}

/** What a stream says when generation fails, in place of the rest. */
export const failureFrame = (requestId: string): string => `event: error\ndata: ${errorBody('overloaded_error', 'Overloaded', requestId)}\n\n`;
