import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { type RunningWorker, startWorker } from './start-worker.js';

// Real: Postgres, the worker process' application.
describe('a worker process', () => {
  let database: TestDatabase;
  let home: string;
  let worker: RunningWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-worker-'));
    const redis = { url: null, note: 'not wanted here' };
    worker = await startWorker({ port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis, role: 'worker', simulatorUrl: null, demo: false, env: { APEX_LOG_LEVEL: 'silent' } });
  });
  afterAll(async () => {
    await worker.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });

  it.each(['/health', '/ready', '/metrics'])('answers %s, with the headers that keep browsers off', async (path) => {
    const response = await fetch(worker.baseUrl + path);
    expect([response.status, response.headers.get('x-content-type-options'), response.headers.get('x-powered-by')]).toEqual([200, 'nosniff', null]);
    await response.text();
  });

  it.each(['/api/keys', '/api/admin/customers', '/v1/models', '/docs', '/docs-json'])('has nothing at %s', async (path) => {
    const response = await fetch(worker.baseUrl + path);
    expect([response.status, await response.json()]).toEqual([404, { error: { code: 'not_found', message: expect.any(String) as string } }]);
  });
});
