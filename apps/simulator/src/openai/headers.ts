import { randomUUID } from 'node:crypto';
import { type OutgoingHttpHeaders } from 'node:http';
import { type Exchange } from '../http/exchange.js';

const REQUESTS_PER_MINUTE = 10_000;
const TOKENS_PER_MINUTE = 2_000_000;

export const compactId = (): string => randomUUID().replaceAll('-', '');

/** The headers that OpenAI puts on every answer. */
export const commonHeaders = (exchange: Exchange): OutgoingHttpHeaders => ({
  'content-type': 'application/json',
  'x-request-id': `req_${compactId()}`,
  'openai-version': '2020-10-01',
  'openai-organization': 'org-simulator',
  'openai-processing-ms': String(Math.max(1, Math.round(exchange.elapsedMs))),
});

/** The rate limits as OpenAI shows them, of a key that is alone: only this request has been taken off. They limit nothing. */
export const rateLimitHeaders = (promptTokens: number): OutgoingHttpHeaders => ({
  'x-ratelimit-limit-requests': String(REQUESTS_PER_MINUTE),
  'x-ratelimit-limit-tokens': String(TOKENS_PER_MINUTE),
  'x-ratelimit-remaining-requests': String(REQUESTS_PER_MINUTE - 1),
  'x-ratelimit-remaining-tokens': String(Math.max(0, TOKENS_PER_MINUTE - promptTokens)),
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-reset-tokens': `${Math.ceil((promptTokens / TOKENS_PER_MINUTE) * 60_000)}ms`,
});

/** The same for a stream of server-sent events. */
export const streamHeaders = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders => ({ ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
