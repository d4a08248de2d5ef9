import { type Engine } from '../core/engine.js';
import { MODELS, type Model, findModel } from '../core/catalogue.js';
import { type Exchange } from '../http/exchange.js';
import { type Api, type Endpoint, type Surface, aboutBody, decodedSegment, orRefuse, serveBillable } from '../http/serve.js';
import { chatCompletions } from './chat.js';
import { embeddings } from './embeddings.js';
import { OpenAiError, badRequest, noKey, noModel, notJson, tooLarge, wrongKey } from './errors.js';
import { commonHeaders } from './headers.js';
import { ResponseStore } from './response-store.js';
import { responses, storedResponse } from './responses.js';

const INVALID_KEY = 'sk-invalid';

const surface: Surface = { bodyLimit: 64 * 1024 * 1024, callerOf, notJson, tooLarge, badRequest };

/** OpenAI's API under /v1. */
export function openAiApi(engine: Engine): Api {
  const store = new ResponseStore();
  const billable: Readonly<Record<string, Endpoint>> = {
    '/v1/chat/completions': { protocol: 'openai-chat', name: 'chat.completions', about: aboutBody, handle: chatCompletions },
    '/v1/embeddings': { protocol: 'openai-embeddings', name: 'embeddings', about: aboutBody, handle: embeddings },
    '/v1/responses': { protocol: 'openai-responses', name: 'responses', about: aboutBody, handle: (call) => responses(call, store) },
  };
  return (exchange, track) => {
    const endpoint = billable[exchange.path];
    if (endpoint && exchange.method === 'POST') return serveBillable(exchange, engine, track, surface, endpoint);
    return orRefuse(exchange, null, () => {
      const caller = callerOf(exchange);
      const id = /^\/v1\/responses\/([^/]+)$/.exec(exchange.path)?.[1];
      if (id === undefined) readModels(exchange, endpoint !== undefined);
      else storedResponse(exchange, caller, decodedSegment(id), store);
    });
  };
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
  const name = decodedSegment(id);
  const model = findModel(name);
  if (!model) throw noModel(name);
  exchange.send(200, commonHeaders(exchange), JSON.stringify(namesOf(model).find((entry) => entry.id === name)));
}

const namesOf = (model: Model): { id: string; object: 'model'; created: number; owned_by: string }[] => [...new Set([model.id, model.snapshot])].map((id) => ({ id, object: 'model', created: model.created, owned_by: 'system' }));
