import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AuthProcess } from '../../test/auth-process.js';
import { sealedBy } from '../core/content-box.js';
import { type CallerContext } from '../core/caller.js';
import { authEntities } from '../entities/index.js';

const root: CallerContext = { kind: 'operator', name: 'root' };
const masterKey = (): string => randomBytes(32).toString('base64');

describe('secrets that can be changed', () => {
  let database: TestDatabase;
  let home: string;
  const clock = new FakeClock(Date.UTC(2026, 10, 23));
  const running: AuthProcess[] = [];

  beforeAll(async () => {
    database = await createTestDatabase({ entities: authEntities });
    home = await mkdtemp(join(tmpdir(), 'apex-secrets-'));
  });
  afterEach(async () => {
    for (const process of running.splice(0)) await process.stop();
  });
  afterAll(async () => {
    await database.drop();
    await rm(home, { recursive: true });
  });

  const start = async (config: { encryptionKey?: string; oldEncryptionKeys?: string[]; failuresPerMinute?: number } = {}): Promise<AuthProcess> => {
    const process = await AuthProcess.start({ url: database.url, home, clock, config });
    running.push(process);
    return process;
  };
  const rows = (): Promise<{ id: string; provider: string; ciphertext: Buffer; revoked_at: Date | null }[]> => database.dataSource.query('select id, provider, ciphertext, revoked_at from provider_keys order by id');
  const lastAudit = async (process: AuthProcess): Promise<unknown> => (await process.audit.list({ limit: 1 })).data[0];

  describe('the master key', () => {
    const [first, second, third] = [masterKey(), masterKey(), masterKey()];

    it('is changed without losing a key: old one kept for opening, all sealed anew, old one thrown away', async () => {
      const before = await start({ encryptionKey: first });
      await before.customers.create(root, { id: 'rotating', name: 'R', tier: 'free', platformKeys: true });
      await before.providerKeys.set(root, 'rotating', 'openai', { apiKey: 'sk-customer-0123456789' });
      await before.providerKeys.set(root, null, 'openai', { apiKey: 'sk-platform-0123456789' });
      for (let i = 0; i < 3; i++) await before.providerKeys.set(root, 'rotating', `p${i}`, { apiKey: `sk-more-${i}-0123456789` });

      // Step one: every process opens with both, seals with the new one.
      const between = await start({ encryptionKey: second, oldEncryptionKeys: [first] });
      expect(between.directory.providerCredential('rotating', 'openai')).toEqual({ apiKey: 'sk-customer-0123456789', owner: 'customer' });
      await between.providerKeys.set(root, 'rotating', 'p0', { apiKey: 'sk-newer-0123456789' });

      // Step two.
      const report = await between.providerKeys.reseal(root, 'yearly change');
      expect(report).toEqual({ masterKey: expect.stringMatching(/^[0-9a-f]{16}$/) as string, resealed: 4, current: 1, unreadable: [] });
      expect(await lastAudit(between)).toMatchObject({ actor: 'operator:root', action: 'provider_key.reseal', after: { resealed: 4, current: 1, unreadable: [] }, reason: 'yearly change' });
      expect(await between.providerKeys.reseal(root, 'again')).toMatchObject({ resealed: 0, current: 5 });
      for (const row of await rows()) if (row.revoked_at === null) expect(sealedBy(row.ciphertext)).toBe(report.masterKey);

      // Step three: nobody needs the old one.
      const after = await start({ encryptionKey: second });
      expect(['openai', 'p0', 'p1', 'p2'].map((provider) => after.directory.providerCredential('rotating', provider)?.apiKey)).toEqual(['sk-customer-0123456789', 'sk-newer-0123456789', 'sk-more-1-0123456789', 'sk-more-2-0123456789']);
      await after.providerKeys.revoke(root, 'rotating', 'openai');
      expect(after.directory.providerCredential('rotating', 'openai')).toEqual({ apiKey: 'sk-platform-0123456789', owner: 'platform' });
    });

    it('that sealed a key and is not here is named, and the key is left as it is', async () => {
      const before = await rows();
      const stranger = await start({ encryptionKey: third });
      const { unreadable, resealed } = await stranger.providerKeys.reseal(root, 'with the wrong one');
      expect([resealed, unreadable.length]).toEqual([0, 4]);
      expect(unreadable).toContainEqual({ id: expect.any(String) as string, owner: 'platform', provider: 'openai', masterKey: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
      expect(await rows()).toEqual(before);
    });

    it('moves from the file into the environment', async () => {
      const withFile = await start();
      await withFile.customers.create(root, { id: 'moving', name: 'M', tier: 'free', platformKeys: false });
      await withFile.providerKeys.set(root, 'moving', 'openai', { apiKey: 'sk-from-file-0123456789' });
      expect((await stat(join(home, 'secret.key'))).mode & 0o777).toBe(0o600);
      const moved = await start({ encryptionKey: second });
      expect(await moved.providerKeys.reseal(root, 'moved')).toMatchObject({ resealed: 1, unreadable: [] });
      await rm(join(home, 'secret.key'));
      expect((await start({ encryptionKey: second })).directory.providerCredential('moving', 'openai')).toMatchObject({ apiKey: 'sk-from-file-0123456789' });
    });

    it('has nothing to open of a key that was revoked or replaced', async () => {
      const revoked = (await rows()).filter((row) => row.revoked_at !== null);
      expect(revoked.length).toBeGreaterThan(1);
      for (const row of revoked) expect(row.ciphertext).toHaveLength(0);
    });

    it('reseals more keys than one step takes', async () => {
      const process = await start({ encryptionKey: first, oldEncryptionKeys: [second] });
      await process.customers.create(root, { id: 'many', name: 'Many', tier: 'free', platformKeys: false });
      await database.dataSource.query(
        // Empty ones cannot be opened: what counts here is that each is seen once.
        `insert into provider_keys (id, customer_id, provider, ciphertext, hint) select gen_random_uuid(), 'many', 'bulk' || n, '', '' from generate_series(1, 1203) n`,
      );
      const { unreadable, resealed } = await process.providerKeys.reseal(root, 'back again');
      expect([new Set(unreadable.map(({ id }) => id)).size, unreadable.length, resealed]).toEqual([1203, 1203, 5]);
      await database.dataSource.query(`delete from provider_keys where customer_id = 'many'`);
    });
  });

  describe('an admin token', () => {
    it('is listed without itself, works until it is revoked, and its revocation is audited', async () => {
      const process = await start();
      const { id, token } = await process.operators.create(root, { name: 'deploy bot', reason: 'CI' });
      expect(await process.callers.authenticate(token, '192.0.2.1')).toEqual({ kind: 'operator', name: 'deploy bot' });
      const list = await process.operators.list({ limit: 100 });
      expect(list.data).toContainEqual({ id, name: 'deploy bot', createdAt: expect.any(String) as string, revokedAt: null });
      expect(JSON.stringify([list, await process.audit.list({ limit: 100 })])).not.toContain(token.slice(8));
      expect(await process.operators.revoke(root, id, 'leaked')).toMatchObject({ id, revokedAt: new Date(clock.now()).toISOString() });
      expect(await lastAudit(process)).toMatchObject({ action: 'operator_token.revoke', target: `operator_token:${id}`, before: { revoked: false }, after: { revoked: true }, reason: 'leaked' });
      await expect(process.callers.authenticate(token, '192.0.2.1')).rejects.toMatchObject({ code: 'unknown_token' });
      const { data } = await process.audit.list({ limit: 100 });
      await process.operators.revoke(root, id);
      expect((await process.audit.list({ limit: 100 })).data).toHaveLength(data.length);
    });

    it('cannot be guessed at for long', async () => {
      const process = await start({ failuresPerMinute: 3 });
      const guess = (address: string): Promise<unknown> => process.callers.authenticate(`apexadm_${'A'.repeat(43)}`, address).catch((error: { code: string }) => error.code);
      expect([await guess('192.0.2.9'), await guess('192.0.2.9'), await guess('192.0.2.9'), await guess('192.0.2.9'), await guess('192.0.2.10')]).toEqual(['unknown_token', 'unknown_token', 'unknown_token', 'too_many_failures', 'unknown_token']);
    });
  });

  describe('a user', () => {
    const password = 'long enough to be one';

    it('is signed out everywhere when disabled, given a new password or another role, and each is audited', async () => {
      const process = await start({ encryptionKey: masterKey() });
      await process.customers.create(root, { id: 'people2', name: 'P', tier: 'free', platformKeys: false });
      await process.customers.create(root, { id: 'others2', name: 'O', tier: 'free', platformKeys: false });
      const { id } = await process.users.create(root, 'people2', { email: 'eve@example.com', name: 'Eve', role: 'owner', password });
      const signIn = async (word = password): Promise<string> => (await process.sessions.signIn({ email: 'eve@example.com', password: word }, '192.0.2.20')).token;
      const works = (token: string): Promise<boolean> => process.callers.authenticate(token, '192.0.2.20').then(() => true, () => false);

      const first = await signIn();
      expect(await lastAudit(process)).toMatchObject({ actor: `user:${id}`, action: 'session.start', target: `customer:people2/user:${id}` });
      await process.users.update(root, 'people2', id, { password: 'another long one', reason: 'it leaked' });
      expect(await lastAudit(process)).toMatchObject({ action: 'user.update', after: { password: 'changed', sessionsEnded: 1 }, reason: 'it leaked' });
      expect(JSON.stringify(await lastAudit(process))).not.toContain('another long one');
      await expect(signIn()).rejects.toMatchObject({ code: 'invalid_credentials' });
      const second = await signIn('another long one');
      expect(await process.users.update(root, 'people2', id, { role: 'member', reason: 'moved on' })).toMatchObject({ role: 'member', disabled: false });
      const third = await signIn('another long one');
      expect(await process.users.update(root, 'people2', id, { disabled: true, reason: 'left' })).toMatchObject({ disabled: true });
      expect([await works(first), await works(second), await works(third)]).toEqual([false, false, false]);
      await expect(signIn('another long one')).rejects.toMatchObject({ code: 'invalid_credentials' });
      await process.users.update(root, 'people2', id, { disabled: false, reason: 'came back' });
      const fourth = await signIn('another long one');
      expect(await works(fourth)).toBe(true);
      await process.sessions.signOut({ kind: 'user', customerId: 'people2', userId: id, role: 'member' }, fourth);
      expect(await lastAudit(process)).toMatchObject({ actor: `user:${id}`, action: 'session.end' });
      expect(await works(fourth)).toBe(false);
      await expect(process.users.update(root, 'others2', id, { disabled: true, reason: 'not theirs' })).rejects.toMatchObject({ httpStatus: 404 });
    });

    it("'s address cannot try one password on everybody", async () => {
      const process = await start();
      const attempt = (email: string, address: string): Promise<string> => process.sessions.signIn({ email, password: 'Summer2026!' }, address).then(() => 'in', (error: { code: string }) => error.code);
      const outcomes: string[] = [];
      for (let i = 0; i < 32; i++) outcomes.push(await attempt(`someone-${i}@example.com`, '192.0.2.30'));
      expect(outcomes).toEqual([...Array<string>(30).fill('invalid_credentials'), 'login_throttled', 'login_throttled']);
      expect(await attempt('someone-40@example.com', '192.0.2.31')).toBe('invalid_credentials');
    }, 60_000);
  });

  it('leaves no file of its own that somebody else could read', async () => {
    const process = await start();
    await process.seeder.ensure({ home, baseUrl: 'http://127.0.0.1:1' });
    const modes = await Promise.all((await readdir(home)).map(async (name) => [name, (await stat(join(home, name))).mode & 0o077]));
    expect(modes.length).toBeGreaterThan(0);
    expect(modes.filter(([, mode]) => mode !== 0)).toEqual([]);
  });
});
