import { z } from 'zod';
import { type EmbeddingModel, findModel } from '../core/catalogue.js';
import { embed } from '../core/embedding.js';
import { timeOf } from '../core/latency.js';
import { NO_TOKENS, type TokenCounts } from '../core/ledger.js';
import { obviouslyTooLong } from '../core/prompt.js';
import { tokenizerFor } from '../core/tokenizer.js';
import { deliverJson, failSilently } from '../http/deliver.js';
import { type Call } from '../http/call.js';
import { faultOf } from './call.js';
import { OpenAiError, badRequest, noModel, tooLong } from './errors.js';
import { commonHeaders, rateLimitHeaders } from './headers.js';
import { integer, parseBody } from './validation.js';

const tokenIds = z.array(integer().nonnegative()).min(1);
const embeddingsSchema = z.looseObject({
  model: z.string(),
  input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(2048), tokenIds, z.array(tokenIds).min(1).max(2048)]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: integer().min(1).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
});

/** POST /v1/embeddings. @throws OpenAiError */
export async function embeddings(call: Call): Promise<void> {
  const { exchange, attempt, engine } = call;
  const body = parseBody(embeddingsSchema, call.body);
  const model = embeddingModel(body.model);
  const dimensions = dimensionsOf(body.dimensions, model);
  const fault = faultOf(call, body.metadata, model.id);
  if (await failSilently(exchange, attempt, fault)) return;

  const tokenizer = await tokenizerFor(model.encoding);
  let promptTokens = 0;
  const inputs = inputsOf(body.input);
  for (const input of inputs) {
    if (typeof input === 'string' && obviouslyTooLong([input], model.contextWindow)) throw tooLong(model.contextWindow, `more than ${model.contextWindow}`, 'input');
    const tokens = typeof input === 'string' ? tokenizer.count(input) : input.length;
    if (tokens > model.contextWindow) throw tooLong(model.contextWindow, String(tokens), 'input');
    promptTokens += tokens;
  }
  const usage: TokenCounts = { ...NO_TOKENS, promptTokens };
  const data = inputs.map((input, index) => {
    const vector = embed(model.id, typeof input === 'string' ? input : input.join(' '), model.dimensions, dimensions);
    return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector, (value) => Math.round(value * 1e8) / 1e8) };
  });
  await deliverJson({
    exchange, attempt, fault, usage,
    usageAt: () => usage,
    headers: () => ({ ...commonHeaders(exchange), ...rateLimitHeaders(promptTokens) }),
    body: JSON.stringify({ object: 'list', data, model: model.snapshot, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } }),
    readyMs: timeOf(engine.timeline(model, promptTokens, String(promptTokens)), 1),
  });
}

function embeddingModel(name: string): EmbeddingModel {
  const model = findModel(name);
  if (!model) throw noModel(name);
  if (model.kind !== 'embedding') throw new OpenAiError(403, 'You are not allowed to generate embeddings from this model', 'invalid_request_error');
  return model;
}

function dimensionsOf(asked: number | null | undefined, model: EmbeddingModel): number {
  if (asked == null) return model.dimensions;
  if (!model.shortens) throw badRequest('This model does not support specifying dimensions.');
  if (asked > model.dimensions) throw badRequest(`Invalid value for 'dimensions' = ${asked}. Must be less than or equal to ${model.dimensions}.`);
  return asked;
}

/** One text, several texts, one list of token ids, or several such lists. */
function inputsOf(input: z.infer<typeof embeddingsSchema>['input']): readonly (string | number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as string[] | number[][]);
}

/** Little-endian 32-bit floats, as the SDKs decode them. */
const base64Of = (vector: Float32Array): string => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
