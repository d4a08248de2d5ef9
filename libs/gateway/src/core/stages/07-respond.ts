import { formatUsd } from '@apex/common';
import { type Receipt, type Surface } from '@apex/usage';
import { type Reply } from '../../ports/reply.js';
import { type Refusal } from '../call.js';
import { type CachedAnswer } from '../cache/cached-answer.js';
import { play } from '../cache/play.js';
import { type KeptAnswer } from '../idempotency/kept-answer.js';
import { refusals } from '../refusals.js';
import { surfaces } from '../surfaces/index.js';
import { type Answer, type Attributed, type Cohort, type Decided, type Upstream } from '../types.js';

/** The answer to a request that is in the books (or could not be put there: `recorded` is false). */
export function respond(request: Decided, answer: Answer, attributed: Attributed, recorded: boolean, reply: Reply): void {
  const { record } = attributed;
  if (reply.gone) return;
  const { requestId, surface } = request;
  switch (answer.kind) {
    case 'whole': {
      if (!recorded) return sendRefusal(refusals.recordingUnavailable(), { requestId, surface }, request, reply);
      const headers = answerHeaders(request, answer.upstream, attributed.receipt);
      headers.push('x-tokens-used', String(record.prompt_tokens + record.completion_tokens), 'x-apex-cost-usd', record.pricing === 'unpriced' ? 'unpriced' : formatUsd(record.cost_pd));
      return reply.send(answer.status, headers, answer.body);
    }
    case 'refusal':
      return sendRefusal(answer.refusal, { requestId, surface }, request, reply, answer.retryAfter);
    case 'stream_end': {
      if (!recorded) return reply.end(Buffer.concat([...answer.last, surfaces[surface].errorEvent(refusals.recordingUnavailable(), requestId)]));
      const told = request.headers['x-apex-trailer'] === 'on' ? [trailer(attributed)] : [];
      return reply.end(Buffer.concat([...answer.last, ...told, ...answer.rest]));
    }
    case 'stream_error':
      return reply.end(surfaces[surface].errorEvent(answer.refusal, requestId));
    case 'nobody':
      return;
  }
}

/** An answer from the exact cache: whole, or the stream that it was. */
export function respondFromCache(request: Decided, cached: CachedAnswer, attributed: Attributed, recorded: boolean, reply: Reply): void {
  if (reply.gone) return;
  const { requestId, surface } = request;
  if (!recorded) return sendRefusal(refusals.recordingUnavailable(), { requestId, surface }, request, reply);
  const headers = cached.contentType === null ? [] : ['content-type', cached.contentType];
  pushOwn(headers, request, cached.model, 'exact_cache', cached.ignored);
  headers.push('x-apex-cache-key', cached.hash, 'x-apex-savings-usd', formatUsd(attributed.receipt?.savingPd ?? 0), 'x-tokens-used', '0', 'x-apex-cost-usd', NOTHING_USD);
  if (cached.streamed) headers.push('cache-control', 'no-cache', 'x-accel-buffering', 'no');
  play(cached, headers, reply, cached.streamed && request.headers['x-apex-trailer'] === 'on' ? trailer(attributed) : null);
}

/** The head of a stream. What only its end will tell is in the trailer, or in the books. */
export function startStream(request: Decided, reply: Reply, upstream: Upstream): void {
  const headers = answerHeaders(request, upstream, null);
  headers.push('cache-control', 'no-cache', 'x-accel-buffering', 'no');
  reply.head(200, headers);
}

/** A kept answer once more, as it was: headers, bytes, and a stream as a stream. */
export function replay({ status, headers, streamed, body }: KeptAnswer, reply: Reply): void {
  const marked = [...headers, 'x-apex-idempotent-replay', 'true'];
  if (!streamed) return reply.send(status, marked, [body]);
  reply.head(status, marked);
  reply.end(body);
}

/** An error of Apex itself, in the shape of the API that was called. `cohort` is null where no caller is known. */
export function sendRefusal(refusal: Refusal, { requestId, surface }: { requestId: string; surface: Surface }, cohort: Cohort | null, reply: Reply, retryAfter: string | null = null): void {
  const headers = ['content-type', 'application/json', 'x-request-id', requestId, 'x-apex-error', refusal.code];
  // Anthropic's SDKs read this one.
  if (surface === 'messages') headers.push('request-id', requestId);
  if (cohort !== null) headers.push('x-apex-cohort', cohortHeader(cohort));
  const wait = retryAfter ?? (refusal.retryAfterSeconds === undefined ? null : String(refusal.retryAfterSeconds));
  if (wait !== null) headers.push('retry-after', wait);
  // OpenAI's and Anthropic's SDKs try a 409 again unless they read this.
  if (refusal.final === true) headers.push('x-should-retry', 'false');
  reply.send(refusal.httpStatus, headers, [surfaces[surface].errorBody(refusal, requestId)]);
}

const cohortHeader = ({ cohort, reason }: Cohort): string => (reason === null ? cohort : `${cohort}; reason=${reason}`);

/** Answer headers that pass: what the client's SDK reads. The rest describes the provider's connection or account. */
const PASSED = ['openai-processing-ms', 'openai-version', 'retry-after', 'retry-after-ms'] as const;

/** @param receipt null: there is none, or not yet */
function answerHeaders(request: Decided, { candidate, headers: upstream, ignored }: Upstream, receipt: Receipt | null): string[] {
  const headers: string[] = ['content-type', contentType(upstream['content-type'])];
  for (const name of PASSED) {
    const value = upstream[name];
    if (typeof value === 'string') headers.push(name, value);
  }
  const acted = receipt === null ? request.promptCache?.isPlacedAt(candidate.target) === true : receipt.inputs.steps.length > 0;
  pushOwn(headers, request, candidate.target.model, acted ? 'prompt_cache' : 'none', ignored);
  // What a stream whose prompt was cached has saved is known at its end.
  if (!acted || receipt !== null) headers.push('x-apex-savings-usd', acted && receipt !== null ? formatUsd(receipt.savingPd) : NOTHING_USD);
  // The provider's limits are the caller's business only where the key is the caller's.
  if (candidate.credential.owner === 'customer') {
    for (const name in upstream) {
      const value = upstream[name];
      if (RATE_LIMITS.test(name) && typeof value === 'string') headers.push(name, value);
    }
  }
  return headers;
}

/** JSON or events, whatever the provider calls them: an answer that calls itself a page must not become one in a browser. */
const contentType = (given: string | string[] | undefined): string => (typeof given === 'string' && /^(?:application\/json|text\/event-stream)\s*(?:;|$)/i.test(given) ? given : 'application/json');

/** What Apex says of every answer. */
function pushOwn(headers: string[], request: Decided, model: string, mechanism: string, ignored: readonly string[]): void {
  headers.push('x-request-id', request.requestId, 'x-apex-cohort', cohortHeader(request), 'x-apex-model', headerText(model), 'x-apex-mechanism', mechanism);
  if (request.plan !== null) headers.push('x-apex-policy', `${request.plan.decision.policyId}; version=${request.plan.decision.policyVersion}`);
  if (request.surface === 'messages') headers.push('request-id', request.requestId);
  if (ignored.length > 0) headers.push('x-apex-ignored', headerText(ignored.join(',')));
}

const RATE_LIMITS = /^(?:x|anthropic)-ratelimit-/;

/** A header holds visible ASCII; a model's name may hold anything, and is then told percent-encoded. */
const headerText = (text: string): string => (/^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text));

/** Where no mechanism acted, the baseline is the actual cost: the saving is exactly nothing. And a hit costs nothing. */
const NOTHING_USD = formatUsd(0);

/** An SSE comment: clients that do not know it must ignore it (WHATWG HTML 9.2.6). */
const trailer = ({ record, receipt }: Attributed): Buffer =>
  Buffer.from(
    `: apex ${JSON.stringify({
      requestId: record.request_id,
      status: record.status,
      tokensUsed: record.prompt_tokens + record.completion_tokens,
      costUsd: record.pricing === 'unpriced' ? 'unpriced' : formatUsd(record.cost_pd),
      savingsUsd: formatUsd(receipt?.savingPd ?? 0),
    })}\n\n`,
  );
