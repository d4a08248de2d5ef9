import { type Engine } from '../core/engine.js';
import { MODELS, type Model, findModel } from '../core/catalogue.js';
import { Attempt } from '../http/attempt.js';
import { BodyNotJson, BodyTooLarge, ClientGone, type Exchange } from '../http/exchange.js';
import { type Call, commonHeaders } from './call.js';
import { chatCompletions } from './chat.js';
import { embeddings } from './embeddings.js';
import { OpenAiError, badRequest, noKey, noModel, notJson, tooLarge, wrongKey } from './errors.js';

const BODY_LIMIT = 64 * 1024 * 1024;
const INVALID_KEY = 'sk-invalid';
const LONGEST_CLIENT_ID = 512;

const BILLABLE: Readonly<Record<string, { readonly endpoint: string; readonly handle: (call: Call) => Promise<void> }>> = {
  '/v1/chat/completions': { endpoint: 'chat.completions', handle: chatCompletions },
  '/v1/embeddings': { endpoint: 'embeddings', handle: embeddings },
};

/** OpenAI's API under /v1. `track` is told of each attempt, so that the server can end it when its client is lost. */
export async function openAiApi(exchange: Exchange, engine: Engine, track: (attempt: Attempt) => void): Promise<void> {
  const billable = BILLABLE[exchange.path];
  let attempt: Attempt | null = null;
  try {
    if (!billable || exchange.method !== 'POST') {
      callerOf(exchange);
      return readModels(exchange, billable !== undefined);
    }
    attempt = new Attempt(engine.ledger, engine.clock, exchange.header('x-client-request-id'), billable.endpoint);
    track(attempt);
    await handle(exchange, engine, attempt, billable.handle);
  } catch (error) {
    if (error instanceof ClientGone) return;
    if (!(error instanceof OpenAiError)) throw error;
    if (attempt) {
      attempt.httpStatus = error.status;
      attempt.end('refused');
    }
    exchange.send(error.status, { ...commonHeaders(exchange), ...error.headers }, error.body);
  }
}

async function handle(exchange: Exchange, engine: Engine, attempt: Attempt, endpoint: (call: Call) => Promise<void>): Promise<void> {
  // The body is read in any case: who is refused half-way through sending would see a broken connection, not the answer.
  const body = await bodyOf(exchange).catch((error: unknown) => error as Error);
  if (body instanceof ClientGone) throw body;
  const caller = callerOf(exchange);
  if ((exchange.header('x-client-request-id')?.length ?? 0) > LONGEST_CLIENT_ID) throw badRequest(`The X-Client-Request-Id header must be at most ${LONGEST_CLIENT_ID} characters.`);
  if (body instanceof Error) throw body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw notJson();
  if ('model' in body && typeof body.model === 'string') attempt.model = body.model;
  attempt.stream = 'stream' in body && body.stream === true;
  await endpoint({ exchange, attempt, engine, caller, body });
}

async function bodyOf(exchange: Exchange): Promise<unknown> {
  try {
    return await exchange.readJson(BODY_LIMIT);
  } catch (error) {
    if (error instanceof BodyNotJson) throw notJson();
    if (error instanceof BodyTooLarge) throw tooLarge(BODY_LIMIT);
    throw error;
  }
}

function callerOf(exchange: Exchange): string {
  const key = /^bearer +(\S+) *$/i.exec(exchange.header('authorization') ?? '')?.[1];
  if (key === undefined) throw noKey();
  if (key === INVALID_KEY) throw wrongKey(key);
  return key;
}

function readModels(exchange: Exchange, known: boolean): void {
  const id = /^\/v1\/models\/([^/]+)$/.exec(exchange.path)?.[1];
  const reads = exchange.path === '/v1/models' || id !== undefined;
  if ((known || reads) && exchange.method !== (known ? 'POST' : 'GET')) throw new OpenAiError(405, `Not allowed to ${exchange.method} on ${exchange.path} (HINT: Perhaps you meant to use a different HTTP method?)`, 'invalid_request_error', 'method_not_supported');
  if (!reads) throw new OpenAiError(404, `Invalid URL (${exchange.method} ${exchange.path})`, 'invalid_request_error');
  if (id === undefined) return exchange.send(200, commonHeaders(exchange), JSON.stringify({ object: 'list', data: MODELS.flatMap(namesOf) }));
  const name = decoded(id);
  const model = findModel(name);
  if (!model) throw noModel(name);
  exchange.send(200, commonHeaders(exchange), JSON.stringify(namesOf(model).find((entry) => entry.id === name)));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const namesOf = (model: Model): { id: string; object: 'model'; created: number; owned_by: string }[] => [...new Set([model.id, model.snapshot])].map((id) => ({ id, object: 'model', created: model.created, owned_by: 'system' }));
