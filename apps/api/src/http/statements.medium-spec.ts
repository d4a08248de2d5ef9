import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuditLog, authEntities, AuthModule, DemoSeeder, TermsService } from '@apex/auth';
import { Ledger, Statements } from '@apex/billing';
import { Clock, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { ActivePolicies } from '@apex/policy';
import { QueueModule } from '@apex/queue';
import { SealedReceipts, UsageModule } from '@apex/usage';
import { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { addReceipt, adjust, exactHit, OneSecret } from '../../../../libs/billing/test/statement-books.js';
import { verify } from '../../../cli/src/verify-statement/verify.js';
import { AdminCustomersController } from './admin-customers.controller.js';
import { StatementsController } from './statements.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';

@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    { provide: ActivePolicies, useClass: OneSecret },
  ],
  exports: [Clock, ActivePolicies],
})
class SurroundingsModule {}

const MARCH = '2025-03-01T00:00:00.000Z';
const DOLLAR = 1_000_000_000_000;

/** The real guard, filter, controller and Postgres. */
describe('statements over HTTP', () => {
  let database: TestDatabase;
  let home: string;
  let app: INestApplication;
  let base: string;
  let admin: string;
  const keys: Record<string, string> = {};

  const get = (path: string, customer: string): Promise<Response> => fetch(`${base}/api/statements${path}`, { headers: { authorization: `Bearer ${keys[customer]}` } });
  const asAdmin = async (path: string, body: unknown): Promise<{ status: number; body: Record<string, string> }> => {
    const response = await fetch(base + path, { method: 'POST', headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const lines = (text: string): Buffer[] => text.split('\n').slice(0, -1).map((line) => Buffer.from(line));

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-statements-http-'));
    const module = await Test.createTestingModule({
      imports: [SurroundingsModule, DatabaseModule.forRoot({ url: database.url, entities: authEntities, migrations: [], poolSize: 4 }), QueueModule.forRoot({ url: null }), UsageModule.forRoot({ home, sync: 'second' }), AuthModule.forRoot({ home, platformKeys: {} })],
      controllers: [StatementsController, AdminCustomersController],
      providers: [
        {
          provide: Statements,
          useFactory: (dataSource: DataSource, clock: Clock, receipts: SealedReceipts, terms: TermsService, policies: ActivePolicies, audit: AuditLog) => new Statements({ dataSource, clock, receipts, terms, ledger: new Ledger(dataSource), policies, audit }),
          inject: [DataSource, Clock, SealedReceipts, TermsService, ActivePolicies, AuditLog],
        },
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    admin = (await app.get(DemoSeeder).ensure({ home, baseUrl: base })).adminToken;
    for (const id of ['acme', 'other']) {
      await asAdmin('/api/admin/customers', { id, name: id, tier: 'early' });
      keys[id] = (await asAdmin(`/api/admin/customers/${id}/keys`, { scopes: ['usage:read'] })).body['key']!;
    }
    await database.dataSource.query(`update customers set created_at = '2025-03-05'`);
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    await rm(home, { recursive: true });
  });

  it('are closed by an operator, and hold when their customer computes them again', async () => {
    for (let day = 11; day < 16; day++) await addReceipt(database.dataSource, 'acme', `2025-03-${day}T10:00:00Z`, { ...exactHit(DOLLAR), requestedModel: '<script>alert(1)</script>', covariates: { promptCostPd: 1, requestedModel: '<script>alert(1)</script>', maxTokens: null } });
    const late = await addReceipt(database.dataSource, 'acme', '2025-04-02T10:00:00Z', exactHit(4 * DOLLAR));
    const { status, body } = await asAdmin('/api/admin/customers/acme/statements', { periodStart: MARCH });
    expect({ status, created: body['created'] }).toEqual({ status: 200, created: true });
    expect((await asAdmin('/api/admin/customers/acme/statements', { periodStart: MARCH })).body).toEqual({ ...body, created: false });
    expect((await asAdmin('/api/admin/customers/acme/statements', { periodStart: '2025-09-01' })).body).toMatchObject({ error: { code: 'earlier_period_open' } });

    const id = body['id']!;
    const { data } = (await (await get('', 'acme')).json()) as { data: unknown[] };
    expect(data).toMatchObject([{ id, periodStart: MARCH, vbpCents: 100, chargedCents: 100 }]);
    const statement = Buffer.from(await (await get(`/${id}`, 'acme')).arrayBuffer());
    const receipts = await (await get(`/${id}/receipts`, 'acme')).text();
    expect(await verify(statement, lines(receipts))).toMatchObject({ findings: [], receipts: 5 });

    // What comes later goes into the next one, and changes nothing of this one.
    await adjust(database.dataSource, new SystemClock(), late, { kind: 'void', reason: 'false_hit' });
    expect((await asAdmin('/api/admin/customers/acme/statements', { periodStart: '2025-04-01' })).status).toBe(200);
    expect(await (await get(`/${id}/receipts`, 'acme')).text()).toBe(receipts);
    const next = ((await (await get('', 'acme')).json()) as { data: Array<{ id: string }> }).data[0]!.id;
    const second = Buffer.from(await (await get(`/${next}`, 'acme')).arrayBuffer());
    expect(await verify(second, lines(await (await get(`/${next}/receipts`, 'acme')).text()), statement)).toMatchObject({ findings: [] });

    const page = await get(`/${id}.html`, 'acme');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain(`default-src 'none'`);
    const html = await page.text();
    expect(html).toContain('$1.0000');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('<script');

    const requestId = (JSON.parse(receipts.split('\n')[2]!) as { receipt: { requestId: string } }).receipt.requestId;
    expect(await (await get(`/${id}/proof/${requestId}`, 'acme')).json()).toMatchObject({ statementId: id, leafIndex: 2, leaves: 5, receipt: { recorded: { requestId } } });
  });

  it('can be looked at before their time', async () => {
    const preview = (await (await get('/preview?from=2025-03-20', 'other')).json()) as { document: { closedAt: null; period: { start: string } } };
    expect(preview.document).toMatchObject({ closedAt: null, period: { start: MARCH } });
    expect((await get('/preview?from=2200-01-01', 'other')).status).toBe(400);
    expect((await get('/preview?from=whenever', 'other')).status).toBe(400);
  });

  it('are shown to nobody else', async () => {
    const { data } = (await (await get('', 'acme')).json()) as { data: Array<{ id: string }> };
    const id = data[0]!.id;
    for (const path of [`/${id}`, `/${id}.html`, `/${id}/receipts`, `/${id}/proof/${id}`]) expect({ path, status: (await get(path, 'other')).status }).toEqual({ path, status: 404 });
    expect(await (await get('', 'other')).json()).toEqual({ data: [] });
    expect((await get('/nonsense', 'acme')).status).toBe(400);
    expect((await fetch(`${base}/api/statements/${id}`)).status).toBe(401);
    const asCustomer = await fetch(`${base}/api/admin/customers/acme/statements`, { method: 'POST', headers: { authorization: `Bearer ${keys['acme']}`, 'content-type': 'application/json' }, body: JSON.stringify({ periodStart: MARCH }) });
    expect(asCustomer.status).toBe(403);
  });
});
