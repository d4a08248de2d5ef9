import { randomUUID } from 'node:crypto';
import { type OutgoingHttpHeaders } from 'node:http';
import { type Directive } from '../core/directive.js';
import { fullUsage, longestAnswer, usageAt } from '../core/engine.js';
import { type Fault, FaultSyntaxError, refusalIn } from '../core/faults.js';
import { generate } from '../core/generation.js';
import { timeOf } from '../core/latency.js';
import { NO_TOKENS, type TokenCounts } from '../core/ledger.js';
import { thoughtsShown } from '../core/thoughts.js';
import { tokenizerFor } from '../core/tokenizer.js';
import { type Call } from '../http/call.js';
import { deliverJson, deliverStream, failSilently } from '../http/deliver.js';
import { inCamelCase } from './camel-case.js';
import { badRequest, commonHeaders, failureFrame, faultError, noModel } from './errors.js';
import { checkTogether, thoughtSignature } from './generate-check.js';
import { orderOf, promptOf, takeDirective } from './generate-request.js';
import { generateSchema } from './generate.schema.js';
import { findGemini } from './models.js';
import { ARRAY, EVENTS, type Rendering, generateBody, streamFrames } from './rendering.js';
import { parseBody } from './validation.js';

/** What a path of this API says. */
export interface Target {
  readonly version: string;
  readonly model: string;
  readonly method: 'generateContent' | 'streamGenerateContent';
}

/** POST /v1beta/models/{model}:generateContent and :streamGenerateContent. @throws GeminiError */
export async function generateContent(call: Call, target: Target): Promise<void> {
  const { exchange, attempt, engine, caller } = call;
  const model = findGemini(target.model);
  if (!model) throw noModel(target.model, target.version, target.method);
  const { body, directive } = takeDirective(parseBody(generateSchema, inCamelCase(call.body)));
  checkTogether(body, model);
  const fault = faultOf(call, directive, model.id);
  if (await failSilently(exchange, attempt, fault)) return;

  const tokenizer = await tokenizerFor(model.encoding);
  const { prompt, modalities } = promptOf(body, model, tokenizer);
  const cachedTokens = engine.cachedTokens(caller, model, prompt);
  const promptUsage: TokenCounts = { ...NO_TOKENS, promptTokens: prompt.tokens, cachedTokens };
  const order = orderOf(body, model, prompt.tokens, directive.tokens, tokenizer);
  const answers = generate(order, tokenizer);
  const timeline = engine.timeline(model, prompt.tokens - cachedTokens, order.identity);
  const usage = fullUsage(promptUsage, answers);
  const thinks = order.reasoningTokens > 0;
  const rendering: Rendering = {
    id: randomUUID().replaceAll('-', '').slice(0, 23),
    model, answers, timeline, modalities, promptUsage, usage,
    thoughts: body.generationConfig?.thinkingConfig?.includeThoughts === true ? thoughtsShown(order.identity, Math.min(order.reasoningTokens, order.maxTokens)) : [],
    signature: thinks && order.tools.length > 0 ? thoughtSignature(order.identity) : null,
  };
  attempt.responseId = rendering.id;

  const delivery = {
    exchange, attempt, fault, usage,
    usageAt: (elapsedMs: number) => usageAt(promptUsage, answers, timeline, elapsedMs),
    headers: () => commonHeaders(exchange),
  };
  if (attempt.stream) {
    const framing = exchange.query('alt') === 'sse' ? EVENTS : ARRAY;
    const headers = (): OutgoingHttpHeaders => ({ ...delivery.headers(), 'content-type': framing.contentType });
    await deliverStream({ ...delivery, headers, frames: streamFrames(rendering, framing), last: framing.last, failure: failureFrame });
  } else {
    await deliverJson({ ...delivery, body: generateBody(rendering), readyMs: timeOf(timeline, longestAnswer(answers)) });
  }
}

function faultOf({ engine, attempt }: Call, directive: Directive, model: string): Fault | null {
  let fault: Fault | null;
  try {
    fault = engine.faults.choose(directive.fault, directive.id, model);
  } catch (error) {
    if (error instanceof FaultSyntaxError) throw badRequest(error.message);
    throw error;
  }
  const refusal = refusalIn(fault, attempt.stream);
  if (refusal) throw faultError(refusal, model);
  return fault;
}
