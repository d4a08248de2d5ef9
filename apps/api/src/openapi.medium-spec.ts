import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenAPIObject } from '@nestjs/swagger';
import { type TestDatabase, createTestDatabase } from '../../../test/support/postgres.js';
import { type RunningApi, startApi } from './start-api.js';

/** The table of routes is the data plane's own business, so it is read as text. */
const ROUTES = new URL('../../../libs/gateway/src/http/routes.ts', import.meta.url);

type Method = 'get' | 'post';

// Real: Postgres, the application.
describe('/docs-json', () => {
  let database: TestDatabase;
  let home: string;
  let api: RunningApi;
  let document: OpenAPIObject;

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-openapi-'));
    const redis = { url: null, note: 'not wanted here' };
    api = await startApi({ port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis, role: 'all', simulatorUrl: 'http://127.0.0.1:9/v1', demo: false, env: { APEX_LOG_LEVEL: 'silent' } });
    document = (await (await fetch(`${api.baseUrl}/docs-json`)).json()) as OpenAPIObject;
  });
  afterAll(async () => {
    await api.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });

  const described = (): string[] => Object.keys(document.paths).filter((path) => /^(\/direct)?\/v1\//.test(path));
  const methodsOf = (path: string): Method[] => Object.keys(document.paths[path] ?? {}) as Method[];
  const answer = async (method: string, path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(api.baseUrl + path.replace('{model}', 'some-model'), { method, headers: { 'content-type': 'application/json', ...headers }, body: method === 'post' ? '{}' : undefined });
    return { status: response.status, body: await response.json() };
  };

  it('describes every route of the data plane, through the gateway and on the direct path', () => {
    const routes = [...readFileSync(ROUTES, 'utf8').matchAll(/'(\/v1\/[a-z/_-]+[a-z])'/g)].map(([, path]) => path!);
    expect(routes).toEqual(expect.arrayContaining(['/v1/chat/completions', '/v1/messages', '/v1/models']));
    expect(described()).toEqual(expect.arrayContaining(routes.flatMap((path) => [path, `/direct${path}`])));
  });

  it('describes none that is not there: each takes its method, asks for a key, and refuses others', async () => {
    for (const path of described()) {
      for (const method of methodsOf(path)) {
        expect([path, (await answer(method, path)).status]).toEqual([path, 401]);
        expect([path, (await answer(method === 'get' ? 'delete' : 'put', path)).status]).toEqual([path, 405]);
      }
    }
  });

  it.each(['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/embeddings'])('describes %s with its body, its headers, its answers and the error that it really gives', async (path) => {
    for (const one of [path, `/direct${path}`]) {
      const { post } = document.paths[one]!;
      expect(post).toMatchObject({
        security: [{ bearer: [] }, { 'x-api-key': [] }],
        requestBody: { content: { 'application/json': { schema: { required: expect.arrayContaining(['model']) } } } },
        parameters: expect.arrayContaining(['x-apex-session', 'x-apex-tags', 'x-apex-timeout-ms', 'Idempotency-Key'].map((name) => expect.objectContaining({ name, in: 'header' }))),
      });
      const headers: Record<string, string> = path === '/v1/messages' ? { 'anthropic-version': '2023-06-01' } : {};
      const { body } = await answer('post', one, headers);
      const error = post!.responses['default'] as { content: Record<string, { schema: { properties: Record<string, { properties?: object }> } }> };
      const { properties } = error.content['application/json']!.schema;
      expect(Object.keys(properties)).toEqual(Object.keys(body as object));
      expect(Object.keys(properties['error']!.properties!).sort()).toEqual(Object.keys((body as { error: object }).error).sort());
    }
    const streams = Object.keys((document.paths[path]!.post!.responses['200'] as { content: object }).content).includes('text/event-stream');
    expect(streams).toBe(path !== '/v1/embeddings');
  });

  it('knows both ways to present a key', () => {
    expect(document.components?.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' }, 'x-api-key': { type: 'apiKey', in: 'header', name: 'x-api-key' } });
  });
});
