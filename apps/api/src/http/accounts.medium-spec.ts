import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Global, Module, type INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { authEntities, AuthModule, DemoSeeder, findUndeclaredRoutes } from '@apex/auth';
import { Clock, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { QueueModule } from '@apex/queue';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AdminCustomersController } from './admin-customers.controller.js';
import { AuditController } from './audit.controller.js';
import { AuthController } from './auth.controller.js';
import { KeysController } from './keys.controller.js';
import { PlatformKeysController } from './platform-keys.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';

@Controller('forgotten')
class ForgottenController {
  @Get()
  get(): string {
    return 'never seen';
  }
}

@Global()
@Module({ providers: [{ provide: Clock, useClass: SystemClock }], exports: [Clock] })
class ClockModule {}

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}
interface CreatedKey {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
}
interface List<T> {
  readonly data: readonly T[];
}

/** The real guard, filter, controllers and Postgres; only the stores' addresses are the test's. */
describe('accounts over HTTP', () => {
  let database: TestDatabase;
  let home: string;
  let app: INestApplication;
  let base: string;
  let admin: string;

  const call = async <T = unknown>(token: string | null, method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const response = await fetch(base + path, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  };
  /** A new customer with one key. */
  const tenant = async (id: string, scopes = ['inference', 'usage:read', 'keys:manage']): Promise<CreatedKey> => {
    expect(await call(admin, 'POST', '/api/admin/customers', { id, name: id })).toMatchObject({ status: 201, body: { id, tier: 'free' } });
    const created = await call<CreatedKey>(admin, 'POST', `/api/admin/customers/${id}/keys`, { scopes });
    expect(created).toMatchObject({ status: 201, body: { scopes, expiresAt: null } });
    return created.body;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-http-'));
    const module = await Test.createTestingModule({
      imports: [ClockModule, DatabaseModule.forRoot({ url: database.url, entities: authEntities, migrations: [], poolSize: 4 }), QueueModule.forRoot({ url: null }), AuthModule.forRoot({ home, platformKeys: {}, failuresPerMinute: 10_000 })],
      controllers: [AdminCustomersController, PlatformKeysController, AuditController, AuthController, KeysController, ForgottenController],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    admin = (await app.get(DemoSeeder).ensure({ home, baseUrl: base })).adminToken;
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    await rm(home, { recursive: true });
  });

  it('declares the access of every route, and keeps one that does not closed even to operators', async () => {
    expect(findUndeclaredRoutes(app)).toEqual(['ForgottenController.get']);
    expect(await call(admin, 'GET', '/forgotten')).toMatchObject({ status: 403, body: { error: { code: 'route_without_access' } } });
  });

  it('opens nothing without a token, with a strange one, or with another kind\'s', async () => {
    const { key } = await tenant('plain');
    const routes = Object.entries(SwaggerModule.createDocument(app, new DocumentBuilder().build()).paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replace(/\{\w+\}/g, 'x') })),
    );
    const guarded = routes.filter(({ path }) => path !== '/api/auth/login' && path !== '/forgotten');
    expect(guarded.length).toBeGreaterThan(20);
    for (const { method, path } of guarded) {
      for (const token of [null, 'nonsense', `apex_${'A'.repeat(43)}`, `apexadm_${'A'.repeat(43)}`, `apexs_${'A'.repeat(43)}`]) {
        expect({ path, method, ...(await call(token, method, path)) }).toMatchObject({ path, method, status: 401 });
      }
      if (path.startsWith('/api/admin')) expect({ path, ...(await call(key, method, path)) }).toMatchObject({ path, status: 403, body: { error: { code: 'operator_only' } } });
    }
  });

  it('makes customers, answers 409 for one that exists and 400 for what is none', async () => {
    await tenant('acme');
    expect(await call(admin, 'POST', '/api/admin/customers', { id: 'acme', name: 'Again' })).toMatchObject({ status: 409, body: { error: { code: 'customer_exists' } } });
    expect(await call(admin, 'POST', '/api/admin/customers', { id: '../etc', name: 'X' })).toMatchObject({ status: 400, body: { error: { param: 'id' } } });
    expect(await call(admin, 'POST', '/api/admin/customers', { name: 'nul \0' })).toMatchObject({ status: 400, body: { error: { param: 'name' } } });
    expect(await call(admin, 'GET', '/api/admin/customers/acme')).toMatchObject({ status: 200, body: { id: 'acme' } });
    expect(await call(admin, 'GET', '/api/admin/customers/nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await call(admin, 'PATCH', '/api/admin/customers/acme', { tier: 'mid' })).toMatchObject({ status: 400, body: { error: { param: 'reason' } } });
    expect(await call(admin, 'PATCH', '/api/admin/customers/acme', { tier: 'mid', reason: 'agreed' })).toMatchObject({ status: 200, body: { tier: 'mid' } });
    expect((await call<List<{ id: string }>>(admin, 'GET', '/api/admin/customers')).body.data.map(({ id }) => id)).toContain('acme');
  });

  it('keeps tenants apart', async () => {
    const [a, b] = [await tenant('tenant-a'), await tenant('tenant-b')];
    const keysOf = async (token: string): Promise<string[]> => (await call<List<{ id: string }>>(token, 'GET', '/api/keys')).body.data.map(({ id }) => id);
    expect([await keysOf(a.key), await keysOf(b.key)]).toEqual([[a.id], [b.id]]);
    expect((await call(a.key, 'DELETE', `/api/keys/${b.id}`)).status).toBe(404);
    expect((await call(a.key, 'POST', `/api/keys/${b.id}/rotate`)).status).toBe(404);
    expect((await call(a.key, 'GET', '/api/keys?customerId=tenant-b')).status).toBe(403);
    expect((await call(a.key, 'POST', '/api/keys?customerId=tenant-b', {})).status).toBe(403);
    expect((await call(admin, 'DELETE', `/api/admin/customers/tenant-a/keys/${b.id}`)).status).toBe(404);
    expect(await keysOf(b.key)).toEqual([b.id]);
    expect((await call<List<{ id: string }>>(admin, 'GET', '/api/keys?customerId=tenant-b')).body.data.map(({ id }) => id)).toEqual([b.id]);
  });

  it('lets a customer make, rotate and revoke keys, never beyond the caller\'s own scopes', async () => {
    const manager = await tenant('selfserve', ['keys:manage']);
    expect(await call(manager.key, 'POST', '/api/keys', { scopes: ['inference'] })).toMatchObject({ status: 403, body: { error: { code: 'scope_escalation', param: 'scopes' } } });
    const made = await call<CreatedKey>(manager.key, 'POST', '/api/keys', { name: 'second', scopes: ['keys:manage'] });
    expect(made).toMatchObject({ status: 201, body: { prefix: made.body.key.slice(0, 9) } });
    const rotated = await call<CreatedKey>(manager.key, 'POST', `/api/keys/${made.body.id}/rotate`, { graceSeconds: 0 });
    expect(rotated.status).toBe(201);
    expect(await call(made.body.key, 'GET', '/api/auth/me')).toMatchObject({ status: 401, body: { error: { code: 'expired_key' } } });
    expect(await call(rotated.body.key, 'GET', '/api/auth/me')).toMatchObject({ status: 200, body: { kind: 'key', customerId: 'selfserve', scopes: ['keys:manage'] } });
    expect(await call(manager.key, 'DELETE', `/api/keys/${rotated.body.id}`)).toMatchObject({ status: 200, body: { status: 'revoked' } });
    expect(await call(rotated.body.key, 'GET', '/api/auth/me')).toMatchObject({ status: 401, body: { error: { code: 'revoked_key' } } });
    expect(await call(admin, 'DELETE', `/api/admin/customers/selfserve/keys/${manager.id}`)).toMatchObject({ status: 200 });
    expect((await call(manager.key, 'GET', '/api/keys')).status).toBe(401);
    const listed = await call(admin, 'GET', '/api/admin/customers/selfserve/keys');
    for (const { key } of [manager, made.body, rotated.body]) expect(JSON.stringify(listed.body)).not.toContain(key.slice(9));
  });

  it('keeps provider keys to itself but for a hint', async () => {
    await tenant('byok');
    for (const path of ['/api/admin/customers/byok/provider-keys/openai', '/api/admin/provider-keys/openai']) {
      const set = await call(admin, 'PUT', path, { apiKey: 'sk-topsecret-0000-wxyz' });
      expect(set).toMatchObject({ status: 200, body: { provider: 'openai', hint: 'wxyz' } });
      const got = await call(admin, 'GET', path);
      expect(got).toEqual({ status: 200, body: set.body });
      expect(JSON.stringify(got.body)).not.toContain('topsecret');
      expect((await call(admin, 'PUT', path, { apiKey: 'sk-with\r\nx-header: y' })).status).toBe(400);
      expect((await call(admin, 'DELETE', path)).status).toBe(204);
      expect((await call(admin, 'GET', path)).status).toBe(404);
    }
  });

  it('signs people in and out, members with less than owners', async () => {
    await tenant('people');
    const password = 'long enough';
    const session = async (email: string, role: string): Promise<string> => {
      expect(await call(admin, 'POST', '/api/admin/customers/people/users', { email, name: role, role, password })).toMatchObject({ status: 201, body: { email, role } });
      return (await call<{ token: string }>(null, 'POST', '/api/auth/login', { email, password })).body.token;
    };
    const [owner, member] = [await session('owner@example.com', 'owner'), await session('member@example.com', 'member')];
    expect(await call(owner, 'GET', '/api/auth/me')).toMatchObject({ status: 200, body: { kind: 'user', user: { email: 'owner@example.com', customerId: 'people' } } });
    expect((await call(owner, 'GET', '/api/keys')).status).toBe(200);
    expect(await call(member, 'GET', '/api/keys')).toMatchObject({ status: 403, body: { error: { code: 'missing_scope' } } });
    expect(await call(owner, 'GET', '/api/admin/customers')).toMatchObject({ status: 403, body: { error: { code: 'operator_only' } } });
    const users = await call(admin, 'GET', '/api/admin/customers/people/users');
    expect(users).toMatchObject({ status: 200, body: { data: [{ role: 'owner' }, { role: 'member' }] } });
    expect(JSON.stringify(users.body)).not.toContain('scrypt');
    expect((await call(owner, 'POST', '/api/auth/logout')).status).toBe(204);
    expect((await call(owner, 'GET', '/api/auth/me')).status).toBe(401);
    expect(await call(null, 'POST', '/api/auth/login', { email: 'owner@example.com', password: 'wrong' })).toMatchObject({ status: 401, body: { error: { code: 'invalid_credentials' } } });
    expect((await call(null, 'POST', '/api/auth/login', { email: { $ne: null }, password })).status).toBe(400);
  });

  it('shuts a suspended customer out, keys and people', async () => {
    const { key } = await tenant('closed');
    await call(admin, 'PATCH', '/api/admin/customers/closed', { suspended: true, reason: 'unpaid' });
    expect(await call(key, 'GET', '/api/auth/me')).toMatchObject({ status: 403, body: { error: { code: 'customer_suspended' } } });
  });

  it('tells what was changed, by whom and why', async () => {
    const from = new Date().toISOString();
    await tenant('told');
    await call(admin, 'PATCH', '/api/admin/customers/told', { tier: 'early', reason: 'asked for' });
    const audit = await call<List<{ target: string }>>(admin, 'GET', `/api/admin/audit?from=${from}&to=2100-01-01`);
    expect(audit.body.data.filter(({ target }) => target.startsWith('customer:told'))).toMatchObject([
      { actor: 'operator:demo', action: 'customer.update', before: { tier: 'free' }, after: { tier: 'early' }, reason: 'asked for' },
      { action: 'key.create' },
      { action: 'customer.create' },
    ]);
    expect((await call<List<unknown>>(admin, 'GET', `/api/admin/audit?to=2020-01-01`)).body.data).toEqual([]);
    expect((await call(admin, 'GET', '/api/admin/audit?from=yesterday')).status).toBe(400);
  });
});
