import { type OutgoingHttpHeaders } from 'node:http';
import { type Directive, NO_DIRECTIVE, parseDirective } from '../core/directive.js';
import { fullUsage, longestAnswer, usageAt } from '../core/engine.js';
import { type Fault, FaultSyntaxError, refusalIn } from '../core/faults.js';
import { type Answer, type Order, generate } from '../core/generation.js';
import { timeOf } from '../core/latency.js';
import { NO_TOKENS, type TokenCounts } from '../core/ledger.js';
import { seal } from '../core/seal.js';
import { thoughtsShown } from '../core/thoughts.js';
import { tokenizerFor } from '../core/tokenizer.js';
import { type Call } from '../http/call.js';
import { deliverJson, deliverStream, failSilently } from '../http/deliver.js';
import { badRequest, commonHeaders, failureFrame, faultError, newId, noModel } from './errors.js';
import { VERSIONS, checkTogether, checkVersion } from './messages-check.js';
import { type MessagesOrder, orderOf } from './messages-order.js';
import { promptOf } from './messages-prompt.js';
import { type Rendering, type StopReason, type ThinkingShown, messageBody } from './messages-rendering.js';
import { MessageStream } from './messages-stream.js';
import { type MessagesBody, messagesSchema } from './messages.schema.js';
import { findClaude } from './models.js';
import { REDACTED, turnsOf } from './turns.js';
import { parseBody } from './validation.js';

const ORDER_PREFIX = 'simulate:';
const SILENT: Answer = Object.freeze({ reasoningTokens: 0, steps: [], visibleTokens: 0, finish: 'stop', stopSequence: null });

/** POST /v1/messages. @throws AnthropicError */
export async function messages(call: Call): Promise<void> {
  const { exchange, attempt, engine, caller } = call;
  const version = exchange.header('anthropic-version');
  if (version === null) throw badRequest('anthropic-version: header is required');
  if (!VERSIONS.includes(version)) throw badRequest(`anthropic-version: "${version.slice(0, 50)}" is not a valid version`);
  const body = parseBody(messagesSchema, call.body);
  const model = findClaude(body.model);
  if (!model) throw noModel(body.model);
  const turns = turnsOf(body);
  checkVersion(version, call.body, turns);
  checkTogether(body, model, turns);
  const directive = directiveOf(body);
  const fault = faultOf(call, directive, model.id);
  if (await failSilently(exchange, attempt, fault)) return;

  const tokenizer = await tokenizerFor(model.encoding);
  const { prompt, blockEnds, breakpoints } = promptOf(body, turns, model, tokenizer);
  const cache = engine.useCache(caller, model, prompt, blockEnds, breakpoints, model.cacheMinimum);
  const promptUsage: TokenCounts = { ...NO_TOKENS, promptTokens: prompt.tokens, cachedTokens: cache.read, cacheWriteTokens: cache.written5m + cache.written1h, cacheWrite1hTokens: cache.written1h };
  const ordered = orderOf(body, turns, model, prompt.tokens, directive.tokens, tokenizer);
  const answer = ordered.refuses || ordered.order.maxTokens === 0 ? SILENT : generate(ordered.order, tokenizer)[0] as Answer;
  const timeline = engine.timeline(model, prompt.tokens - cache.read, ordered.order.identity);
  const usage = fullUsage(promptUsage, [answer]);
  const rendering: Rendering = { id: newId('msg'), model, answer, thinking: thinkingOf(body, ordered, answer), timeline, promptUsage, usage, stop: stopOf(body, ordered, answer) };
  attempt.responseId = rendering.id;

  const requestId = newId('req');
  const delivery = {
    exchange, attempt, fault, usage,
    usageAt: (elapsedMs: number) => usageAt(promptUsage, [answer], timeline, elapsedMs),
    headers: () => ({ ...commonHeaders(requestId), ...rateLimitHeaders(engine.clock.now()) }),
  };
  if (body.stream === true) {
    const headers = (): OutgoingHttpHeaders => ({ ...delivery.headers(), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    await deliverStream({ ...delivery, headers, frames: new MessageStream(rendering).frames(), last: '', failure: () => failureFrame(requestId) });
  } else {
    await deliverJson({ ...delivery, body: messageBody(rendering), readyMs: timeOf(timeline, longestAnswer([answer])) });
  }
}

/** Anthropic's metadata has one member, and that is where a test puts its order: `simulate:529;times=1;id=a`. */
function directiveOf(body: MessagesBody): Directive {
  const user = body.metadata?.user_id;
  return user?.startsWith(ORDER_PREFIX) === true ? parseDirective(user.slice(ORDER_PREFIX.length)) : NO_DIRECTIVE;
}

function faultOf({ engine, attempt }: Call, directive: Directive, model: string): Fault | null {
  let fault: Fault | null;
  try {
    fault = engine.faults.choose(directive.fault, directive.id, model);
  } catch (error) {
    if (error instanceof FaultSyntaxError) throw badRequest(`metadata.user_id: ${error.message}`);
    throw error;
  }
  const refusal = refusalIn(fault, attempt.stream);
  if (refusal) throw faultError(refusal);
  return fault;
}

function thinkingOf(body: MessagesBody, { order, redacts }: MessagesOrder, answer: Answer): ThinkingShown | null {
  if (answer.reasoningTokens === 0) return null;
  const omitted = body.thinking && 'display' in body.thinking && body.thinking.display === 'omitted';
  const pieces = omitted === true ? [] : thoughtsShown(order.identity, answer.reasoningTokens);
  return { pieces, signature: seal(pieces.join(''), order.identity), redacted: redacts ? seal(REDACTED, order.identity) : null };
}

function stopOf(body: MessagesBody, { order, refuses }: { readonly order: Order; readonly refuses: boolean }, answer: Answer): StopReason {
  if (refuses) return 'refusal';
  if (answer === SILENT) return body.max_tokens === 0 ? 'max_tokens' : 'model_context_window_exceeded';
  switch (answer.finish) {
    case 'length': return order.maxTokens < body.max_tokens ? 'model_context_window_exceeded' : 'max_tokens';
    case 'tool_calls': return 'tool_use';
    case 'stop': return answer.stopSequence === null ? 'end_turn' : 'stop_sequence';
  }
}

/** The rate limits as Anthropic shows them, of a key that is alone. They limit nothing. */
function rateLimitHeaders(now: number): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [kind, limit] of [['requests', 4_000], ['tokens', 2_400_000], ['input-tokens', 2_000_000], ['output-tokens', 400_000]] as const) {
    headers[`anthropic-ratelimit-${kind}-limit`] = String(limit);
    headers[`anthropic-ratelimit-${kind}-remaining`] = String(limit - (kind === 'requests' ? 1 : 0));
    headers[`anthropic-ratelimit-${kind}-reset`] = `${new Date(now).toISOString().slice(0, 19)}Z`;
  }
  return headers;
}
