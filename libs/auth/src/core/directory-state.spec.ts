import { DirectoryState } from './directory-state.js';

const NOW = 1_000_000;
const scopes = new Set(['inference'] as const);

function state(): DirectoryState {
  const known = new DirectoryState({ openai: 'env-key' });
  known.putCustomer('a', { tier: 'mid', platformKeys: true, suspended: false });
  known.putCustomer('b', { tier: 'free', platformKeys: false, suspended: false });
  known.putKey('h', { keyId: 'k', customerId: 'a', scopes, expiresAt: null, revoked: false });
  return known;
}

describe('DirectoryState', () => {
  it('knows a key with its customer\'s tier', () => {
    const known = state();
    expect(known.authenticate('h', NOW)).toEqual({ keyId: 'k', customerId: 'a', tier: 'mid', scopes });
    known.putCustomer('a', { tier: 'early', platformKeys: true, suspended: false });
    expect(known.authenticate('h', NOW)).toMatchObject({ tier: 'early' });
    expect(known.authenticate('other', NOW)).toBe('unknown_key');
  });

  it('denies revoked, expired and suspended, the expiry to the millisecond', () => {
    const known = state();
    const key = { keyId: 'k', customerId: 'a', scopes, expiresAt: NOW, revoked: false };
    known.putKey('h', key);
    expect(known.authenticate('h', NOW - 1)).toMatchObject({ keyId: 'k' });
    expect(known.authenticate('h', NOW)).toBe('expired_key');
    known.putKey('h', { ...key, revoked: true });
    expect(known.authenticate('h', NOW - 1)).toBe('revoked_key');
    known.putKey('h', key);
    known.putCustomer('a', { tier: 'mid', platformKeys: true, suspended: true });
    expect(known.authenticate('h', NOW - 1)).toBe('customer_suspended');
  });

  it('gives the customer\'s own provider key before the platform\'s, and the platform\'s only to those who may', () => {
    const known = state();
    expect(known.providerCredential('a', 'openai')).toEqual({ apiKey: 'env-key', owner: 'platform' });
    expect(known.providerCredential('b', 'openai')).toBeNull();
    expect(known.providerCredential('nobody', 'openai')).toBeNull();
    expect(known.providerCredential('a', 'toString')).toBeNull();
    known.putProviderKey(null, 'openai', { id: 'p', apiKey: 'stored-key' });
    expect(known.providerCredential('a', 'openai')).toEqual({ apiKey: 'stored-key', owner: 'platform' });
    for (const customer of ['a', 'b']) {
      known.putProviderKey(customer, 'openai', { id: `own-${customer}`, apiKey: `own-${customer}` });
      expect(known.providerCredential(customer, 'openai')).toEqual({ apiKey: `own-${customer}`, owner: 'customer' });
    }
  });

  it('never puts another key in the place of one that cannot be opened', () => {
    const known = state();
    known.putProviderKey('a', 'openai', { id: 'own', apiKey: null });
    expect(known.providerCredential('a', 'openai')).toBeNull();
  });

  it('keeps a successor whatever order it and the end of its predecessor come in', () => {
    const known = state();
    known.putProviderKey('b', 'openai', { id: 'old', apiKey: 'old' });
    known.putProviderKey('b', 'openai', { id: 'new', apiKey: 'new' });
    known.dropProviderKey('b', 'openai', 'old');
    expect(known.providerCredential('b', 'openai')).toMatchObject({ apiKey: 'new' });
    known.dropProviderKey('b', 'openai', 'new');
    expect(known.providerCredential('b', 'openai')).toBeNull();
  });
});
