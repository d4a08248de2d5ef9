import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { finishedRequest, insertRecords } from '../../../../libs/telemetry/test/books.js';
import { type OwnClickHouse, startOwnClickHouse } from '../../../../test/support/clickhouse.js';
import { eventually, until } from '../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { startWorker } from '../../../worker/src/start-worker.js';
import { type ApiOptions, type RunningApi, startApi } from '../start-api.js';

// The first run on a machine fetches ClickHouse.
const FETCH_MS = 300_000;
// Whole applications are started, and one waits for the next try to reach ClickHouse.
jest.setTimeout(90_000);

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

interface Counted {
  readonly total: { readonly requests: number; readonly byStatus: { readonly final: number }; readonly costPicodollars: string };
}

const CALLERS = 4;

// Real: the API, Postgres, ClickHouse; a provider that answers at once.
describe('analytics over HTTP', () => {
  let provider: Server;
  let database: TestDatabase;
  let clickhouse: OwnClickHouse;
  let options: ApiOptions;
  let api: RunningApi;
  const homes: string[] = [];

  const optionsOf = (role: ApiOptions['role'], env: NodeJS.ProcessEnv): ApiOptions => {
    const home = mkdtempSync(join(tmpdir(), 'apex-analytics-'));
    homes.push(home);
    return { port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis: { url: null, note: 'not wanted here' }, role, simulatorUrl: null, demo: true, env: { ...options?.env, ...env } };
  };
  const get = async (path: string, token: string, from = api): Promise<Answer> => {
    const response = await fetch(from.baseUrl + path, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const asAdmin = (path: string, from = api): Promise<Answer> => get(path, from.credentials!.adminToken, from);
  const ask = async (): Promise<number> => {
    const response = await fetch(`${api.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.credentials!.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }),
    });
    await response.arrayBuffer();
    return response.status;
  };
  /** From then on it is ClickHouse that answers. */
  const fed = (): Promise<void> => until(async () => !((await asAdmin('/api/admin/telemetry')).body['feed'] as { copying: boolean }).copying, 'the feed having begun');
  const demoTotal = async (path: string): Promise<Counted['total'] | undefined> => {
    const { status, body } = await asAdmin(`${path}?customerId=demo`);
    return status === 200 ? (body as unknown as Counted).total : undefined;
  };

  beforeAll(async () => {
    provider = createServer((request, response) => {
      request.resume().on('end', () => {
        const usage = { prompt_tokens: 19, completion_tokens: 7, total_tokens: 26 };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'chatcmpl-1', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' } }], usage }));
      });
    });
    provider.listen(0, '127.0.0.1');
    [database, clickhouse] = await Promise.all([createTestDatabase(), startOwnClickHouse(), once(provider, 'listening')]);
    const OPENAI_BASE_URL = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
    options = optionsOf('all', { APEX_LOG_LEVEL: 'silent', OPENAI_BASE_URL, OPENAI_API_KEY: 'sk-provider-0123456789abcdef' });
    api = await startApi(optionsOf('all', { CLICKHOUSE_URL: clickhouse.url }));
  }, FETCH_MS);
  afterAll(async () => {
    await api.close();
    await Promise.all([clickhouse.stop(), database.drop()]);
    provider.closeAllConnections();
    provider.close();
    for (const home of homes) rmSync(home, { recursive: true });
  });

  it('loses and doubles nothing when ClickHouse is killed under load, and requests are answered as ever', async () => {
    await fed();
    const statuses: number[] = [];
    let loaded = true;
    const callers = Array.from({ length: CALLERS }, async () => {
      while (loaded) statuses.push(await ask());
    });
    const more = (count: number): Promise<void> => {
      const enough = statuses.length + count;
      return until(() => statuses.length >= enough, `${count} more answers`);
    };
    try {
      await more(50);
      await until(async () => ((await demoTotal('/api/analytics'))?.requests ?? 0) > 0, 'the first records in ClickHouse');
      await clickhouse.kill();
      await more(200);
      expect(await asAdmin('/api/analytics')).toMatchObject({ status: 503, body: { error: { code: 'store_unavailable' } } });
      expect(await asAdmin('/health')).toMatchObject({ status: 200, body: { status: 'degraded', checks: { postgres: { status: 'up' }, clickhouse: { status: 'down' } } } });
      const lastError = await eventually('an error that is told', async () => ((await asAdmin('/api/admin/telemetry')).body['feed'] as { lastError: { message: string } | null }).lastError ?? undefined);
      expect(lastError.message).toMatch(/^ClickHouse does not answer/);
      expect(JSON.stringify(lastError)).not.toContain(new URL(clickhouse.url).password);
      await clickhouse.start();
      await more(50);
    } finally {
      loaded = false;
      await Promise.all(callers);
    }
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    await until(async () => (await demoTotal('/api/usage'))?.requests === statuses.length, 'all records in the books');
    await until(async () => (await demoTotal('/api/analytics'))?.requests === statuses.length, 'all records in ClickHouse', 40_000);
    const [books, copy] = await Promise.all([demoTotal('/api/usage'), demoTotal('/api/analytics')]);
    expect(copy).toMatchObject(books!);
    expect(copy!.byStatus.final).toBe(statuses.length);
    await until(async () => ((await asAdmin('/api/admin/telemetry')).body['feed'] as { waitingSeconds: number }).waitingSeconds === 0, 'nothing that waits');
    expect(await asAdmin('/api/admin/telemetry')).toMatchObject({ status: 200, body: { store: 'clickhouse', feed: { copying: false, keptFrom: null, sentAt: expect.any(String) as string } } });
    expect((await asAdmin('/health')).body['checks']).toMatchObject({ clickhouse: { status: 'up' } });
    const metrics = await (await fetch(`${api.baseUrl}/metrics`)).text();
    expect(Number(/^apex_clickhouse_events_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(statuses.length);
    expect(Number(/^apex_clickhouse_failures_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    expect(metrics).toMatch(/^apex_clickhouse_waiting_seconds \d/m);
  });

  it('shows a customer its own requests and no others, whichever store answers, with the same answer', async () => {
    const { body: made } = await callAdmin('/api/admin/customers', { id: 'acme', name: 'Acme' });
    expect(made).toMatchObject({ id: 'acme' });
    const { body: key } = await callAdmin('/api/admin/customers/acme/keys', { scopes: ['usage:read'] });
    const acme = key['key'] as string;
    await fed();
    const { body: before } = await asAdmin('/api/analytics?groupBy=none');
    await insertRecords(database.dataSource, Array.from({ length: 3 }, (_, i) => finishedRequest({ customer_id: 'acme', requested_model: i === 0 ? 'secret-model' : 'gpt-4o', tags: ['nightly'], duration_ms: 10 * (i + 1) })));
    await until(async () => ((await asAdmin('/api/analytics?customerId=acme')).body as unknown as Counted).total.requests === 3, 'the records in ClickHouse');

    const to = new Date(Date.now() + 1_000).toISOString();
    const period = `from=${new Date(Date.now() - 3_600_000).toISOString()}&to=${to}`;
    const beside = await startApi(optionsOf('api', { CLICKHOUSE_URL: '' }));
    try {
      expect(await asAdmin('/api/admin/telemetry', beside)).toEqual({ status: 200, body: { store: 'postgres', feed: null } });
      for (const question of [`${period}&groupBy=customer`, `${period}&groupBy=model&interval=minute`, `${period}&groupBy=tag&limit=1`, `${period}&groupBy=none&interval=hour&tag=nightly`]) {
        const own = await get(`/api/analytics?${question}`, acme);
        expect(own).toMatchObject({ status: 200, body: { total: { requests: 3, duration: { p50: 20, max: 30 } } } });
        expect(await get(`/api/analytics?${question}`, acme, beside)).toEqual(own);
        expect(await asAdmin(`/api/analytics?${question}&customerId=acme`)).toEqual(own);
        expect(await asAdmin(`/api/analytics?${question}`, beside)).toEqual(await asAdmin(`/api/analytics?${question}`));
        const demos = await get(`/api/analytics?${question}`, api.credentials!.apiKey);
        expect(demos.status).toBe(200);
        expect(JSON.stringify(demos.body)).not.toMatch(/acme|secret-model|nightly/);
        expect(await get(`/api/analytics?${question}&customerId=demo`, acme)).toMatchObject({ status: 403 });
      }
    } finally {
      await beside.close();
    }
    expect((await asAdmin('/api/analytics?groupBy=none')).body).toMatchObject({ total: { requests: (before as unknown as Counted).total.requests + 3 } });
    expect(await get('/api/admin/telemetry', acme)).toMatchObject({ status: 403 });
  });

  it.each([
    ['groupBy=colour'],
    ['from=2026-02-01&to=2026-01-01'],
    ['from=yesterday'],
    ['interval=second'],
    ['limit=0'],
    ['limit=1001'],
    ['key=x'],
    ['status=gone'],
    ['tag=nul%00'],
    ['interval=minute&limit=1000'],
  ])('answers 400 to %s', async (question) => {
    expect(await asAdmin(`/api/analytics?${question}`)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
  });

  it('is fed by a worker where there is one, and not by processes that only serve', async () => {
    const url = await clickhouse.createDatabase();
    const serving = await startApi(optionsOf('api', { CLICKHOUSE_URL: url }));
    const { body: answer } = await asAdmin('/api/analytics?to=2100-01-01&from=2020-01-01', serving);
    expect((answer as unknown as Counted).total.requests).toBeGreaterThan(0);
    // Two deployments would take the feed from each other.
    await api.close();
    const worker = await startWorker(optionsOf('worker', { CLICKHOUSE_URL: url }));
    try {
      const { feed } = await eventually('everything in the new ClickHouse', async () => {
        const { body } = await asAdmin('/api/admin/telemetry', serving);
        const status = body as { feed: { copying: boolean; waitingSeconds: number; sentAt: string } };
        const metrics = await (await fetch(`${worker.baseUrl}/metrics`)).text();
        return !status.feed.copying && Number(/^apex_clickhouse_events_total (\d+)$/m.exec(metrics)?.[1]) > 0 ? status : undefined;
      }, 40_000);
      expect(feed.waitingSeconds).toBe(0);
      expect((await asAdmin('/api/analytics?to=2100-01-01&from=2020-01-01', serving)).body).toEqual(answer);
      expect(await (await fetch(`${serving.baseUrl}/metrics`)).text()).not.toContain('apex_clickhouse_');
    } finally {
      await Promise.all([worker.close(), serving.close()]);
      api = await startApi(optionsOf('all', { CLICKHOUSE_URL: clickhouse.url }));
    }
  });

  async function callAdmin(path: string, body: unknown): Promise<Answer> {
    const response = await fetch(api.baseUrl + path, { method: 'POST', headers: { authorization: `Bearer ${api.credentials!.adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
});
