import { type Uuid } from '@apex/common';
import { addTraceHeaders } from '@apex/telemetry';
import { type Candidate, type Decided } from './types.js';

/** The headers of a call to a provider. */
export function upstreamHeaders(request: Decided, { target, credential, wire }: Candidate, attemptId: Uuid): Record<string, string> {
  const { kind, keyless } = target.provider;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: request.call.stream ? 'text/event-stream' : 'application/json',
    ...(keyless && credential.apiKey === '' ? {} : kind.headers(credential.apiKey)),
    // OpenAI logs it with the request; it is how a provider's usage export is matched with ours.
    'x-client-request-id': attemptId,
    'user-agent': 'netra-apex',
  };
  if (request.trace !== null) addTraceHeaders(headers, request.trace, attemptId);
  if (credential.owner === 'customer' && wire.passthrough) {
    for (const name of kind.passedHeaders) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
  }
  return headers;
}
