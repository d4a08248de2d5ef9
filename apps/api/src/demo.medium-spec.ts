import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { type RunningApi, startApi } from './start-api.js';

const TOKEN = 'an-operator-s-own-token-of-40-characters';

// Real: Postgres, the application.
describe('without a demo', () => {
  let database: TestDatabase;
  let home: string;
  let api: RunningApi;

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-no-demo-'));
    const redis = { url: null, note: 'not wanted here' };
    const env = { APEX_LOG_LEVEL: 'silent', APEX_ADMIN_TOKEN: TOKEN };
    api = await startApi({ port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis, role: 'all', simulatorUrl: null, demo: false, env });
  });
  afterAll(async () => {
    await api.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });

  const call = async (path: string, token: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${api.baseUrl}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };

  it('there is no customer, no key, no token, no flag that is on for anybody, and no file', async () => {
    expect(api.credentials).toBeNull();
    for (const table of ['customers', 'api_keys', 'operator_tokens', 'audit_log']) expect([table, await database.dataSource.query(`select * from ${table}`)]).toEqual([table, []]);
    expect(await database.dataSource.query(`select * from feature_flags where enabled or also_for <> '{}'`)).toEqual([]);
    expect(await database.dataSource.query(`select * from traffic where also_for <> '{}'`)).toEqual([]);
    expect(existsSync(join(home, 'credentials.json'))).toBe(false);
  });

  it('the environment\'s token makes the first customer, by its own name in the audit log, and is stored nowhere', async () => {
    expect(await call('/api/admin/customers', TOKEN, { id: 'first', name: 'First', reason: 'the beginning' })).toMatchObject({ status: 201 });
    expect(await database.dataSource.query('select distinct actor from audit_log')).toEqual([{ actor: 'operator:APEX_ADMIN_TOKEN' }]);
    expect(await database.dataSource.query('select * from operator_tokens')).toEqual([]);
  });

  it.each([TOKEN.slice(0, -1), `${TOKEN}x`, 'undefined', ''])('nobody gets in with %p', async (token) => {
    expect(await call('/api/admin/customers', token)).toMatchObject({ status: 401 });
  });

  it.each(['short', 'apex_looks-like-an-api-key-of-a-customer', 'with spaces in it, which no header carries'])('refuses to start with the token %p', async (token) => {
    const options = { port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis: { url: null, note: null }, role: 'all', simulatorUrl: null, demo: false, env: { APEX_ADMIN_TOKEN: token } } as const;
    await expect(startApi(options)).rejects.toThrow(/APEX_ADMIN_TOKEN: at least 32 visible characters/);
  });
});
