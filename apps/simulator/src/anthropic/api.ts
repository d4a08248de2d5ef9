import { type Engine } from '../core/engine.js';
import { type Exchange } from '../http/exchange.js';
import { type Api, type Endpoint, type Surface, aboutBody, decodedSegment, orRefuse, serveBillable } from '../http/serve.js';
import { AnthropicError, badRequest, commonHeaders, noKey, noModel, notJson, tooLarge, wrongKey } from './errors.js';
import { messages } from './messages.js';
import { CLAUDE_MODELS, type ClaudeModel, findClaude } from './models.js';

const INVALID_KEY = 'sk-invalid';
const MESSAGES_PATH = '/v1/messages';

const surface: Surface = { bodyLimit: 32 * 1024 * 1024, callerOf, notJson, tooLarge, badRequest };
const endpoint: Endpoint = { protocol: 'anthropic-messages', name: 'messages', about: aboutBody, handle: messages };

/** Whether a request is Anthropic's: by its path, or, where OpenAI has the same, by the version that it names. */
export const isAnthropic = (exchange: Exchange): boolean => exchange.path === MESSAGES_PATH || exchange.path.startsWith(`${MESSAGES_PATH}/`) || (/^\/v1\/models(\/|$)/.test(exchange.path) && exchange.header('anthropic-version') !== null);

/** Anthropic's API: messages and models. */
export function anthropicApi(engine: Engine): Api {
  return (exchange, track) => {
    if (exchange.path === MESSAGES_PATH && exchange.method === 'POST') return serveBillable(exchange, engine, track, surface, endpoint);
    return orRefuse(exchange, null, () => {
      callerOf(exchange);
      readModels(exchange);
    });
  };
}

/** The key, as SDKs send it: the older ones in `x-api-key`, those of version 2026-10-21 as a bearer token. */
function callerOf(exchange: Exchange): string {
  const key = exchange.header('x-api-key') ?? /^bearer +(\S+) *$/i.exec(exchange.header('authorization') ?? '')?.[1];
  if (key === undefined || key === '') throw noKey();
  if (key === INVALID_KEY) throw wrongKey();
  return key;
}

function readModels(exchange: Exchange): void {
  const id = /^\/v1\/models\/([^/]+)$/.exec(exchange.path)?.[1];
  if (exchange.path === MESSAGES_PATH || (exchange.method !== 'GET' && exchange.path.startsWith('/v1/models'))) throw new AnthropicError(405, 'invalid_request_error', 'Method Not Allowed');
  if (id === undefined && exchange.path !== '/v1/models') throw new AnthropicError(404, 'not_found_error', 'Not Found');
  if (id === undefined) {
    const data = CLAUDE_MODELS.map(infoOf);
    return exchange.send(200, commonHeaders(), JSON.stringify({ data, has_more: false, first_id: CLAUDE_MODELS[0]?.snapshot ?? null, last_id: CLAUDE_MODELS.at(-1)?.snapshot ?? null }));
  }
  const name = decodedSegment(id);
  const model = findClaude(name);
  if (!model) throw noModel(name);
  exchange.send(200, commonHeaders(), JSON.stringify(infoOf(model)));
}

const infoOf = (model: ClaudeModel): object => ({
  type: 'model',
  id: model.snapshot,
  display_name: model.displayName,
  created_at: new Date(model.created * 1000).toISOString().replace('.000Z', 'Z'),
  max_input_tokens: model.contextWindow,
  max_tokens: model.maxOutput,
  lifecycle: 'active',
  deprecated_at: null,
  retires_at: null,
  line: null,
  capabilities: null,
});
