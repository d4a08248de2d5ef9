import { createHash } from 'node:crypto';
import { type Admitted } from '../types.js';

/** One use of an `Idempotency-Key`. Neither part tells what the key or the body was. */
export interface KeyUse {
  /** Names the key within its customer, surface and path: the same key elsewhere is another one. */
  readonly slot: string;
  /** Equal for equal requests only. */
  readonly fingerprint: string;
}

/**
 * Headers that reach the provider or change the answer's bytes: with others it is another request. Labels, time-outs
 * and whatever SDKs count in headers of their own may differ from one try to the next.
 */
const TELLING = ['anthropic-beta', 'anthropic-version', 'openai-beta', 'openai-organization', 'openai-project', 'x-apex-cache', 'x-apex-route', 'x-apex-trailer'] as const;

const KEY = /^[\x20-\x7e]{1,255}$/;

/** What a request's key stands for; null: the header is none. */
export function keyUse(request: Pick<Admitted, 'key' | 'surface' | 'path' | 'headers' | 'body'>, header: string | string[]): KeyUse | null {
  if (typeof header !== 'string' || !KEY.test(header)) return null;
  const scope = JSON.stringify([request.key.customerId, request.surface, request.path, header]);
  return {
    slot: createHash('sha256').update(scope).digest('base64url'),
    // With the scope in it, which holds the key, a body cannot be guessed from its fingerprint. JSON holds no bare NUL.
    fingerprint: createHash('sha256').update(scope).update('\0').update(JSON.stringify(TELLING.map((name) => request.headers[name] ?? null))).update('\0').update(request.body).digest('base64url'),
  };
}
