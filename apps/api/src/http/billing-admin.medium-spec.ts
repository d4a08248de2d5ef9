import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstIdAt, newId } from '@apex/common';
import { until } from '../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { testRedisUrl } from '../../../../test/support/redis.js';
import { type RunningApi, startApi } from '../start-api.js';

const ADMIN = 'a-token-of-an-operator-for-tests';
const BOARD = '/api/admin/queues';

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

// Real: Postgres, Redis, the application.
describe('billing for operators', () => {
  let database: TestDatabase;
  let home: string;
  let api: RunningApi;

  const get = (path: string, token: string | null = ADMIN, init: RequestInit = {}): Promise<Response> =>
    fetch(api.baseUrl + path, { ...init, headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(init.headers as Record<string, string>) } });
  const ask = async <T>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
    const response = await get(path, ADMIN, init);
    return { status: response.status, body: (await response.json()) as T };
  };
  const audited = async (action: string): Promise<number> => (await database.dataSource.query<Array<{ n: number }>>('select count(*)::int as n from audit_log where action = $1', [action]))[0]!.n;

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-billing-'));
    const redis = { url: testRedisUrl(), note: null };
    api = await startApi({ port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis, role: 'all', simulatorUrl: 'http://127.0.0.1:9/v1', demo: false, env: { APEX_LOG_LEVEL: 'silent', APEX_ADMIN_TOKEN: ADMIN } });
    await database.dataSource.query(`insert into customers (id, name, tier, platform_keys) values ('acme', 'Acme', 'mid', true), ('globex', 'Globex', 'free', false)`);
  });
  afterAll(async () => {
    await api.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });

  describe('the board of queues', () => {
    const page = async (): Promise<string> => (await get(BOARD)).text();
    const assets = async (): Promise<string[]> => [...(await page()).matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, path]) => `${BOARD}/${path!}`);

    it('is the board, with what it loads, under a policy of its own', async () => {
      const response = await get(BOARD);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
      expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(await response.text()).toContain(`<base href="${BOARD}/"`);
      const loaded = await assets();
      expect(loaded.length).toBeGreaterThan(2);
      for (const path of loaded) expect([path, (await get(path)).status]).toEqual([path, 200]);
      const { queues } = (await (await get(`${BOARD}/api/queues`)).json()) as { queues: { name: string }[] };
      expect(queues.map(({ name }) => name)).toContain('rollups');
    });

    it.each([null, 'wrong'])('shows nothing of it to a caller with the token %p', async (token) => {
      for (const path of [BOARD, `${BOARD}/`, `${BOARD}/api/queues`, ...(await assets())]) {
        expect([path, (await get(path, token)).status]).toEqual([path, 401]);
        expect([path, (await get(path, token, { method: 'PUT' })).status]).toEqual([path, 401]);
      }
    });

    it('audits what is changed on it, and nothing that is looked at', async () => {
      const before = await audited('queues.change');
      await page();
      expect((await get(`${BOARD}/api/queues/rollups/clean/completed`, ADMIN, { method: 'PUT' })).status).toBe(200);
      expect(await audited('queues.change')).toBe(before + 1);
    });

    it.each(['static/nothing.js', 'static/..%2f..%2fpackage.json', 'static/%2e%2e/index.ejs'])('has no file at %s', async (path) => expect((await get(`${BOARD}/${path}`)).status).toBeGreaterThanOrEqual(400));
  });

  describe('credits', () => {
    const grant = (body: object, headers: Record<string, string> = {}): Promise<Answer<Record<string, unknown>>> => ask('/api/admin/customers/acme/credits', { amountCents: 1_250, reason: 'an incident', ...body }, headers);

    it('are granted once, however often they are asked for, and audited once', async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => grant({}, { 'idempotency-key': 'incident-1' })));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(answers.filter(({ body }) => body.created)).toHaveLength(1);
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      expect(answers[0]!.body).toMatchObject({ customerId: 'acme', sourceId: 'incident-1', amountPicodollars: '12500000000000', creditPicodollars: '12500000000000' });
      expect(await audited('customer.credit')).toBe(1);
      expect((await grant({ sourceId: 'incident-2' })).body).toMatchObject({ created: true, creditPicodollars: '25000000000000' });
    });

    it('of one name with two amounts are a conflict', async () => {
      await grant({ sourceId: 'incident-3' });
      expect(await grant({ sourceId: 'incident-3', amountCents: 1_251 })).toMatchObject({ status: 409, body: { error: { code: 'ledger_conflict' } } });
    });

    it.each([{ amountCents: 0, sourceId: 'x' }, { amountCents: -1, sourceId: 'x' }, { amountCents: 1.5, sourceId: 'x' }, { amountCents: 1e12, sourceId: 'x' }, { reason: '', sourceId: 'x' }, {}, { sourceId: 'a b' }])('are refused for %p', async (body) => {
      expect(await grant(body)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
    });

    it('need a customer that is there', async () => {
      expect(await ask('/api/admin/customers/nobody/credits', { amountCents: 1, sourceId: 'x', reason: 'y' })).toMatchObject({ status: 404 });
    });
  });

  it('shows what is earned a month, and with a customer, from closed statements', async () => {
    const day = 86_400_000;
    const end = Math.floor(Date.now() / day) * day - 4 * day;
    const at = (daysBefore: number): Date => new Date(end - daysBefore * day);
    const statement = async (customerId: string, from: number, to: number, revenue: Readonly<Record<string, bigint>>): Promise<void> => {
      const id = newId();
      const [previous] = await database.dataSource.query<Array<{ id: string }>>('select id from statements where customer_id = $1 order by period_end desc limit 1', [customerId]);
      await database.dataSource.query(`insert into statements (id, customer_id, period_start, period_end, previous_id, document, hash, merkle_root, closed_at) values ($1, $2, $3, $4, $5, '{}', repeat('0', 64), repeat('0', 64), $6)`, [id, customerId, at(from), at(to), previous?.id ?? null, at(to - 3)]);
      const total = Object.values(revenue).reduce((sum, amount) => sum + amount, 0n);
      await database.dataSource.transaction(async (manager) => {
        const entry = newId();
        await manager.query(`insert into ledger_entries (id, customer_id, kind, source_id, occurred_at, memo) values ($1, $2, 'statement', $3, $4, '')`, [entry, customerId, id, at(to)]);
        for (const [account, amount] of [...Object.entries(revenue).map(([name, sum]) => [name, -sum] as const), ['customer:receivable', total] as const]) await manager.query('insert into ledger_lines values ($1, $2, $3)', [entry, account, String(amount)]);
      });
    };
    await statement('acme', 60, 30, { 'revenue:vbp': 99n });
    await statement('acme', 30, 0, { 'revenue:platform': 500_000_000_000_000n, 'revenue:vbp': 7_000_000_000_001n, 'revenue:bvm': 1_000_000_000_000n, passthrough: 3_000_000_000_000n });
    await statement('globex', 30, 0, { 'revenue:vbp': 2n });
    // Paid with the platform's key in the last period.
    const requestId = `${firstIdAt(at(10).getTime()).slice(0, 14)}7000-8000-000000000001`;
    await database.dataSource.query(`insert into usage_records (request_id, customer_id, key_id, surface, path, cohort, status, usage_source, pricing, started_at) values ($1, 'acme', $1, 's', 'gateway', 'gateway', 'final', 'provider', 'priced', $2)`, [requestId, at(10)]);
    await database.dataSource.query(`insert into attempts (attempt_id, request_id, attempt_no, customer_id, provider, model, status, usage_source, pricing, cost_pd, started_at) values ($1, $1, 1, 'acme', 'openai', 'gpt-4o', 'final', 'provider', 'priced', 2999999999999, $2)`, [requestId, at(10)]);

    // The mid tier's fee by its terms, and of each customer the last statement.
    expect((await ask('/api/admin/mrr')).body).toMatchObject({ customers: 2, platformPicodollars: '500000000000000', statements: 2, vbpPicodollars: '7000000000003', bvmPicodollars: '1000000000000', mrrPicodollars: '508000000000003' });
    const margin = await ask(`/api/admin/customers/acme/margin?from=${at(1).toISOString()}&to=${at(0).toISOString()}`);
    expect(margin.body).toEqual({
      customerId: 'acme',
      from: at(1).toISOString(),
      to: at(0).toISOString(),
      statements: 1,
      revenue: { platformPicodollars: '500000000000000', vbpPicodollars: '7000000000001', bvmPicodollars: '1000000000000', passthroughPicodollars: '3000000000000' },
      providerCostPicodollars: '2999999999999',
      marginPicodollars: '508000000000002',
    });
    expect((await ask('/api/admin/customers/acme/margin?from=2020-01-01&to=2020-02-01')).body).toMatchObject({ statements: 0, marginPicodollars: '0' });
    expect(await ask('/api/admin/customers/nobody/margin')).toMatchObject({ status: 404 });
  });

  it('lists the tiers', async () => {
    const { body } = await ask<{ data: { name: string }[] }>('/api/billing/tiers');
    expect(body.data.map(({ name }) => name)).toEqual(['free', 'early', 'mid', 'enterprise']);
    expect((await get('/api/billing/tiers', null)).status).toBe(401);
  });

  it('rolls up by itself, shows how far it is, and makes again what an operator asks for', async () => {
    interface Status {
      readonly markedAt: string | null;
      readonly checkedAt: string | null;
      readonly waiting: number;
      readonly differing: number;
    }
    await until(async () => (await ask<Status>('/api/admin/rollups')).body.checkedAt !== null, 'the first check');
    const day = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000);
    const { status } = await ask<Status>('/api/admin/rollups/recompute', { from: day.toISOString(), to: new Date(day.getTime() + 1).toISOString(), reason: 'a test' });
    expect(status).toBe(202);
    expect(await audited('rollups.recompute')).toBe(1);
    expect(await ask('/api/admin/rollups/recompute', { from: '2026-01-02', to: '2026-01-02', reason: 'x' })).toMatchObject({ status: 400 });
    expect(await (await get('/metrics', null)).text()).toMatch(/^apex_rollup_differences 0$/m);
  });

  it.each(['/api/admin/rollups', '/api/admin/mrr', '/api/admin/customers/acme/margin'])('keeps %s for operators', async (path) => expect((await get(path, null)).status).toBe(401));
});
