import { type OutgoingHttpHeaders } from 'node:http';
import { type Fault } from '../core/faults.js';
import { type Exchange } from '../http/exchange.js';
import { Refusal } from '../http/serve.js';
import { commonHeaders } from './headers.js';

/** A refusal as OpenAI words it. */
export class OpenAiError extends Refusal {
  constructor(
    status: number,
    message: string,
    readonly type: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(status, message);
    this.name = 'OpenAiError';
  }

  get body(): string {
    return `${JSON.stringify({ error: { message: this.message, type: this.type, param: this.param, code: this.code } }, null, 4)}\n`;
  }

  sendTo(exchange: Exchange): void {
    exchange.send(this.status, { ...commonHeaders(exchange), ...this.headers }, this.body);
  }
}

export const badRequest = (message: string, param: string | null = null, code: string | null = null): OpenAiError => new OpenAiError(400, message, 'invalid_request_error', code, param);

export const notJson = (): OpenAiError => badRequest("We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)");

export const tooLarge = (limit: number): OpenAiError => new OpenAiError(413, `Maximum content size limit (${limit} bytes) exceeded.`, 'invalid_request_error', 'request_too_large');

export const noKey = (): OpenAiError => new OpenAiError(401, "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.", 'invalid_request_error');

/** Keys are shown as OpenAI shows them: the ends only, of a long one. */
export function wrongKey(key: string): OpenAiError {
  const shown = key.length > 12 ? `${key.slice(0, 8)}${'*'.repeat(Math.min(key.length - 12, 40))}${key.slice(-4)}` : key;
  return new OpenAiError(401, `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`, 'invalid_request_error', 'invalid_api_key');
}

export const noModel = (model: string): OpenAiError => new OpenAiError(404, `The model \`${model}\` does not exist or you do not have access to it.`, 'invalid_request_error', 'model_not_found');

export const tooLong = (window: number, tokens: string, param: string): OpenAiError => badRequest(
  param === 'messages'
    ? `This model's maximum context length is ${window} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`
    : `This model's maximum context length is ${window} tokens, however you requested ${tokens} tokens (${tokens} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
  param,
  'context_length_exceeded',
);

export const GENERATION_FAILED = 'The server had an error while processing your request. Sorry about that!';

/** The refusals that can be ordered as faults. */
export function faultError(fault: Fault & { kind: 'status' }, model: string): OpenAiError {
  const seconds = fault.retryAfterSeconds;
  const headers = seconds === null ? {} : { 'retry-after': String(Math.ceil(seconds)), 'retry-after-ms': String(Math.round(seconds * 1000)) };
  switch (fault.status) {
    case 429: return new OpenAiError(429, `Rate limit reached for ${model} in organization org-simulator on requests per min (RPM): Limit 10000, Used 10000, Requested 1. Please try again in ${seconds ?? 1}s. Visit https://platform.openai.com/account/rate-limits to learn more.`, 'requests', 'rate_limit_exceeded', null, headers);
    case 500: return new OpenAiError(500, 'The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error.', 'server_error', null, null, headers);
    // OpenAI has no 529: to be overloaded is a 503 there.
    case 529:
    case 503: return new OpenAiError(503, 'The engine is currently overloaded, please try again later.', 'server_error', 'service_unavailable', null, headers);
  }
}
