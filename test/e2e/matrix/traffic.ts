import { type PlannedRequest, randomFrom } from '../support/plan.js';
import { toolDescriptions, toolParameters } from './tools.js';
import { type ToolName } from './client.js';

type Surface = 'chat' | 'responses' | 'messages';
type Body = Record<string, unknown>;

/** A place that answers, as traffic asks for it. */
export interface Place {
  readonly models: readonly string[];
  /** Surfaces by which an order reaches the simulated provider, and the member that carries it. */
  readonly orders: Readonly<Partial<Record<Surface, 'metadata' | 'user' | 'system'>>>;
  /** Surfaces that are passed through. */
  readonly passes: readonly Surface[];
}

/** The kinds of providers. What is translated into chat completions leaves the `metadata` behind that orders stand in. */
export const places: readonly Place[] = [
  { models: ['gpt-4o-mini', 'gpt-4o', 'o4-mini'], orders: { chat: 'metadata', responses: 'metadata' }, passes: ['chat', 'responses'] },
  { models: ['compatible/gpt-4.1-mini', 'compatible/gpt-4o-mini'], orders: { chat: 'metadata' }, passes: ['chat'] },
  { models: ['claude-haiku-4-5', 'claude-sonnet-4-5'], orders: { chat: 'user', responses: 'user', messages: 'user' }, passes: ['messages'] },
  { models: ['gemini-2.5-flash', 'gemini-2.5-flash-lite'], orders: { chat: 'system', responses: 'system', messages: 'system' }, passes: [] },
];

const PATHS: Readonly<Record<Surface, string>> = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' };
const SURFACES = Object.keys(PATHS) as Surface[];

/** What only the last event of a stream holds that is whole, near its end; by the path. */
export const STREAM_ENDS: Readonly<Record<string, string>> = { [PATHS.chat]: 'data: [DONE]', [PATHS.responses]: '"usage":{"input_tokens"', [PATHS.messages]: '"message_stop"' };

const WORDS = 'river stone cloud lamp harbour violin copper meadow signal orbit thread winter'.split(' ');
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';
/** Long enough for every provider's prompt cache. */
const PREFIX = Array.from({ length: 1_300 }, (_, i) => WORDS[(i * 7) % WORDS.length]).join(' ');

type Random = () => number;
const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const prose = (random: Random, words: number): string => Array.from({ length: words }, () => pick(random, WORDS)).join(' ');

export interface Wanted {
  readonly model: string;
  readonly text: string;
  readonly system?: string;
  readonly cached?: boolean;
  readonly image?: boolean;
  readonly tools?: boolean;
  /** JSON Schema of the tools' arguments, instead of their own. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly stream?: boolean;
  readonly maxTokens?: number;
}

/** A request for one answer, in a surface's words. */
export function bodyOf(surface: Surface, wanted: Wanted): Body {
  const { model, text, system, tools, stream = false, maxTokens } = wanted;
  const names: readonly ToolName[] = ['get_weather', 'get_time'];
  switch (surface) {
    case 'chat':
      return {
        model,
        messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: wanted.image === true ? [{ type: 'text', text }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] : text }],
        ...(tools === true ? { tools: names.map((name) => ({ type: 'function', function: { name, description: toolDescriptions[name], parameters: wanted.parameters ?? toolParameters[name] } })) } : {}),
        ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
        ...(stream ? { stream, ...(text.length % 2 === 0 ? { stream_options: { include_usage: true } } : {}) } : {}),
      };
    case 'responses':
      return {
        model,
        store: false,
        ...(system === undefined ? {} : { instructions: system }),
        input: wanted.image === true ? [{ role: 'user', content: [{ type: 'input_text', text }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PNG}` }] }] : text,
        ...(tools === true ? { tools: names.map((name) => ({ type: 'function', name, description: toolDescriptions[name], parameters: wanted.parameters ?? toolParameters[name], strict: false })) } : {}),
        ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
        ...(stream ? { stream } : {}),
      };
    case 'messages':
      return {
        model,
        max_tokens: maxTokens ?? 4_096,
        ...(system === undefined ? {} : { system: [{ type: 'text', text: system, ...(wanted.cached === true ? { cache_control: { type: 'ephemeral' } } : {}) }] }),
        messages: [{ role: 'user', content: wanted.image === true ? [{ type: 'text', text }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] : text }],
        ...(tools === true ? { tools: names.map((name) => ({ name, description: toolDescriptions[name], input_schema: wanted.parameters ?? toolParameters[name] })) } : {}),
        ...(stream ? { stream } : {}),
      };
  }
}

/** Orders something of the simulated provider: `500;times=1`, `tokens=2500`. */
export function ordered(surface: Surface, wanted: Wanted, carrier: 'metadata' | 'user' | 'system', order: string, session: string): Body {
  if (carrier === 'system') return bodyOf(surface, { ...wanted, system: `[[simulate:${order};id=${session}]] ${wanted.system ?? 'Be brief.'}` });
  const body = bodyOf(surface, wanted);
  if (carrier === 'metadata') {
    const tokens = /^tokens=(\d+)$/.exec(order)?.[1];
    return { ...body, metadata: tokens === undefined ? { simulate: order, simulate_id: session } : { simulate_tokens: tokens } };
  }
  const directive = `simulate:${order};id=${session}`;
  return { ...body, ...(surface === 'messages' ? { metadata: { user_id: directive } } : { user: directive }) };
}

/** What happens to a request whose order reaches the provider. */
interface Trouble {
  readonly order: string;
  readonly stream?: boolean;
  readonly status?: number;
  readonly disturbed?: boolean;
  readonly hangsUp?: boolean;
}

const TROUBLES: readonly Trouble[] = [
  { order: '429;retry_after=0.02;times=1' },
  { order: '500;times=1' },
  { order: '500;times=2', stream: true },
  { order: 'disconnect;times=1', disturbed: true },
  { order: 'disconnect;times=1', stream: true, disturbed: true },
  { order: 'cut=4', stream: true, disturbed: true },
  { order: 'cut', status: 502, disturbed: true },
  { order: 'stream_error=4', stream: true, disturbed: true },
  { order: 'malformed', status: 502, disturbed: true },
  { order: 'slow_first_byte=40', stream: true },
  { order: 'tokens=2500', stream: true, disturbed: true, hangsUp: true },
  { order: 'tokens=2500', stream: true, disturbed: true, hangsUp: true },
];

const TROUBLED = 0.15;
const EMBEDDINGS = 0.04;
const UNKNOWN = 0.01;

/** Request `index` of the traffic of `seed`: all surfaces to all kinds of providers, with all that can happen to a request. */
export function mixedRequest(seed: number, index: number): PlannedRequest {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ index);
  const session = `mix-${seed}-${index}`;
  const surface = pick(random, SURFACES);
  const place = pick(random, places);
  const plain = { session, path: PATHS[surface], stream: false, hangUpAfterBytes: null, status: 200, disturbed: false };
  const wanted: Wanted = { model: pick(random, place.models), text: prose(random, 3 + Math.floor(random() * 30)) };
  const kind = random();
  if (kind < EMBEDDINGS) return { ...plain, path: '/v1/embeddings', body: { model: 'text-embedding-3-small', input: [prose(random, 8), prose(random, 4)], dimensions: 64 } };
  if (kind < EMBEDDINGS + UNKNOWN) return { ...plain, status: 404, body: bodyOf(surface, { ...wanted, model: 'gpt-17' }) };
  const carrier = place.orders[surface];
  if (carrier !== undefined && kind > 1 - TROUBLED) {
    const { order, stream = false, status = 200, disturbed = false, hangsUp = false } = pick(random, TROUBLES);
    return { ...plain, stream, status, disturbed, hangUpAfterBytes: hangsUp ? Math.floor(random() * 40_000) : null, body: ordered(surface, { ...wanted, stream }, carrier, order, session) };
  }
  const stream = random() < 0.5;
  const path = random() < 0.05 ? `/direct${plain.path}` : plain.path;
  return { ...plain, path, stream, body: bodyOf(surface, { ...wanted, ...ornament(random), stream }) };
}

/** What a healthy request has besides its text. */
function ornament(random: Random): Partial<Wanted> {
  const kind = random();
  if (kind < 0.15) return { tools: true, text: `weather in parallel ${prose(random, 4)}` };
  if (kind < 0.25) return { system: PREFIX, cached: true };
  if (kind < 0.32) return { image: true };
  if (kind < 0.42) return { maxTokens: 16 };
  if (kind < 0.6) return { system: prose(random, 12) };
  return {};
}
