import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, newId, sha256 } from '@apex/common';
import { createDataSource } from '@apex/database';
import { until } from '../../../../test/support/eventually.js';
import { FreezingProxy } from '../../../../test/support/freezing-proxy.js';
import { createTestDatabase, startOwnPostgres, type TestDatabase } from '../../../../test/support/postgres.js';
import { testRedisUrl } from '../../../../test/support/redis.js';
import { migrations } from '../../../../migrations/index.js';
import { type CallerContext } from '../core/caller.js';
import { createKeySchema } from '../core/inputs.js';
import { makeToken } from '../core/tokens.js';
import { type AuthenticatedKey } from '../ports/key-store.js';
import { AuthProcess } from '../../test/auth-process.js';

const root: CallerContext = { kind: 'operator', name: 'root' };
const NEVER_MS = 3_600_000;
const clock = new FakeClock(Date.UTC(2026, 10, 22));
const plainKey = createKeySchema.parse({});

const customerOf = (process: AuthProcess, key: string): string => {
  const found = process.directory.authenticate(key, clock.now());
  return typeof found === 'string' ? found : found.customerId;
};

describe('KeyDirectory', () => {
  let database: TestDatabase;
  let home: string;
  const processes: AuthProcess[] = [];

  const start = async (options: { redisUrl?: string; pollMs?: number; url?: string; platformKeys?: Record<string, string>; statementTimeoutMs?: number } = {}): Promise<AuthProcess> => {
    const { redisUrl, pollMs, url = database.url, platformKeys = {}, statementTimeoutMs } = options;
    const process = await AuthProcess.start({ url, home, clock, redisUrl, statementTimeoutMs, config: { pollMs, platformKeys } });
    processes.push(process);
    return process;
  };
  const customer = async (process: AuthProcess, id: string): Promise<void> => {
    await process.customers.create(root, { id, name: id, tier: 'early', platformKeys: false });
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-auth-'));
  });
  afterEach(async () => {
    for (const process of processes.splice(0)) await process.stop();
  });
  afterAll(async () => {
    await database.drop();
    await rm(home, { recursive: true });
  });

  it('knows a key at once where it was made, and elsewhere by a message alone', async () => {
    const redisUrl = testRedisUrl();
    const [here, there] = [await start({ redisUrl, pollMs: NEVER_MS }), await start({ redisUrl, pollMs: NEVER_MS })];
    await customer(here, 'by-message');
    const { key, id } = await here.keys.create(root, 'by-message', plainKey);
    expect(customerOf(here, key)).toBe('by-message');
    await until(() => customerOf(there, key) === 'by-message', 'the key is known there');
    await there.keys.revoke(root, 'by-message', id);
    expect(customerOf(there, key)).toBe('revoked_key');
    await until(() => customerOf(here, key) === 'revoked_key', 'its revocation is known here');
  });

  it('learns of another process\' changes without Redis, by looking', async () => {
    const [here, there] = [await start(), await start()];
    await customer(here, 'by-looking');
    const { key } = await here.keys.create(root, 'by-looking', plainKey);
    await until(() => customerOf(there, key) === 'by-looking', 'the key is found there');
    await here.customers.update(root, 'by-looking', { suspended: true, reason: 'a test' });
    expect(customerOf(here, key)).toBe('customer_suspended');
    await until(() => customerOf(there, key) === 'customer_suspended', 'the suspension is found there');
    await here.customers.update(root, 'by-looking', { suspended: false, tier: 'mid', reason: 'a test' });
    await until(() => (there.directory.authenticate(key, clock.now()) as AuthenticatedKey).tier === 'mid', 'the tier is found there');
  });

  it('loads at start what was there before', async () => {
    const before = await start({ pollMs: NEVER_MS });
    await customer(before, 'was-there');
    const { key } = await before.keys.create(root, 'was-there', plainKey);
    await before.providerKeys.set(root, 'was-there', 'openai', { apiKey: 'sk-0123456789abcdef' });
    const after = await start({ pollMs: NEVER_MS });
    expect(customerOf(after, key)).toBe('was-there');
    expect(after.directory.providerCredential('was-there', 'openai')).toEqual({ apiKey: 'sk-0123456789abcdef', owner: 'customer' });
  });

  it('misses no transaction that took its id early and commits late', async () => {
    const directoryOf = await start({ pollMs: NEVER_MS });
    await customer(directoryOf, 'late');
    const late = database.dataSource.createQueryRunner();
    const lateKey = makeToken('apex_', Buffer.alloc(32, 7));
    const insert = `insert into api_keys (id, customer_id, name, prefix, hash, scopes, created_by) values ($1, 'late', 'late', 'apex_', $2, '{inference}', 'test')`;
    await late.startTransaction();
    await late.query('select pg_current_xact_id()');
    // Younger transactions commit, and are seen, before and after the late one writes.
    const first = await directoryOf.keys.create(root, 'late', plainKey);
    await late.query(insert, [newId(), sha256(lateKey)]);
    const second = await directoryOf.keys.create(root, 'late', plainKey);
    expect([first.key, second.key, lateKey].map((key) => customerOf(directoryOf, key))).toEqual(['late', 'late', 'unknown_key']);
    await late.commitTransaction();
    await late.release();
    await directoryOf.directory.announce();
    expect([first.key, second.key, lateKey].map((key) => customerOf(directoryOf, key))).toEqual(['late', 'late', 'late']);
  });

  it('lets a rotated key go on for its grace period, to the millisecond', async () => {
    const process = await start({ pollMs: NEVER_MS });
    await customer(process, 'rotating');
    const old = await process.keys.create(root, 'rotating', plainKey);
    const next = await process.keys.rotate(root, 'rotating', old.id, { graceSeconds: 60 });
    const at = (key: string, ms: number): unknown => process.directory.authenticate(key, clock.now() + ms);
    expect(at(old.key, 59_999)).toMatchObject({ keyId: old.id });
    expect(at(old.key, 60_000)).toBe('expired_key');
    expect(at(next.key, NEVER_MS)).toMatchObject({ keyId: next.id, scopes: new Set(['inference']) });
    await expect(process.keys.rotate(root, 'rotating', old.id, { graceSeconds: 60 })).rejects.toMatchObject({ code: 'key_already_rotated' });
  });

  it('replaces and revokes provider keys, and refuses a ciphertext that somebody moved to another customer', async () => {
    const process = await start({ pollMs: NEVER_MS, platformKeys: { openai: 'from-environment' } });
    const credential = (id: string): unknown => process.directory.providerCredential(id, 'openai');
    for (const id of ['pk-a', 'pk-b']) await customer(process, id);
    expect(credential('pk-a')).toBeNull();
    await process.customers.update(root, 'pk-a', { platformKeys: true, reason: 'a test' });
    expect(credential('pk-a')).toEqual({ apiKey: 'from-environment', owner: 'platform' });
    await process.providerKeys.set(root, null, 'openai', { apiKey: 'platform-key-00001' });
    expect(credential('pk-a')).toEqual({ apiKey: 'platform-key-00001', owner: 'platform' });
    await process.providerKeys.set(root, 'pk-a', 'openai', { apiKey: 'own-key-0000000001' });
    await process.providerKeys.set(root, 'pk-a', 'openai', { apiKey: 'own-key-0000000002' });
    expect(credential('pk-a')).toEqual({ apiKey: 'own-key-0000000002', owner: 'customer' });

    await process.providerKeys.set(root, 'pk-b', 'openai', { apiKey: 'own-key-of-b-00003' });
    await database.dataSource.query(
      `update provider_keys set ciphertext = (select ciphertext from provider_keys where customer_id = 'pk-b') where customer_id = 'pk-a' and revoked_at is null`,
    );
    await process.directory.announce();
    expect(credential('pk-a')).toBeNull();
    await process.providerKeys.revoke(root, 'pk-a', 'openai');
    expect(credential('pk-a')).toEqual({ apiKey: 'platform-key-00001', owner: 'platform' });
    await process.providerKeys.revoke(root, null, 'openai');
    expect(credential('pk-a')).toEqual({ apiKey: 'from-environment', owner: 'platform' });
  });

  it('keeps no key in the clear', async () => {
    const process = await start({ pollMs: NEVER_MS });
    await customer(process, 'dump');
    const { key } = await process.keys.create(root, 'dump', plainKey);
    await process.providerKeys.set(root, 'dump', 'openai', { apiKey: 'sk-verysecretvalue-1234' });
    for (const table of ['api_keys', 'provider_keys', 'audit_log']) {
      const dump = JSON.stringify(await database.dataSource.query(`select t::text from ${table} t`));
      expect(dump).not.toContain(key);
      expect(dump).not.toContain('verysecret');
      expect(dump).not.toContain(Buffer.from('verysecret').toString('hex'));
    }
  });

  it('goes on with what it knows while Postgres is away, and catches up when it is back', async () => {
    const server = await startOwnPostgres();
    try {
      const setUp = await createDataSource({ url: server.url, entities: [], migrations }).initialize();
      await setUp.runMigrations();
      await setUp.destroy();
      const process = await start({ url: server.url, pollMs: 50 });
      await customer(process, 'outage');
      const { key, id } = await process.keys.create(root, 'outage', plainKey);

      await server.stop();
      await process.directory.announce();
      expect(customerOf(process, key)).toBe('outage');
      await expect(process.keys.revoke(root, 'outage', id)).rejects.toThrow();
      expect(customerOf(process, key)).toBe('outage');

      await server.start();
      const other = await start({ url: server.url, pollMs: NEVER_MS });
      await other.keys.revoke(root, 'outage', id);
      await until(() => customerOf(process, key) === 'revoked_key', 'the revocation is found');
    } finally {
      for (const process of processes.splice(0)) await process.stop();
      await server.stop();
    }
  });

  it('gives up looking when Postgres hangs, goes on with what it knows, and catches up when it answers again', async () => {
    const proxy = await FreezingProxy.before(database.url);
    try {
      const process = await start({ url: proxy.url, pollMs: 50, statementTimeoutMs: 100 });
      await customer(process, 'frozen');
      const { key, id } = await process.keys.create(root, 'frozen', plainKey);

      proxy.freeze('requests', 'answers');
      await process.directory.announce();
      expect(customerOf(process, key)).toBe('frozen');

      const other = await start({ pollMs: NEVER_MS });
      await other.keys.revoke(root, 'frozen', id);
      proxy.thaw();
      await until(() => customerOf(process, key) === 'revoked_key', 'the revocation is found');
    } finally {
      proxy.thaw();
      for (const process of processes.splice(0)) await process.stop();
      await proxy.close();
    }
  });
});
