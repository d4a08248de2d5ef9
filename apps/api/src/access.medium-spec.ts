import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { findUndeclaredRoutes } from '@apex/auth';
import { type TestDatabase, createTestDatabase } from '../../../test/support/postgres.js';
import { readApiConfig } from './api.config.js';
import { AppModule } from './app.module.js';
import { type ApiOptions, type RunningApi, startApi } from './start-api.js';

/** Open to everybody, and why that is right is said at each of them. */
const PUBLIC = ['/health', '/ready', '/metrics', '/api/auth/login', '/api/webhooks/stripe'];

interface Operation {
  readonly method: string;
  readonly path: string;
}

describe('every route declares who may use it', () => {
  let database: TestDatabase;
  let home: string;
  let options: ApiOptions;
  let api: RunningApi;

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-access-'));
    options = {
      port: 0,
      host: '127.0.0.1',
      home,
      databaseUrl: database.url,
      redis: { url: null, note: 'not wanted here' },
      role: 'all',
      simulatorUrl: 'http://127.0.0.1:9/v1',
      demo: true,
      env: { APEX_LOG_LEVEL: 'silent' },
    };
    api = await startApi(options);
  });

  afterAll(async () => {
    await api.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });

  const operations = async (): Promise<Operation[]> => {
    const { paths } = (await (await fetch(`${api.baseUrl}/docs-json`)).json()) as { paths: Record<string, object> };
    return Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })));
  };

  it('by a decorator', async () => {
    const module = await Test.createTestingModule({ imports: [AppModule.forRoot(options, readApiConfig(options))] }).compile();
    expect(findUndeclaredRoutes(module)).toEqual([]);
    await module.close();
  });

  it('and lets nobody in without a key who is not meant to be', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(20);
    const open: string[] = [];
    for (const { method, path } of all) {
      const response = await fetch(api.baseUrl + path.replaceAll(/\{\w+\}/g, 'x'), { method, headers: { 'content-type': 'application/json' }, body: method === 'GET' ? undefined : '{}' });
      if (response.status !== 401) open.push(path);
      await response.body?.cancel();
    }
    expect(open.sort()).toEqual([...PUBLIC].sort());
  });

  it('and lets no customer into the operators\' part', async () => {
    for (const { method, path } of (await operations()).filter(({ path: each }) => each.startsWith('/api/admin'))) {
      const response = await fetch(api.baseUrl + path.replaceAll(/\{\w+\}/g, 'x'), {
        method,
        headers: { authorization: `Bearer ${api.credentials!.apiKey}`, 'content-type': 'application/json' },
        body: method === 'GET' ? undefined : '{}',
      });
      expect({ path, status: response.status }).toEqual({ path, status: 403 });
      await response.body?.cancel();
    }
  });
});
