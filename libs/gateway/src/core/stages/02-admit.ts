import { isUtf8 } from 'node:buffer';
import { type KeyStore } from '@apex/auth';
import { type ProviderRegistry } from '@apex/llm';
import { scanTopLevel } from '../json/top-level.js';
import { refusals } from '../refusals.js';
import { type Admitted, type Authenticated, type Call, type Refusal } from '../types.js';
import { readSession, readTags } from './01-authenticate.js';
import { checkBody } from './body-check.js';

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
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return deny(refusals.malformedJson());
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return deny(refusals.notAnObject());
  const duplicate = scanTopLevel(body)?.duplicate ?? null;
  if (duplicate !== null) return deny(refusals.duplicateMember(duplicate));
  const checked = checkBody(request.surface, parsed as Record<string, unknown>);
  if (!checked.ok) return deny(checked.refusal);

  const { call } = checked;
  const target = deps.providers.resolve(call.model);
  if (target === null) return deny(refusals.unknownModel(call.model), call);
  const credential = deps.keys.providerCredential(request.key.customerId, target.provider.name);
  if (credential === null) return deny(refusals.noProviderKey(target.provider.name), call);
  return {
    ok: true,
    request: {
      ...request,
      body,
      call,
      provider: target.provider,
      upstreamModel: target.upstreamModel,
      credential,
      deadlineAt: request.receivedAt + timeoutMs(request, deps.requestTimeoutMs),
    },
  };
}

function checkHeaders({ headers }: Authenticated): Refusal | null {
  if (readSession(headers) === undefined) return refusals.invalidHeader('x-apex-session', 'at most 256 printable ASCII characters');
  if (readTags(headers) === undefined) return refusals.invalidHeader('x-apex-tags', 'at most 16 comma-separated tags of at most 64 printable ASCII characters');
  const type = headers['content-type'];
  if (typeof type === 'string' && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return refusals.unsupportedMediaType();
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
