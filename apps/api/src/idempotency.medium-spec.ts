import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { newId } from '@apex/common';
import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { type OwnServer, type TestDatabase, createTestDatabase } from '../../../test/support/postgres.js';
import { until } from '../../../test/support/eventually.js';
import { startOwnRedis } from '../../../test/support/redis.js';
import { type RunningApi, startApi } from './start-api.js';

// Two whole processes' worth is started.
jest.setTimeout(90_000);

const messages = [{ role: 'user', content: 'Say hello.' }];
const CALLS: readonly [path: string, body: Record<string, unknown>][] = [
  ['/v1/chat/completions', { model: 'gpt-4o-mini', messages }],
  ['/v1/chat/completions', { model: 'gpt-4o-mini', messages, stream: true }],
  ['/direct/v1/chat/completions', { model: 'gpt-4o-mini', messages }],
  ['/v1/responses', { model: 'gpt-4o-mini', input: 'Say hello.', stream: true }],
  ['/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 50, messages }],
  ['/v1/messages', { model: 'gpt-4o-mini', max_tokens: 50, messages, stream: true }],
  ['/v1/embeddings', { model: 'text-embedding-3-small', input: 'hello' }],
];

describe('Idempotency-Key, over two processes', () => {
  const encryptionKey = randomBytes(32).toString('base64');
  const homes = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'apex-idempotency-')));
  let database: TestDatabase;
  let redis: OwnServer;
  let simulator: RunningSimulator;
  let one: RunningApi;
  let two: RunningApi;
  const running: RunningApi[] = [];

  beforeAll(async () => {
    [database, redis, simulator] = await Promise.all([createTestDatabase(), startOwnRedis(), startSimulator({ speed: 0 })]);
    const start = async (home: string): Promise<RunningApi> => {
      const api = await startApi({
        port: 0,
        host: '127.0.0.1',
        home,
        databaseUrl: database.url,
        redis: { url: redis.url, note: null },
        role: 'all',
        simulatorUrl: simulator.url,
        demo: true,
        env: { APEX_LOG_LEVEL: 'silent', APEX_ENCRYPTION_KEY: encryptionKey },
      });
      running.push(api);
      return api;
    };
    one = await start(homes[0]!);
    two = await start(homes[1]!);
    // The second process knows the first one's key once it has looked.
    await until(async () => (await ask(two, '/v1/embeddings', {}, newId())).status === 400, 'knows the key');
  });

  afterAll(async () => {
    for (const api of running) await api.close();
    await simulator.close();
    await redis.stop();
    await database.drop();
    for (const home of homes) rmSync(home, { recursive: true });
  });

  async function ask(api: RunningApi, path: string, body: unknown, key: string): Promise<{ status: number; headers: Headers; body: string }> {
    const response = await fetch(api.baseUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${one.credentials!.apiKey}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  const records = async (key: string): Promise<number> => Number((await database.dataSource.query<{ count: string }[]>('select count(*) from usage_records where request_id = $1', [key]))[0]!.count);

  it.each(CALLS)('%s %j is answered once', async (path, body) => {
    const key = newId();
    const called = simulator.ledger().length;
    const first = await ask(one, path, body, key);
    expect([first.status, first.body === '']).toEqual([200, false]);
    // It is told to Redis when the client has it.
    let second = await ask(two, path, body, key);
    await until(async () => second.status !== 409 || (second = await ask(two, path, body, key)).status !== 409, 'is kept');
    expect(second.body).toBe(first.body);
    for (const name of ['content-type', 'x-request-id', 'x-apex-cohort', 'x-apex-cost-usd']) expect(second.headers.get(name)).toBe(first.headers.get(name));
    expect(second.headers.get('x-apex-idempotent-replay')).toBe('true');
    expect((await ask(two, path, { ...body, metadata: {} }, key)).status).toBe(409);
    expect(simulator.ledger()).toHaveLength(called + 1);
    await until(async () => (await records(first.headers.get('x-request-id')!)) === 1, 'is recorded');
    expect(await (await fetch(`${two.baseUrl}/metrics`)).text()).toMatch(/^apex_idempotent_replays_total [1-9]\d*$/m);
  });

  it('holds within a process while Redis is away', async () => {
    await redis.stop();
    const [path, body] = CALLS[0]!;
    const key = newId();
    const first = await ask(one, path, body, key);
    expect(first.status).toBe(200);
    const second = await ask(one, path, body, key);
    expect([second.body, second.headers.get('x-apex-idempotent-replay')]).toEqual([first.body, 'true']);
  });
});
