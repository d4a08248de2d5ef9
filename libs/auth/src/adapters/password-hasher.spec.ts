import { type ApexError } from '@apex/common';
import { PasswordHasher } from './password-hasher.js';

const cheap = { logN: 8, r: 8, p: 1 };

describe('PasswordHasher', () => {
  it('knows the password again, and no other', async () => {
    const hasher = new PasswordHasher(cheap);
    const stored = await hasher.hash('correct horse');
    expect(await hasher.verify('correct horse', stored)).toBe(true);
    expect(await hasher.verify('correct horsf', stored)).toBe(false);
    expect(stored).not.toContain('correct');
    expect(await hasher.hash('correct horse')).not.toBe(stored);
  });

  it('verifies hashes made with other parameters', async () => {
    const stored = await new PasswordHasher({ logN: 6, r: 4, p: 2 }).hash('a password');
    expect(stored).toMatch(/^scrypt\$6\$4\$2\$/);
    expect(await new PasswordHasher(cheap).verify('a password', stored)).toBe(true);
  });

  it('says no without a stored hash, after as much work', async () => {
    expect(await new PasswordHasher(cheap).verify('anything', null)).toBe(false);
  });

  it('refuses a crowd instead of queueing it', async () => {
    const hasher = new PasswordHasher(cheap);
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => hasher.hash('x')));
    const refused = results.filter((r) => r.status === 'rejected');
    expect(refused.length).toBe(24);
    for (const { reason } of refused) expect((reason as ApexError).code).toBe('sign_in_busy');
    expect(await hasher.verify('x', await hasher.hash('x'))).toBe(true);
  });
});
