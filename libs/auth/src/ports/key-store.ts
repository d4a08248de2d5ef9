import { type Uuid } from '@apex/common';
import { type Scope } from '../core/scopes.js';

/** What a request is allowed to be, once its API key is known. */
export interface AuthenticatedKey {
  readonly keyId: Uuid;
  readonly customerId: string;
  readonly tier: string;
  readonly scopes: ReadonlySet<Scope>;
}

export type KeyDenial = 'unknown_key' | 'revoked_key' | 'expired_key' | 'customer_suspended';

export type ProviderCredential = { readonly apiKey: string; readonly owner: 'customer' | 'platform' };

/**
 * Every known key, in memory: no query on a request's path, and known keys go on working while Postgres is away.
 * A change is effective here at once and in every other process within a second.
 */
export abstract class KeyStore {
  /** `presented` is the raw API key as the client sent it. */
  abstract authenticate(presented: string, nowMs: number): AuthenticatedKey | KeyDenial;
  /** The customer's own key for this provider, else the platform's if the customer may use it, else null. */
  abstract providerCredential(customerId: string, provider: string): ProviderCredential | null;
}
