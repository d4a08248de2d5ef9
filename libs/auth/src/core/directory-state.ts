import { type AuthenticatedKey, type KeyDenial, type ProviderCredential } from '../ports/key-store.js';
import { type Scope } from './scopes.js';

interface CustomerState {
  readonly tier: string;
  readonly platformKeys: boolean;
  readonly suspended: boolean;
}

interface KeyState {
  readonly keyId: string;
  readonly customerId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Unix ms. */
  readonly expiresAt: number | null;
  readonly revoked: boolean;
}

interface ProviderKeyState {
  readonly id: string;
  /** null: there is a key, but it cannot be opened. Nobody else's is used in its place. */
  readonly apiKey: string | null;
}

/** Customers and keys as they are known, and what follows from them. Pure: rows in, answers out. */
export class DirectoryState {
  private readonly customers = new Map<string, CustomerState>();
  private readonly keys = new Map<string, KeyState>();
  private readonly providerKeys = new Map<string, ProviderKeyState>();

  constructor(private readonly environmentKeys: Readonly<Record<string, string>>) {}

  putCustomer(id: string, state: CustomerState): void {
    this.customers.set(id, state);
  }

  putKey(hash: string, state: KeyState): void {
    this.keys.set(hash, state);
  }

  putProviderKey(customerId: string | null, provider: string, key: ProviderKeyState): void {
    this.providerKeys.set(slot(customerId, provider), key);
  }

  /** Only if it is this very key: its successor may have come first. */
  dropProviderKey(customerId: string | null, provider: string, id: string): void {
    const at = slot(customerId, provider);
    if (this.providerKeys.get(at)?.id === id) this.providerKeys.delete(at);
  }

  authenticate(hash: string, nowMs: number): AuthenticatedKey | KeyDenial {
    const key = this.keys.get(hash);
    const customer = key && this.customers.get(key.customerId);
    if (!key || !customer) return 'unknown_key';
    if (key.revoked) return 'revoked_key';
    if (key.expiresAt !== null && nowMs >= key.expiresAt) return 'expired_key';
    if (customer.suspended) return 'customer_suspended';
    return { keyId: key.keyId, customerId: key.customerId, tier: customer.tier, scopes: key.scopes };
  }

  providerCredential(customerId: string, provider: string): ProviderCredential | null {
    const own = this.providerKeys.get(slot(customerId, provider));
    if (own) return own.apiKey === null ? null : { apiKey: own.apiKey, owner: 'customer' };
    if (!this.customers.get(customerId)?.platformKeys) return null;
    const stored = this.providerKeys.get(slot(null, provider));
    const apiKey = stored ? stored.apiKey : Object.hasOwn(this.environmentKeys, provider) ? this.environmentKeys[provider] : null;
    return apiKey ? { apiKey, owner: 'platform' } : null;
  }
}

/** A customer's id has no blank, so the platform's slots are nobody else's. */
const slot = (customerId: string | null, provider: string): string => `${customerId ?? ''} ${provider}`;
