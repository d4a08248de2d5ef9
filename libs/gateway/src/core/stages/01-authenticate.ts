import { type KeyDenial, type KeyStore } from '@apex/auth';
import { refusals } from '../refusals.js';
import { type Refusal } from '../call.js';
import { type Authenticated, type Labels, type Received } from '../types.js';

const MAX_SESSION_LENGTH = 256;
const MAX_TAGS = 16;
const NO_TAGS: readonly string[] = [];
/** Printable ASCII without the separator. */
const TAG = /^[\x21-\x2b\x2d-\x7e]{1,64}$/;

export type AuthenticateResult =
  | { readonly ok: true; readonly request: Authenticated }
  /** Nobody known is asking: nothing is recorded. */
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Who is asking. Denies by default: without a live key that has the scope `inference` nothing goes on.
 * A label that does not parse is left out here and refused in the next stage, where it is recorded.
 */
export function authenticate(received: Received, keys: KeyStore): AuthenticateResult {
  const presented = presentedKey(received.headers);
  if (presented === null) return { ok: false, refusal: refusals.missingKey() };
  const key = keys.authenticate(presented, received.receivedAt);
  if (typeof key === 'string') return { ok: false, refusal: refusalOf(key) };
  if (!key.scopes.has('inference')) return { ok: false, refusal: refusals.missingScope() };
  return { ok: true, request: { ...received, key, labels: labelsOf(received.headers) } };
}

function presentedKey(headers: Received['headers']): string | null {
  const authorization = headers['authorization'];
  // Anthropic's SDKs send `x-api-key`.
  if (typeof authorization !== 'string') return typeof headers['x-api-key'] === 'string' ? headers['x-api-key'] : null;
  const match = /^bearer +(\S+) *$/i.exec(authorization);
  return match?.[1] ?? null;
}

function refusalOf(denial: KeyDenial): Refusal {
  switch (denial) {
    case 'unknown_key':
      return refusals.invalidKey();
    case 'revoked_key':
      return refusals.revokedKey();
    case 'expired_key':
      return refusals.expiredKey();
    case 'customer_suspended':
      return refusals.suspended();
  }
}

const NO_LABELS: Labels = Object.freeze({ session: null, tags: Object.freeze([]) as readonly string[] });

function labelsOf(headers: Received['headers']): Labels {
  if (headers['x-apex-session'] === undefined && headers['x-apex-tags'] === undefined) return NO_LABELS;
  const session = readSession(headers);
  const tags = readTags(headers);
  return { session: session === undefined ? null : session, tags: tags ?? NO_TAGS };
}

/** null: not given; undefined: given and not usable. */
export function readSession(headers: Received['headers']): string | null | undefined {
  const session = headers['x-apex-session'];
  if (session === undefined || session === '') return null;
  return typeof session === 'string' && session.length <= MAX_SESSION_LENGTH && /^[\x20-\x7e]+$/.test(session) ? session : undefined;
}

/** undefined: given and not usable. */
export function readTags(headers: Received['headers']): readonly string[] | undefined {
  const given = headers['x-apex-tags'];
  if (given === undefined || given === '') return NO_TAGS;
  if (typeof given !== 'string') return undefined;
  const tags = [...new Set(given.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '');
  return tags.length <= MAX_TAGS && tags.every((tag) => TAG.test(tag)) ? tags : undefined;
}
