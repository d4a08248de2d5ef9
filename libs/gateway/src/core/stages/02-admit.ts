import { isUtf8 } from 'node:buffer';
import { isFields } from '@apex/common';
import { type KeyStore, type ProviderCredential } from '@apex/auth';
import { type ProviderRegistry, type Route, type Target } from '@apex/llm';
import { type Surface } from '@apex/usage';
import { type Call, type Refusal } from '../call.js';
import { scanTopLevel } from '../json/top-level.js';
import { refusals } from '../refusals.js';
import { glances } from '../surfaces/glances.js';
import { surfaces } from '../surfaces/index.js';
import { type Admitted, type Authenticated, type Candidate } from '../types.js';
import { wireFor } from '../wire/index.js';
import { readSession, readTags } from './01-authenticate.js';

export interface AdmitDeps {
  readonly keys: KeyStore;
  readonly providers: ProviderRegistry;
  readonly requestTimeoutMs: number;
}

export type AdmitResult =
  | { readonly ok: true; readonly request: Admitted }
  | { readonly ok: false; readonly refusal: Refusal; readonly call: Call | null };

/**
 * Is this a request that can be served: readable, of the right shape, to a provider that is there and may be used.
 * What Apex does not need to know it does not check: the provider's own answer is the better error.
 */
export function admit(request: Authenticated, body: Buffer, deps: AdmitDeps): AdmitResult {
  const deny = (refusal: Refusal, call: Call | null = null): AdmitResult => ({ ok: false, refusal, call });

  const headerRefusal = checkHeaders(request);
  if (headerRefusal !== null) return deny(headerRefusal);
  if (!isUtf8(body)) return deny(refusals.invalidUtf8());
  const top = scanTopLevel(body);
  if (top !== null && top.duplicate !== null) return deny(refusals.duplicateMember(top.duplicate));
  const glanced = top === null ? null : glances[request.surface](body, top);
  const checked = glanced === null ? parseAndCheck(body, request.surface) : { ok: true as const, call: glanced, json: null };
  if (!checked.ok) return deny(checked.refusal);
  // Whatever a parser takes for an object the scan has seen as well; were it not so, nothing could be said of the bytes.
  if (top === null) return deny(refusals.malformedJson());

  const { call } = checked;
  const route = deps.providers.route(call.model);
  if (route === null) return deny(refusals.unknownModel(call.model), call);
  const candidates = candidatesFor(request, call, route, deps.keys);
  if (!Array.isArray(candidates)) return deny(candidates, call);
  let { json } = checked;
  // Who reads the body anew must not be the first to find that it cannot be read.
  if (json === null && candidates.some(({ wire }) => !wire.passthrough)) {
    json = parseObject(body);
    if (json === null) return deny(refusals.malformedJson(), call);
  }
  const patienceMs = timeoutMs(request, deps.requestTimeoutMs);
  const deadline = { deadlineAt: request.receivedAt + patienceMs, ownDeadline: patienceMs < deps.requestTimeoutMs };
  return { ok: true, request: { ...request, body, top, json, call, candidates, hedgeAfterMs: route.hedgeAfterMs, ...deadline } };
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseAndCheck(body: Buffer, surface: Surface): { readonly ok: true; readonly call: Call; readonly json: JsonObject } | { readonly ok: false; readonly refusal: Refusal } {
  const json = parse(body);
  if (json === undefined) return { ok: false, refusal: refusals.malformedJson() };
  if (!isFields(json)) return { ok: false, refusal: refusals.notAnObject() };
  const checked = surfaces[surface].check(json);
  return checked.ok ? { ok: true, call: checked.call, json } : checked;
}

/** undefined for what is no JSON. */
function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function parseObject(body: Buffer): JsonObject | null {
  const json = parse(body);
  return isFields(json) ? json : null;
}

/** Every place that can answer and that this customer has a key for; or why there is none. */
function candidatesFor(request: Authenticated, call: Call, route: Route, keys: KeyStore): Candidate[] | Refusal {
  const spec = surfaces[request.surface];
  const candidates: Candidate[] = [];
  let refusal: Refusal | null = null;
  const add = (target: Target, weight: number, isFallback: boolean): void => {
    const { provider } = target;
    const wire = wireFor(spec, provider);
    const credential = keys.providerCredential(request.key.customerId, provider.name) ?? (provider.keyless ? NO_KEY : null);
    if (wire === null) refusal ??= refusals.noEmbeddings(provider.name);
    else if (credential === null) refusal ??= refusals.noProviderKey(provider.name);
    else candidates.push({ target, weight, isFallback, credential, wire });
  };
  for (const target of route.targets) add({ provider: target.provider, model: target.model }, target.weight, false);
  for (const target of route.fallbacks) add(target, 1, true);
  return candidates.length > 0 ? candidates : (refusal ?? refusals.unknownModel(call.model));
}

const NO_KEY: ProviderCredential = { apiKey: '', owner: 'platform' };

function checkHeaders({ headers }: Authenticated): Refusal | null {
  if (readSession(headers) === undefined) return refusals.invalidHeader('x-apex-session', 'at most 256 printable ASCII characters');
  if (readTags(headers) === undefined) return refusals.invalidHeader('x-apex-tags', 'at most 16 comma-separated tags of at most 64 printable ASCII characters');
  const type = headers['content-type'];
  if (typeof type === 'string' && type !== 'application/json' && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return refusals.unsupportedMediaType();
  const encoding = headers['content-encoding'];
  if (typeof encoding === 'string' && encoding.toLowerCase() !== 'identity') return refusals.unsupportedMediaType();
  return null;
}

/**
 * How long the caller waits at most. `x-apex-timeout-ms` is ours; OpenAI's SDKs tell their own time-out, in seconds,
 * in `x-stainless-timeout`. Neither can prolong the configured maximum.
 */
function timeoutMs({ headers }: Authenticated, maximum: number): number {
  const own = wholeNumber(headers['x-apex-timeout-ms']);
  const sdk = wholeNumber(headers['x-stainless-timeout']);
  return Math.min(maximum, own ?? maximum, sdk === null ? maximum : sdk * 1_000);
}

const wholeNumber = (value: string | string[] | undefined): number | null =>
  typeof value === 'string' && /^[1-9]\d{0,9}$/.test(value) ? Number(value) : null;
