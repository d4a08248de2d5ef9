import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { authEntities, AuthModule, DemoSeeder } from '@apex/auth';
import { Clock, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { type CacheSelector, ResponseCache } from '@apex/gateway';
import { QueueModule } from '@apex/queue';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AdminCustomersController } from './admin-customers.controller.js';
import { CacheController } from './cache.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';

/** What a selector meets is the cache's own affair, and tested there: here it is whose answers, and by what. */
const told: [customerId: string, selector: CacheSelector][] = [];
let everywhere = true;
const cache: Pick<ResponseCache, 'invalidate'> = {
  invalidate: (customerId, selector) => {
    told.push([customerId, selector]);
    return Promise.resolve({ everywhere });
  },
};

@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    { provide: ResponseCache, useValue: cache },
  ],
  exports: [Clock, ResponseCache],
})
class SurroundingsModule {}

/** The real guard, filter, controller and Postgres. */
describe('DELETE /api/cache', () => {
  let database: TestDatabase;
  let home: string;
  let app: INestApplication;
  let base: string;
  let admin: string;
  const keys: Record<string, string> = {};

  const call = async (token: string | null, method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(base + path, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const invalidate = (token: string | null, query: string) => call(token, 'DELETE', `/api/cache${query}`);
  const audited = () => database.dataSource.query<object[]>(`select actor, target, after, reason from audit_log where action = 'cache.invalidate' order by id`);

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-cache-http-'));
    const module = await Test.createTestingModule({
      imports: [SurroundingsModule, DatabaseModule.forRoot({ url: database.url, entities: authEntities, migrations: [], poolSize: 4 }), QueueModule.forRoot({ url: null }), AuthModule.forRoot({ home, platformKeys: {} })],
      controllers: [CacheController, AdminCustomersController],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    admin = (await app.get(DemoSeeder).ensure({ home, baseUrl: base })).adminToken;
    for (const id of ['acme', 'other']) {
      await call(admin, 'POST', '/api/admin/customers', { id, name: id });
      for (const scope of ['inference', 'usage:read']) keys[`${id} ${scope}`] = ((await call(admin, 'POST', `/api/admin/customers/${id}/keys`, { scopes: [scope] })).body as { key: string }).key;
    }
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    await rm(home, { recursive: true });
  });
  beforeEach(() => {
    told.length = 0;
    everywhere = true;
  });

  it.each([
    [`key=${'a'.repeat(64)}`, { key: 'a'.repeat(64) }],
    ['tag=faq:v2', { tag: 'faq:v2' }],
    ['model=meta-llama%2FLlama-3%203', { model: 'meta-llama/Llama-3 3' }],
    ['all=true', { all: true }],
  ])('takes back what %s meets, of its own customer only', async (query, selector) => {
    expect(await invalidate(keys['acme inference']!, `?${query}`)).toEqual({ status: 200, body: { selector, everywhere: true } });
    expect(told).toEqual([['acme', selector]]);
    expect(await audited()).toEqual([]);
  });

  it('says when others could not be told', async () => {
    everywhere = false;
    expect(await invalidate(keys['acme inference']!, '?all=true')).toMatchObject({ status: 200, body: { everywhere: false } });
  });

  it.each(['', '?all=false', '?all=true&tag=faq', '?key=abc', '?tag=a,b', '?tag=', '?model=', '?model[]=gpt-4o', '?tag=faq&tag=prices', '?everything=true'])('refuses %p, and takes nothing back', async (query) => {
    expect(await invalidate(keys['acme inference']!, query)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
    expect(told).toEqual([]);
  });

  it('nobody does it for another, or without being allowed to', async () => {
    expect(await invalidate(null, '?all=true')).toMatchObject({ status: 401 });
    expect(await invalidate(keys['acme usage:read']!, '?all=true')).toMatchObject({ status: 403, body: { error: { code: 'missing_scope' } } });
    expect(await invalidate(keys['other inference']!, '?all=true&customerId=acme')).toMatchObject({ status: 403, body: { error: { code: 'other_customer' } } });
    expect(await invalidate(admin, '?all=true')).toMatchObject({ status: 400, body: { error: { param: 'customerId' } } });
    expect(await invalidate(admin, '?all=true&customerId=acmee')).toMatchObject({ status: 404 });
    expect(told).toEqual([]);
    expect(await audited()).toEqual([]);
  });

  it('an operator does it for a customer, and the audit log says so', async () => {
    expect(await invalidate(admin, '?tag=prices&customerId=acme&reason=wrong+prices')).toMatchObject({ status: 200, body: { selector: { tag: 'prices' }, everywhere: true } });
    expect(told).toEqual([['acme', { tag: 'prices' }]]);
    expect(await audited()).toEqual([{ actor: expect.stringMatching(/^operator:/), target: 'customer:acme', after: { tag: 'prices' }, reason: 'wrong prices' }]);
  });
});
