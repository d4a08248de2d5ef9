import { randomUUID } from 'node:crypto';
import { type OutgoingHttpHeaders } from 'node:http';
import { type Engine } from '../core/engine.js';
import { type Fault, FaultSyntaxError } from '../core/faults.js';
import { type Attempt } from '../http/attempt.js';
import { type Exchange } from '../http/exchange.js';
import { badRequest } from './errors.js';

/** An authenticated call of a billable endpoint. */
export interface Call {
  readonly exchange: Exchange;
  readonly attempt: Attempt;
  readonly engine: Engine;
  /** The API key: prompt caches are not shared between keys. */
  readonly caller: string;
  /** The request's parsed JSON. */
  readonly body: unknown;
}

const REQUESTS_PER_MINUTE = 10_000;
const TOKENS_PER_MINUTE = 2_000_000;

const compactId = (): string => randomUUID().replaceAll('-', '');

export const newRequestId = (): string => `req_${compactId()}`;

export const newResponseId = (): string => `chatcmpl-${compactId()}`;

/** The headers that OpenAI puts on every answer. */
export const commonHeaders = (exchange: Exchange): OutgoingHttpHeaders => ({
  'content-type': 'application/json',
  'x-request-id': newRequestId(),
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

/** The fault of this call: the one its metadata orders, or one of the random ones. @throws OpenAiError for a misspelt order */
export function faultOf(call: Call, metadata: Readonly<Record<string, string>> | null | undefined, model: string): Fault | null {
  try {
    return call.engine.faults.choose(metadata?.['simulate'], metadata?.['simulate_id'], model);
  } catch (error) {
    if (error instanceof FaultSyntaxError) throw badRequest(error.message, 'metadata.simulate', 'invalid_value');
    throw error;
  }
}
