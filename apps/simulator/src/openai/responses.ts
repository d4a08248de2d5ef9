import { fullUsage, longestAnswer, usageAt } from '../core/engine.js';
import { type Answer, generate } from '../core/generation.js';
import { timeOf } from '../core/latency.js';
import { NO_TOKENS, type TokenCounts } from '../core/ledger.js';
import { thoughtsShown } from '../core/thoughts.js';
import { tokenizerFor } from '../core/tokenizer.js';
import { type Call } from '../http/call.js';
import { deliverJson, deliverStream, failSilently } from '../http/deliver.js';
import { type Exchange } from '../http/exchange.js';
import { faultOf } from './call.js';
import { OpenAiError } from './errors.js';
import { commonHeaders, compactId, rateLimitHeaders, streamHeaders } from './headers.js';
import { type ResponseStore } from './response-store.js';
import { conversationOf } from './responses-items.js';
import { type ResponsesRendering, finalStatus, outputOf, responseObject } from './responses-rendering.js';
import { checkResponses, checkSimulated, responsesModel, responsesOrder, responsesPrompt } from './responses-request.js';
import { ResponsesStream } from './responses-stream.js';
import { responsesSchema, withItemTypes } from './responses.schema.js';
import { parseBody } from './validation.js';

/** POST /v1/responses. What is stored is there as soon as it is generated. @throws OpenAiError */
export async function responses(call: Call, store: ResponseStore): Promise<void> {
  const { exchange, attempt, engine, caller } = call;
  checkSimulated(call.body);
  const body = parseBody(responsesSchema, withItemTypes(call.body));
  const model = responsesModel(body.model);
  checkResponses(body, model);
  const items = conversationOf(body, caller, store);
  const fault = faultOf(call, body.metadata, model.id);
  if (await failSilently(exchange, attempt, fault)) return;

  const tokenizer = await tokenizerFor(model.encoding);
  const prompt = responsesPrompt(body, items, model, tokenizer);
  const cachedTokens = engine.cachedTokens(caller, model, prompt);
  const promptUsage: TokenCounts = { ...NO_TOKENS, promptTokens: prompt.tokens, cachedTokens };
  const order = responsesOrder(body, items, model, prompt, tokenizer);
  const answers = generate(order, tokenizer);
  const [answer] = answers as [Answer];
  const timeline = engine.timeline(model, prompt.tokens - cachedTokens, order.identity);
  const usage = fullUsage(promptUsage, answers);
  const rendering: ResponsesRendering = {
    id: `resp_${compactId()}`,
    created: Math.floor(engine.clock.now() / 1000),
    body, model, answer, timeline, promptUsage, usage,
    summary: body.reasoning?.summary == null ? [] : thoughtsShown(order.identity, answer.reasoningTokens),
  };
  attempt.responseId = rendering.id;
  const parts = outputOf(rendering);
  const output = parts.map(({ item }) => item);
  const response = responseObject(rendering, { status: finalStatus(answer), output, usage });
  if (body.store !== false) store.put(caller, rendering.id, response, [...items, ...output]);

  const delivery = {
    exchange, attempt, fault, usage,
    usageAt: (elapsedMs: number) => usageAt(promptUsage, answers, timeline, elapsedMs),
    headers: () => ({ ...commonHeaders(exchange), ...rateLimitHeaders(prompt.tokens) }),
  };
  if (body.stream === true) {
    const stream = new ResponsesStream(rendering, parts);
    await deliverStream({ ...delivery, headers: () => streamHeaders(delivery.headers()), frames: stream.frames(), last: '', failure: (soFar) => stream.failure(soFar) });
  } else {
    await deliverJson({ ...delivery, body: JSON.stringify(response), readyMs: timeOf(timeline, longestAnswer(answers)) });
  }
}

/** GET and DELETE /v1/responses/:id. @throws OpenAiError */
export function storedResponse(exchange: Exchange, caller: string, id: string, store: ResponseStore): void {
  const missing = (): OpenAiError => new OpenAiError(404, `Response with id '${id}' not found.`, 'invalid_request_error');
  if (exchange.method === 'DELETE') {
    if (!store.delete(caller, id)) throw missing();
    return exchange.send(200, commonHeaders(exchange), JSON.stringify({ id, object: 'response', deleted: true }));
  }
  const response = store.response(caller, id);
  if (exchange.method !== 'GET' || !response) throw missing();
  exchange.send(200, commonHeaders(exchange), JSON.stringify(response));
}
