import { type OutgoingHttpHeaders } from 'node:http';
import { type Fault } from '../core/faults.js';
import { type Exchange } from '../http/exchange.js';
import { Refusal } from '../http/serve.js';

const RPC = 'type.googleapis.com/google.rpc';

/** The headers that Google puts on every answer. */
export const commonHeaders = (exchange: Exchange): OutgoingHttpHeaders => ({
  'content-type': 'application/json; charset=UTF-8',
  vary: 'Origin, X-Origin, Referer',
  server: 'scaffolding on HTTPServer2',
  'server-timing': `gfet4t7; dur=${Math.max(1, Math.round(exchange.elapsedMs))}`,
});

type Status = 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' | 'PERMISSION_DENIED' | 'NOT_FOUND' | 'RESOURCE_EXHAUSTED' | 'INTERNAL' | 'UNAVAILABLE';

/** A refusal as Google words it (ai.google.dev/gemini-api/docs/troubleshooting, google.rpc.Status). */
export class GeminiError extends Refusal {
  constructor(code: number, readonly rpcStatus: Status, message: string, readonly details: readonly object[] = []) {
    super(code, message);
    this.name = 'GeminiError';
  }

  get body(): string {
    return `${JSON.stringify({ error: { code: this.status, message: this.message, status: this.rpcStatus, ...(this.details.length > 0 && { details: this.details }) } }, null, 2)}\n`;
  }

  sendTo(exchange: Exchange): void {
    exchange.send(this.status, commonHeaders(exchange), this.body);
  }
}

export const badRequest = (message: string): GeminiError => new GeminiError(400, 'INVALID_ARGUMENT', message);

/** A refusal that names the field: `field` is empty for the request itself. */
export const badField = (field: string, description: string): GeminiError => new GeminiError(400, 'INVALID_ARGUMENT', description, [{ '@type': `${RPC}.BadRequest`, fieldViolations: [{ ...(field !== '' && { field }), description }] }]);

export const notJson = (): GeminiError => badField('', "Invalid JSON payload received. Expected an object key or }.");

export const tooLarge = (limit: number): GeminiError => badRequest(`Request payload size exceeds the limit: ${limit} bytes.`);

export const noKey = (): GeminiError => new GeminiError(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.");

export const wrongKey = (): GeminiError => new GeminiError(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [{ '@type': `${RPC}.ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com', metadata: { service: 'generativelanguage.googleapis.com' } }]);

export const noModel = (model: string, version: string, method: string): GeminiError => new GeminiError(404, 'NOT_FOUND', `models/${model} is not found for API version ${version}, or is not supported for ${method}. Call ListModels to see the list of available models and their supported methods.`);

const OVERLOADED = 'The model is overloaded. Please try again later.';

/** The refusals that can be ordered as faults. How long to wait is in the body; Google sends no `retry-after`. */
export function faultError(fault: Fault & { kind: 'status' }, model: string): GeminiError {
  switch (fault.status) {
    case 429: return new GeminiError(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.', [
      { '@type': `${RPC}.QuotaFailure`, violations: [{ quotaMetric: 'generativelanguage.googleapis.com/generate_content_requests', quotaId: 'GenerateRequestsPerMinutePerProjectPerModel', quotaDimensions: { location: 'global', model }, quotaValue: '1000' }] },
      ...(fault.retryAfterSeconds === null ? [] : [{ '@type': `${RPC}.RetryInfo`, retryDelay: `${fault.retryAfterSeconds}s` }]),
    ]);
    case 500: return new GeminiError(500, 'INTERNAL', 'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting');
    // Google has no 529: to be overloaded is a 503 there.
    case 529:
    case 503: return new GeminiError(503, 'UNAVAILABLE', OVERLOADED);
  }
}

/** What a stream says when generation fails: the error as it stands, not as an event. */
export const failureFrame = (): string => new GeminiError(503, 'UNAVAILABLE', OVERLOADED).body;
