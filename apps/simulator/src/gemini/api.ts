import { type Engine } from '../core/engine.js';
import { type Exchange } from '../http/exchange.js';
import { type Api, type Surface, decodedSegment, orRefuse, serveBillable } from '../http/serve.js';
import { GeminiError, badRequest, commonHeaders, noKey, noModel, notJson, tooLarge, wrongKey } from './errors.js';
import { type Target, generateContent } from './generate.js';
import { GEMINI_MODELS, type GeminiModel, findGemini } from './models.js';

const INVALID_KEY = 'sk-invalid';
const METHOD = /^\/(v1|v1beta)\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;
const MODELS = /^\/(v1|v1beta)\/models(?:\/([^/:]+))?$/;

const surface: Surface = { bodyLimit: 20 * 1024 * 1024, callerOf, notJson, tooLarge, badRequest };

/** Whether a request is Google's: by its path, or, where OpenAI has the same, by the key that it brings. */
export function isGemini(exchange: Exchange): boolean {
  if (exchange.path.startsWith('/v1beta/')) return true;
  if (exchange.method === 'POST') return /^\/v1\/models\/[^/]+:[a-zA-Z]+$/.test(exchange.path);
  return MODELS.test(exchange.path) && exchange.header('x-goog-api-key') !== null;
}

/** The Gemini API, under /v1beta and, as newer SDKs have it, /v1: generation and models. */
export function geminiApi(engine: Engine): Api {
  return (exchange, track) => {
    const target = exchange.method === 'POST' ? targetOf(exchange.path) : null;
    if (!target) return orRefuse(exchange, null, () => readModels(exchange));
    return serveBillable(exchange, engine, track, surface, {
      protocol: 'gemini',
      name: 'generateContent',
      about: () => ({ model: target.model, stream: target.method === 'streamGenerateContent' }),
      handle: (call) => generateContent(call, target),
    });
  };
}

function targetOf(path: string): Target | null {
  const [, version, model, method] = METHOD.exec(path) ?? [];
  return method === undefined ? null : { version: version as string, model: decodedSegment(model as string), method: method as Target['method'] };
}

function callerOf(exchange: Exchange): string {
  const key = exchange.header('x-goog-api-key') ?? exchange.query('key');
  if (key === null || key === '') throw noKey();
  if (key === INVALID_KEY) throw wrongKey();
  return key;
}

function readModels(exchange: Exchange): void {
  callerOf(exchange);
  const [path, version, id] = MODELS.exec(exchange.path) ?? [];
  if (path === undefined || exchange.method !== 'GET') throw new GeminiError(404, 'NOT_FOUND', 'Requested entity was not found.');
  if (id === undefined) return exchange.send(200, commonHeaders(exchange), JSON.stringify({ models: GEMINI_MODELS.map(infoOf) }));
  const name = decodedSegment(id);
  const model = findGemini(name);
  if (!model) throw noModel(name, version as string, 'getModel');
  exchange.send(200, commonHeaders(exchange), JSON.stringify(infoOf(model)));
}

const infoOf = (model: GeminiModel): object => ({
  name: `models/${model.id}`,
  version: model.id.replace('gemini-', '').split('-')[0],
  displayName: model.displayName,
  inputTokenLimit: model.contextWindow,
  outputTokenLimit: model.maxOutput,
  supportedGenerationMethods: ['generateContent'],
  thinking: true,
});
