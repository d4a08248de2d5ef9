import { type ChatModel } from '../core/catalogue.js';
import { fullUsage, longestAnswer, usageAt } from '../core/engine.js';
import { generate } from '../core/generation.js';
import { timeOf } from '../core/latency.js';
import { NO_TOKENS, type TokenCounts } from '../core/ledger.js';
import { tokenizerFor } from '../core/tokenizer.js';
import { type Call } from '../http/call.js';
import { deliverJson, deliverStream, failSilently } from '../http/deliver.js';
import { faultOf } from './call.js';
import { type ChatBody, chatSchema } from './chat.schema.js';
import { chatModel, checkTogether, orderOf, promptOf } from './chat-request.js';
import { type Rendering, completionBody, failureFrame, streamFrames } from './chat-response.js';
import { commonHeaders, compactId, rateLimitHeaders, streamHeaders } from './headers.js';
import { parseBody } from './validation.js';

/** POST /v1/chat/completions. @throws OpenAiError */
export async function chatCompletions(call: Call): Promise<void> {
  const { exchange, attempt, engine } = call;
  const body = parseBody(chatSchema, call.body);
  const model = chatModel(body.model);
  checkTogether(body, model);
  const fault = faultOf(call, body.metadata, model.id);
  if (await failSilently(exchange, attempt, fault)) return;

  const tokenizer = await tokenizerFor(model.encoding);
  const prompt = promptOf(body, model, tokenizer);
  const cachedTokens = engine.cachedTokens(call.caller, model, prompt);
  const promptUsage: TokenCounts = { ...NO_TOKENS, promptTokens: prompt.tokens, cachedTokens };
  const order = orderOf(body, model, prompt, tokenizer);
  const answers = generate(order, tokenizer);
  const timeline = engine.timeline(model, prompt.tokens - cachedTokens, order.identity);
  const usage = fullUsage(promptUsage, answers);
  const rendering = renderingOf(body, model, Math.floor(engine.clock.now() / 1000), { answers, timeline, promptUsage, usage });
  attempt.responseId = rendering.id;

  const delivery = {
    exchange, attempt, fault, usage,
    usageAt: (elapsedMs: number) => usageAt(promptUsage, answers, timeline, elapsedMs),
    headers: () => ({ ...commonHeaders(exchange), ...rateLimitHeaders(prompt.tokens) }),
  };
  if (body.stream === true) {
    await deliverStream({ ...delivery, headers: () => streamHeaders(delivery.headers()), frames: streamFrames(rendering), last: 'data: [DONE]\n\n', failure: failureFrame });
  } else {
    await deliverJson({ ...delivery, body: completionBody(rendering), readyMs: timeOf(timeline, longestAnswer(answers)) });
  }
}

const renderingOf = (body: ChatBody, model: ChatModel, created: number, generated: Pick<Rendering, 'answers' | 'timeline' | 'promptUsage' | 'usage'>): Rendering => ({
  ...generated,
  id: `chatcmpl-${compactId()}`,
  created,
  model,
  topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
  includeUsage: body.stream_options?.include_usage === true,
  finishAs: (finish) => (finish === 'tool_calls' && typeof body.tool_choice === 'object' && body.tool_choice !== null ? 'stop' : finish),
});
