import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { type CallerContext } from '../core/caller.js';
import { createKeySchema } from '../core/inputs.js';
import { authEntities } from '../entities/index.js';
import { AuthProcess } from '../../test/auth-process.js';

const root: CallerContext = { kind: 'operator', name: 'root' };
const HOUR_MS = 3_600_000;
const plainKey = createKeySchema.parse({});

describe('accounts', () => {
  let database: TestDatabase;
  let home: string;
  let auth: AuthProcess;
  const clock = new FakeClock(Date.UTC(2026, 10, 22));

  beforeAll(async () => {
    database = await createTestDatabase({ entities: authEntities });
    home = await mkdtemp(join(tmpdir(), 'apex-auth-'));
    auth = await AuthProcess.start({ url: database.url, home, clock });
  });
  afterAll(async () => {
    await auth.stop();
    await database.drop();
    await rm(home, { recursive: true });
  });

  const customer = (id: string): Promise<unknown> => auth.customers.create(root, { id, name: id, tier: 'free', platformKeys: false });
  const auditRows = async (): Promise<number> => Number((await database.dataSource.query<{ n: string }[]>('select count(*) as n from audit_log'))[0]!.n);
  /** The one audit row that this change made. */
  const auditOf = async (change: () => Promise<unknown>): Promise<unknown> => {
    const before = await auditRows();
    await change();
    expect(await auditRows()).toBe(before + 1);
    return (await auth.audit.list({ limit: 1 })).data[0];
  };

  it('makes a customer once', async () => {
    expect(await auth.customers.create(root, { name: 'Some', tier: 'mid', platformKeys: true })).toMatchObject({ name: 'Some', tier: 'mid', platformKeys: true, suspended: false });
    await customer('once');
    await expect(customer('once')).rejects.toMatchObject({ code: 'customer_exists', httpStatus: 409 });
    await expect(auth.customers.get('nobody')).rejects.toMatchObject({ httpStatus: 404 });
  });

  it('lists in pages', async () => {
    for (const id of ['page-1', 'page-2', 'page-3']) await customer(id);
    const first = await auth.customers.list({ after: 'page-', limit: 2 });
    expect([first.data.map((c) => c.id), first.next]).toEqual([['page-1', 'page-2'], 'page-2']);
    expect((await auth.customers.list({ after: 'page-2', limit: 1 })).data.map((c) => c.id)).toEqual(['page-3']);
  });

  it('writes exactly one audit row with each change, and none with a change that failed', async () => {
    expect(await auditOf(() => customer('audited'))).toMatchObject({ actor: 'operator:root', action: 'customer.create', target: 'customer:audited', before: null, after: { tier: 'free' } });
    expect(await auditOf(() => auth.customers.update(root, 'audited', { tier: 'mid', reason: 'upgraded' }))).toMatchObject({
      action: 'customer.update',
      before: { tier: 'free' },
      after: { tier: 'mid' },
      reason: 'upgraded',
    });
    let keyId = '';
    expect(await auditOf(async () => (keyId = (await auth.keys.create(root, 'audited', plainKey)).id))).toMatchObject({ action: 'key.create', after: { scopes: ['inference'] } });
    expect(await auditOf(async () => (keyId = (await auth.keys.rotate(root, 'audited', keyId, { graceSeconds: 0 })).id))).toMatchObject({ action: 'key.rotate' });
    expect(await auditOf(() => auth.keys.revoke(root, 'audited', keyId, 'leaked'))).toMatchObject({ action: 'key.revoke', after: { status: 'revoked' }, reason: 'leaked' });
    expect(await auditOf(() => auth.providerKeys.set(root, 'audited', 'openai', { apiKey: 'sk-0123456789abcdef' }))).toMatchObject({ after: { hint: 'cdef' } });
    expect(await auditOf(() => auth.providerKeys.revoke(root, 'audited', 'openai'))).toMatchObject({ action: 'provider_key.revoke' });
    expect(await auditOf(() => auth.users.create(root, 'audited', { email: 'who@example.com', name: 'Who', role: 'owner' }))).toMatchObject({ action: 'user.create' });

    const before = await auditRows();
    await expect(customer('audited')).rejects.toThrow();
    await expect(auth.users.create(root, 'audited', { email: 'WHO@example.com', name: 'Who', role: 'member' })).rejects.toMatchObject({ code: 'email_taken' });
    await expect(auth.keys.create(root, 'nobody', plainKey)).rejects.toMatchObject({ httpStatus: 404 });
    await auth.keys.revoke(root, 'audited', keyId);
    expect(await auditRows()).toBe(before);
    await expect(database.dataSource.query(`update audit_log set reason = 'other'`)).rejects.toThrow(/append-only/);
  });

  it('projects the customer\'s tier onto its users', async () => {
    await customer('projected');
    const user = await auth.users.create(root, 'projected', { email: 'p@example.com', name: 'P', role: 'owner' });
    expect(user.tier).toBe('free');
    await auth.customers.update(root, 'projected', { tier: 'enterprise', reason: 'agreed' });
    expect((await auth.users.list('projected', { limit: 10 })).data).toMatchObject([{ id: user.id, tier: 'enterprise' }]);
  });

  it('lets nobody give a key more than they have, by creating or by rotating', async () => {
    await customer('grants');
    const all = await auth.keys.create(root, 'grants', { ...plainKey, scopes: ['inference', 'usage:read', 'keys:manage'] });
    const manager: CallerContext = { kind: 'key', customerId: 'grants', keyId: all.id, scopes: new Set(['keys:manage']) };
    expect(await auth.keys.create(manager, 'grants', { ...plainKey, scopes: ['keys:manage'] })).toMatchObject({ scopes: ['keys:manage'] });
    await expect(auth.keys.create(manager, 'grants', plainKey)).rejects.toMatchObject({ code: 'scope_escalation' });
    await expect(auth.keys.rotate(manager, 'grants', all.id, { graceSeconds: 0 })).rejects.toMatchObject({ code: 'scope_escalation' });
  });

  it('never prolongs a key by rotating it', async () => {
    await customer('expiring');
    const expiresAt = new Date(clock.now() + HOUR_MS);
    const key = await auth.keys.create(root, 'expiring', { ...plainKey, expiresAt });
    const rotated = await auth.keys.rotate(root, 'expiring', key.id, { graceSeconds: 86_400 });
    expect([rotated.expiresAt, rotated.previous.expiresAt]).toEqual([expiresAt.toISOString(), expiresAt.toISOString()]);
    await expect(auth.keys.create(root, 'expiring', { ...plainKey, expiresAt: new Date(clock.now()) })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  describe('signing in', () => {
    const password = 'long enough';
    beforeAll(async () => {
      await customer('people');
      await auth.users.create(root, 'people', { email: 'Ada@Example.com', name: 'Ada', role: 'owner', password });
      await auth.users.create(root, 'people', { email: 'none@example.com', name: 'None', role: 'member' });
    });

    it('knows an email in any case, and gives nothing away of those it does not know', async () => {
      const signedIn = await auth.sessions.signIn({ email: 'ada@example.COM', password }, '10.0.0.1');
      expect(signedIn).toMatchObject({ user: { email: 'Ada@Example.com', role: 'owner' }, expiresAt: new Date(clock.now() + 12 * HOUR_MS).toISOString() });
      expect(signedIn.token).toMatch(/^apexs_/);
      const refusals = await Promise.allSettled(
        [
          { email: 'ada@example.com', password: 'wrong' },
          { email: 'nobody@example.com', password },
          { email: 'none@example.com', password },
        ].map((login) => auth.sessions.signIn(login, '10.0.0.2')),
      );
      expect(new Set(refusals.map((r) => r.status === 'rejected' && String(r.reason))).size).toBe(1);
    });

    it('slows down guessing of one email from one address, and no one else', async () => {
      const guess = (address: string, guessed = 'wrong'): Promise<unknown> => auth.sessions.signIn({ email: 'ada@example.com', password: guessed }, address).catch((error: unknown) => error);
      const tries = await Promise.all(Array.from({ length: 6 }, () => guess('10.0.0.3')));
      expect(tries.map((error) => (error as { code: string }).code).sort()).toEqual([...Array<string>(5).fill('invalid_credentials'), 'login_throttled']);
      expect(await guess('10.0.0.3', password)).toMatchObject({ code: 'login_throttled' });
      expect(await guess('10.0.0.4', password)).toMatchObject({ user: { name: 'Ada' } });
    });

    it('refuses people of a suspended customer', async () => {
      await auth.customers.update(root, 'people', { suspended: true, reason: 'a test' });
      await expect(auth.sessions.signIn({ email: 'ada@example.com', password }, '10.0.0.5')).rejects.toMatchObject({ code: 'invalid_credentials' });
      await auth.customers.update(root, 'people', { suspended: false, reason: 'a test' });
    });
  });

  describe('the demo customer', () => {
    const path = (): string => join(home, 'credentials.json');
    const ensure = (port: number): ReturnType<typeof auth.seeder.ensure> => auth.seeder.ensure({ home, baseUrl: `http://127.0.0.1:${port}` });

    it('comes with credentials that work, in a private file, and keeps them', async () => {
      const first = await ensure(8080);
      expect(auth.directory.authenticate(first.apiKey, clock.now())).toMatchObject({ customerId: 'demo', tier: 'early', scopes: new Set(['inference', 'usage:read', 'keys:manage']) });
      expect((await stat(path())).mode & 0o777).toBe(0o600);
      expect(JSON.parse(await readFile(path(), 'utf8'))).toEqual(first);
      const rows = await auditRows();
      expect(await ensure(8081)).toEqual({ ...first, baseUrl: 'http://127.0.0.1:8081' });
      expect(await auditRows()).toBe(rows);
    });

    it('gets new ones for what no longer works or cannot be read, and revokes nothing', async () => {
      const first = await ensure(8080);
      const { data } = await auth.keys.list('demo', { limit: 10 });
      await auth.keys.revoke(root, 'demo', data[0]!.id);
      const second = await ensure(8080);
      expect(second.adminToken).toBe(first.adminToken);
      expect(auth.directory.authenticate(second.apiKey, clock.now())).toMatchObject({ customerId: 'demo' });
      await writeFile(path(), '{ broken');
      const third = await ensure(8080);
      expect(third.adminToken).not.toBe(first.adminToken);
      expect(auth.directory.authenticate(second.apiKey, clock.now())).toMatchObject({ customerId: 'demo' });
    });
  });

  it('declares its tables as the migration made them', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    const own = upQueries.map(({ query }) => query).filter((query) => /"(customers|users|sessions|operator_tokens|api_keys|provider_keys|audit_log)"/.test(query));
    expect(own).toEqual([]);
  });
});
