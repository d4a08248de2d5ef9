import { type AttemptRow, type Surface, type UsageRecordRow } from '@apex/usage';
import { type ServerAddress, errorType, operationOf, providerName } from './genai.js';
import { maskSecrets } from './redaction.js';
import { type RequestTrace, spanIdOf } from './trace-context.js';

/** A request that has ended, as it stands in the books, and the trace that it belongs to. */
export interface FinishedRequest {
  readonly record: UsageRecordRow;
  readonly attempts: readonly AttemptRow[];
  readonly trace: RequestTrace;
}

export type SpanAttributes = Record<string, string | number | boolean>;

/** A span, before anybody knows how it is sent. Times are Unix milliseconds. */
export interface PlannedSpan {
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** The parent is in another system. */
  readonly parentIsRemote: boolean;
  readonly flags: number;
  readonly state: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** What the status is told to be an error for; null: it is none. */
  readonly error: string | null;
}

const PATHS: Readonly<Record<Surface, string>> = {
  'chat.completions': '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  embeddings: '/v1/embeddings',
};

const MAX_TEXT = 256;

/** How many spans a request will be. */
export const spansOf = ({ attempts }: FinishedRequest): number => 1 + attempts.length;

/**
 * The spans of one request: the server's, and below it a client's for each call to a provider. Bodies, prompts and keys
 * are in no row, and what a caller wrote as a model or a session is searched for what looks like a key.
 */
export function planSpans({ record, attempts, trace }: FinishedRequest, serverOf: (provider: string) => ServerAddress | null): PlannedSpan[] {
  const spanId = spanIdOf(record.request_id);
  const common = { traceId: trace.traceId, flags: trace.flags, state: trace.state };
  const start = Date.parse(record.started_at);
  const route = (record.path === 'direct' ? '/direct' : '') + PATHS[record.surface];
  const error = serverError(record);
  const spans: PlannedSpan[] = [
    {
      ...common,
      name: `POST ${route}`,
      kind: 'server',
      spanId,
      parentSpanId: trace.parentSpanId,
      parentIsRemote: trace.parentSpanId !== null,
      startMs: start,
      endMs: start + (record.duration_ms ?? 0),
      attributes: serverAttributes(record, route, error),
      error,
    },
  ];
  for (const attempt of attempts) {
    const started = Date.parse(attempt.started_at);
    const failure = errorType(attempt);
    spans.push({
      ...common,
      name: `${operationOf(record.surface)} ${text(attempt.model ?? '')}`.trimEnd(),
      kind: 'client',
      spanId: spanIdOf(attempt.attempt_id),
      parentSpanId: spanId,
      parentIsRemote: false,
      startMs: started,
      endMs: started + (attempt.duration_ms ?? 0),
      attributes: clientAttributes(record, attempt, failure, serverOf(attempt.provider), attempt === attempts.at(-1) ? start - started : null),
      // Outrun by another call, as it was meant to be.
      error: failure === 'hedge_lost' ? null : failure,
    });
  }
  return spans;
}

/** A server's span is an error where the server failed: what a caller did wrong is not (HTTP conventions, "Status"). */
function serverError(record: UsageRecordRow): string | null {
  const type = errorType(record);
  if (type === null) return null;
  return (record.http_status ?? 500) >= 500 || (record.status === 'interrupted' && record.error_code !== null) ? type : null;
}

function serverAttributes(record: UsageRecordRow, route: string, error: string | null): SpanAttributes {
  const attributes: SpanAttributes = {
    'http.request.method': 'POST',
    'http.route': route,
    'url.path': route,
    'gen_ai.operation.name': operationOf(record.surface),
    'gen_ai.request.stream': record.stream,
    'apex.request.id': record.request_id,
    'apex.customer.id': record.customer_id,
    'apex.cohort': record.cohort,
    'apex.status': record.status,
    'apex.attempts': record.attempts,
    'apex.pricing': record.pricing,
    'apex.cost_picodollars': record.cost_pd,
  };
  put(attributes, 'http.response.status_code', record.http_status);
  put(attributes, 'error.type', error);
  put(attributes, 'apex.error.code', record.error_code);
  put(attributes, 'gen_ai.provider.name', record.provider === null ? null : providerName(record.provider));
  putText(attributes, 'gen_ai.request.model', record.requested_model);
  putText(attributes, 'gen_ai.response.model', record.status === 'final' ? record.served_model : null);
  putText(attributes, 'gen_ai.conversation.id', record.session);
  if (record.attempts > 0) putTokens(attributes, record);
  if (record.stream && record.first_byte_ms !== null) attributes['gen_ai.response.time_to_first_chunk'] = record.first_byte_ms / 1_000;
  return attributes;
}

/** @param sinceRequest for the attempt whose answer the client got: ms from its start back to the request's, not above 0 */
function clientAttributes(record: UsageRecordRow, attempt: AttemptRow, error: string | null, server: ServerAddress | null, sinceRequest: number | null): SpanAttributes {
  const attributes: SpanAttributes = {
    'http.request.method': 'POST',
    'gen_ai.operation.name': operationOf(record.surface),
    'gen_ai.provider.name': providerName(attempt.provider),
    'gen_ai.request.stream': record.stream,
    'apex.attempt.id': attempt.attempt_id,
    'apex.attempt.number': attempt.attempt_no,
    'apex.status': attempt.status,
    'apex.cost_picodollars': attempt.cost_pd,
  };
  if (attempt.attempt_no > 1) attributes['http.request.resend_count'] = attempt.attempt_no - 1;
  put(attributes, 'http.response.status_code', attempt.http_status);
  put(attributes, 'error.type', error);
  putText(attributes, 'gen_ai.request.model', attempt.model);
  putText(attributes, 'gen_ai.response.model', attempt.status === 'final' ? attempt.model : null);
  putText(attributes, 'apex.provider.request_id', attempt.provider_response_id);
  if (server !== null) {
    attributes['server.address'] = server.address;
    attributes['server.port'] = server.port;
  }
  putTokens(attributes, attempt);
  if (sinceRequest !== null && record.stream && record.first_byte_ms !== null) attributes['gen_ai.response.time_to_first_chunk'] = Math.max(0, record.first_byte_ms + sinceRequest) / 1_000;
  return attributes;
}

function putTokens(attributes: SpanAttributes, tokens: UsageRecordRow | AttemptRow): void {
  if (tokens.usage_source !== 'provider' && tokens.usage_source !== 'tokenizer') return;
  attributes['gen_ai.usage.input_tokens'] = tokens.prompt_tokens;
  attributes['gen_ai.usage.output_tokens'] = tokens.completion_tokens;
  if (tokens.cached_tokens > 0) attributes['gen_ai.usage.cache_read.input_tokens'] = tokens.cached_tokens;
  if (tokens.cache_write_tokens > 0) attributes['gen_ai.usage.cache_creation.input_tokens'] = tokens.cache_write_tokens;
  if (tokens.reasoning_tokens > 0) attributes['gen_ai.usage.reasoning.output_tokens'] = tokens.reasoning_tokens;
}

function put(attributes: SpanAttributes, name: string, value: string | number | null): void {
  if (value !== null) attributes[name] = value;
}

/** What somebody else wrote. */
function putText(attributes: SpanAttributes, name: string, value: string | null): void {
  if (value !== null) attributes[name] = text(value);
}

const text = (value: string): string => maskSecrets(value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value);
