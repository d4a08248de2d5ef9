import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { authEntities, AuthModule, DemoSeeder } from '@apex/auth';
import { Clock, newId, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { LlmModule, PriceBook, llmConfig, llmEnvSchema } from '@apex/llm';
import { QueueModule } from '@apex/queue';
import { type AttemptRow, NO_TOKENS, RecordingService, UsageModule, type UsageRecordRow } from '@apex/usage';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { AdminCustomersController } from './admin-customers.controller.js';
import { ReconcileController } from './reconcile.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';
import { UsageController } from './usage.controller.js';

@Global()
@Module({ providers: [{ provide: Clock, useClass: SystemClock }], exports: [Clock] })
class ClockModule {}

const MODEL = 'gpt-4o-mini';

/** A request whose client left: what it cost is not known. */
function abortedRequest(customerId: string): { record: UsageRecordRow; attempt: AttemptRow } {
  const shared = {
    request_id: newId(),
    customer_id: customerId,
    provider: 'openai',
    status: 'aborted',
    http_status: 200,
    error_code: 'client_closed',
    prompt_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    completion_tokens: 0,
    reasoning_tokens: 0,
    usage_source: 'unknown',
    cost_pd: 0,
    pricing: 'none',
    price_version: null,
    started_at: new Date().toISOString(),
    duration_ms: 10,
  } as const;
  const attempt: AttemptRow = { ...shared, attempt_id: newId(), attempt_no: 1, model: MODEL, provider_response_id: null, key_owner: 'platform' };
  const record: UsageRecordRow = {
    ...shared,
    key_id: newId(),
    session: null,
    tags: ['nightly'],
    surface: 'chat.completions',
    path: 'gateway',
    cohort: 'gateway',
    cohort_reason: null,
    requested_model: MODEL,
    served_model: MODEL,
    stream: true,
    attempts: 1,
    unknown_attempts: 1,
    first_byte_ms: 5,
  };
  return { record, attempt };
}

/** The real guard, filter, controllers, journal, price list and Postgres. */
describe('usage and reconciliation over HTTP', () => {
  let database: TestDatabase;
  let home: string;
  let app: INestApplication;
  let base: string;
  let admin: string;
  const keys: Record<string, string> = {};

  const call = async (token: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(base + path, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  const record = ({ record: row, attempt }: ReturnType<typeof abortedRequest>): Promise<void> =>
    new Promise((resolve, reject) => app.get(RecordingService).recorder.close(row, [attempt], (error) => (error ? reject(error) : resolve())));

  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'apex-usage-http-'));
    const module = await Test.createTestingModule({
      imports: [
        ClockModule,
        DatabaseModule.forRoot({ url: database.url, entities: authEntities, migrations: [], poolSize: 4 }),
        QueueModule.forRoot({ url: null }),
        UsageModule.forRoot({ home, sync: 'second' }),
        LlmModule.forRoot(llmConfig(llmEnvSchema.parse({ OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }))),
        AuthModule.forRoot({ home, platformKeys: {} }),
      ],
      controllers: [UsageController, ReconcileController, AdminCustomersController],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    admin = (await app.get(DemoSeeder).ensure({ home, baseUrl: base })).adminToken;
    for (const id of ['acme', 'other']) {
      await call(admin, 'POST', '/api/admin/customers', { id, name: id });
      keys[id] = (await call(admin, 'POST', `/api/admin/customers/${id}/keys`, { scopes: ['usage:read'] })).body['key'] as string;
    }
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    await rm(home, { recursive: true });
  });

  it('settles an aborted request from the export, at the list price, and shows it to its own customer only', async () => {
    const request = abortedRequest('acme');
    await record(request);
    const usage = { ...NO_TOKENS, promptTokens: 1_000, completionTokens: 50 };
    // The record is in no table yet: reconciliation sees to that itself.
    const rows = [{ attemptId: request.attempt.attempt_id, model: MODEL, ...usage, invoiceLine: 7 }, { attemptId: 'somebody-elses', promptTokens: 1, completionTokens: 1 }];
    const settled = await call(admin, 'POST', '/api/admin/reconcile', { provider: 'openai', rows });
    expect(settled).toMatchObject({
      status: 200,
      body: { provider: 'openai', counts: { rows: 2, settled: 1, settledUnpriced: 0, unknownHere: 1, stillUnknown: 0 }, differences: [{ kind: 'unknown_here', attemptId: 'somebody-elses' }], truncated: false },
    });
    const price = app.get(PriceBook).price('openai', MODEL, usage, Date.parse(request.record.started_at));
    const cost = price.pricing === 'priced' ? String(price.costPicodollars) : 'unpriced';
    expect(Number(cost)).toBeGreaterThan(0);

    const period = `from=${new Date(Date.now() - 60_000).toISOString()}&to=${new Date(Date.now() + 60_000).toISOString()}`;
    const own = { requests: 1, promptTokens: 1_000, completionTokens: 50, costPicodollars: cost, byStatus: { final: 0, failed: 0, denied: 0, aborted: 1, interrupted: 0 }, unknownAttempts: 0 };
    const mine = await call(keys['acme']!, 'GET', `/api/usage?${period}&groupBy=tag`);
    expect(mine).toMatchObject({ status: 200, body: { total: own, groups: [{ key: 'nightly', ...own }] } });
    expect(await call(keys['other']!, 'GET', `/api/usage?${period}`)).toMatchObject({ status: 200, body: { total: { requests: 0 }, groups: [] } });
    expect(await call(admin, 'GET', `/api/usage?${period}`)).toMatchObject({ status: 200, body: { total: own } });
    expect(await call(admin, 'GET', `/api/usage?${period}&customerId=other`)).toMatchObject({ status: 200, body: { total: { requests: 0 } } });
    expect(await call(keys['other']!, 'GET', `/api/usage?${period}&customerId=acme`)).toMatchObject({ status: 403 });

    const [filed] = await database.dataSource.query<Array<{ actor: string }>>('select actor from reconciliations');
    expect(filed!.actor).toMatch(/^operator:/);
  });

  it.each([
    ['GET', '/api/usage?groupBy=colour', undefined],
    ['GET', '/api/usage?from=2026-02-01&to=2026-01-01', undefined],
    ['GET', '/api/usage?from=yesterday', undefined],
    ['POST', '/api/admin/reconcile', {}],
    ['POST', '/api/admin/reconcile', { provider: 'openai', from: '2026-01-01', rows: [] }],
    ['POST', '/api/admin/reconcile', { provider: 'openai', rows: [{ attemptId: 'a', promptTokens: -1, completionTokens: 0 }] }],
    ['POST', '/api/admin/reconcile', { provider: 'openai', rows: [{ attemptId: 'nul\u0000', promptTokens: 1, completionTokens: 0 }] }],
  ])('answers 400 to %s %s', async (method, path, body) => {
    expect(await call(admin, method, path, body)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
  });

  it('keeps reconciliation to operators', async () => {
    expect(await call(keys['acme']!, 'POST', '/api/admin/reconcile', { provider: 'openai', rows: [] })).toMatchObject({ status: 403, body: { error: { code: 'operator_only' } } });
  });
});
