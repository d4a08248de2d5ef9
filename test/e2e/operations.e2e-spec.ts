import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type Answer, type Apex, PROVIDER_KEY, startApex } from './support/apex.js';
import { eventually } from '../support/eventually.js';
import { type UsageAnswer } from './support/exactness.js';
import { failureOf } from './support/failure-of.js';

const CHAT = '/v1/chat/completions';
/** In every prompt here: it must not show up in any log. */
const PROMPT_MARK = 'the-heron-flies-at-noon';
const KILL_SWITCHES = ['kill_compression', 'kill_exact_cache', 'kill_prompt_cache', 'kill_routing', 'kill_semantic_cache'];
const FLAGS = ['billing_enabled', 'gateway_enabled', ...KILL_SWITCHES, 'usage_limits_enforced', 'validation_workbench'];
/** A change is in force everywhere within a second. */
const EFFECTIVE_MS = 1_000;

interface FlagView {
  readonly name: string;
  readonly enabled: boolean;
  readonly alsoFor: readonly string[];
}
interface AuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
}

let database: TestDatabase;
let simulator: RunningSimulator;
let apex: Apex;
/** A key of another customer than the demo one, who may use the platform's provider key. */
let otherKey: string;
const secrets: string[] = [];

const prompt = (more: object = {}): object => ({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: `Say something about ${PROMPT_MARK}.` }], ...more });

let conversations = 0;

/** Of a conversation of its own: one in twenty that are on the gateway is the experiment's control, and would be so each time. */
async function cohort(process: Apex, key: string): Promise<string | null> {
  const response = await process.post(CHAT, prompt(), { authorization: `Bearer ${key}`, 'x-apex-session': `conversation-${++conversations}` });
  await response.text();
  expect(response.status).toBe(200);
  return response.headers.get('x-apex-cohort');
}

const cohortBecomes = (process: Apex, key: string, wanted: string): Promise<true> =>
  eventually(`x-apex-cohort: ${wanted}`, async () => ((await cohort(process, key)) === wanted ? true : undefined), EFFECTIVE_MS);

async function setFlag(name: string, enabled: boolean, reason: string): Promise<FlagView> {
  const answer = await apex.api<FlagView>('PUT', `/api/admin/flags/${name}`, { enabled, reason });
  expect(answer.status).toBe(200);
  return answer.body;
}

async function setTraffic(gatewayPercentage: number, reason: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await apex.api<Record<string, unknown>>('PUT', '/api/admin/traffic', { gatewayPercentage, reason });
  expect(answer.status).toBe(200);
  return answer.body;
}

async function newCustomer(name: string): Promise<{ id: string; key: string; keyId: string }> {
  const customer = await apex.api<{ id: string }>('POST', '/api/admin/customers', { name, platformKeys: true });
  const key = await apex.api<{ id: string; key: string }>('POST', `/api/admin/customers/${customer.body.id}/keys`, { name: 'first' });
  expect([customer.status, key.status]).toEqual([201, 201]);
  secrets.push(key.body.key);
  return { id: customer.body.id, key: key.body.key, keyId: key.body.id };
}

beforeAll(async () => {
  database = await createTestDatabase();
  // Slow enough for streams to be under way when something happens to the process.
  simulator = await startSimulator({ speed: 0.1 });
  apex = await startApex({ postgres: database.url, simulator, env: { APEX_LOG_LEVEL: 'debug' } });
  secrets.push(apex.apiKey, apex.adminToken, PROVIDER_KEY);
}, 90_000);

afterAll(async () => {
  await apex?.close();
  await simulator?.close();
  await database?.drop();
}, 60_000);

describe('a fresh start', () => {
  it('leaves credentials that nobody else can read', () => {
    const file = join(apex.home, 'credentials.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ baseUrl: apex.baseUrl, apiKey: expect.stringMatching(/^apex_[\w-]{43}$/) as string, adminToken: expect.stringMatching(/\S{20,}/) as string });
  });

  it('has all flags off and no traffic, with the demo customer as the one exception', async () => {
    const flags = await apex.api<{ data: FlagView[] }>('GET', '/api/admin/flags');
    expect(flags.body.data.map(({ name, enabled }) => [name, enabled]).sort()).toEqual(FLAGS.map((name) => [name, false]));
    expect(flags.body.data.filter(({ alsoFor }) => alsoFor.length > 0).map(({ name, alsoFor }) => [name, alsoFor])).toEqual([['gateway_enabled', ['demo']]]);
    const traffic = await apex.api('GET', '/api/admin/traffic');
    expect(traffic.body).toMatchObject({ gatewayPercentage: 0, legacyPercentage: 100, stickiness: 'customer', alsoFor: ['demo'] });
    await cohortBecomes(apex, apex.apiKey, 'gateway');
    otherKey = (await newCustomer('Other')).key;
    expect(await cohort(apex, otherKey)).toBe('direct; reason=flag_off');
  });
});

describe('operations', () => {
  it('says that it lives and takes traffic', async () => {
    const health = await apex.api('GET', '/health', undefined, null);
    expect(health).toMatchObject({ status: 200, body: { status: 'ok', uptimeSeconds: expect.any(Number), checks: { postgres: { status: 'up' }, redis: { status: 'up' } } } });
    expect(await apex.api('GET', '/ready', undefined, null)).toMatchObject({ status: 200, body: { ready: true } });
  });

  it('counts requests, tokens and cost for Prometheus, without naming anybody', async () => {
    await cohort(apex, apex.apiKey);
    const { body, headers } = await apex.api<string>('GET', '/metrics', undefined, null);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const sum = (name: string): number =>
      body.split('\n').filter((line) => line.startsWith(`${name}{`)).reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    for (const name of ['apex_requests_total', 'apex_tokens_total', 'apex_cost_picodollars_total', 'apex_upstream_attempts_total']) expect([name, sum(name) > 0]).toEqual([name, true]);
    expect(body).toMatch(/^apex_request_duration_seconds_bucket\{.*le="/m);
    expect(body).toMatch(/^nodejs_eventloop_lag_seconds /m);
    for (const word of ['demo', 'gpt-4o-mini', ...secrets]) expect(body).not.toContain(word);
  });

  it('describes both planes in one OpenAPI document', async () => {
    const { status, body } = await apex.api<{ openapi: string; paths: Record<string, Record<string, unknown>> }>('GET', '/docs-json', undefined, null);
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\./);
    for (const [path, method] of [
      [CHAT, 'post'],
      ['/v1/embeddings', 'post'],
      ['/v1/models', 'get'],
      ['/direct/v1/chat/completions', 'post'],
      ['/api/usage', 'get'],
      ['/api/keys', 'get'],
      ['/api/admin/flags/{name}', 'put'],
      ['/api/admin/traffic', 'put'],
      ['/api/admin/reconcile', 'post'],
      ['/api/admin/customers', 'post'],
      ['/api/admin/audit', 'get'],
      ['/health', 'get'],
    ] as const) expect([path, Object.keys(body.paths[path] ?? {})]).toEqual([path, expect.arrayContaining([method])]);
    const page = await apex.api<string>('GET', '/docs', undefined, null);
    expect(page).toMatchObject({ status: 200, body: expect.stringContaining('swagger') });
  });

  it.each(['/api/usage', '/api/keys', '/api/admin/flags', '/api/admin/traffic', '/api/admin/audit', '/api/admin/customers'])('denies %s to strangers, and the operator\'s part to customers', async (path) => {
    expect((await apex.api('GET', path, undefined, null)).status).toBe(401);
    expect((await apex.api('GET', path, undefined, 'apex_nobody')).status).toBe(401);
    expect((await apex.api('GET', path, undefined, apex.apiKey)).status).toBe(path.startsWith('/api/admin') ? 403 : 200);
  });
});

describe('flags and traffic', () => {
  let second: Apex;

  beforeAll(async () => {
    second = await startApex({ postgres: database.url, simulator });
    secrets.push(second.apiKey, second.adminToken);
  }, 90_000);

  afterAll(async () => {
    await second?.close();
    expectNoSecrets(second);
  }, 60_000);

  it('are in force within a second, here and in a second process, and say why', async () => {
    const both = async (wanted: string): Promise<void> => {
      await Promise.all([cohortBecomes(apex, otherKey, wanted), cohortBecomes(second, otherKey, wanted)]);
    };
    await setFlag('gateway_enabled', true, 'on, for a test');
    await both('direct; reason=not_in_percentage');
    expect(await setTraffic(100, 'all, for a test')).toMatchObject({ gatewayPercentage: 100, legacyPercentage: 0 });
    await both('gateway');
    expect(await setTraffic(0, 'none, for a test')).toMatchObject({ gatewayPercentage: 0, legacyPercentage: 100 });
    await both('direct; reason=not_in_percentage');
    await setTraffic(100, 'all again');
    await both('gateway');
    expect(await setFlag('gateway_enabled', false, 'off, for a test')).toMatchObject({ enabled: false, alsoFor: [] });
    await both('direct; reason=flag_off');
    expect(await cohort(second, second.apiKey)).toBe('direct; reason=flag_off');
  });

  it('refuse what they do not know', async () => {
    expect(await apex.api('PUT', '/api/admin/flags/no_such_flag', { enabled: true, reason: 'x' })).toMatchObject({ status: 404, body: { error: { code: 'unknown_flag' } } });
    for (const body of [{ enabled: true }, { enabled: 'yes', reason: 'x' }, { enabled: true, reason: ' ' }]) expect((await apex.api('PUT', '/api/admin/flags/gateway_enabled', body)).status).toBe(400);
    for (const gatewayPercentage of [-1, 101, 0.5, '10']) expect((await apex.api('PUT', '/api/admin/traffic', { gatewayPercentage, reason: 'x' })).status).toBe(400);
  });

  it('leave an audit entry for every change: who, when, from, to, why', async () => {
    const since = new Date().toISOString();
    const why = `because ${randomUUID()}`;
    await setFlag('billing_enabled', true, why);
    await setFlag('billing_enabled', true, why);
    await setFlag('billing_enabled', false, why);
    await setTraffic(10, why);
    const { body } = await apex.api<{ data: AuditEntry[] }>('GET', `/api/admin/audit?from=${since}`);
    const mine = body.data.filter((entry) => entry.reason === why).reverse();
    expect(mine.map(({ before, after }) => [before?.['enabled'] ?? before?.['gatewayPercentage'], after?.['enabled'] ?? after?.['gatewayPercentage']])).toEqual([
      [false, true],
      [true, true],
      [true, false],
      [100, 10],
    ]);
    for (const entry of mine) {
      expect(entry.actor).toMatch(/\S/);
      expect(Date.parse(entry.at)).toBeGreaterThanOrEqual(Date.parse(since));
    }
    expect(JSON.stringify(body)).not.toContain(apex.adminToken);
  });

  it('let a key live from its creation to its revocation, in both processes', async () => {
    const { id, key, keyId } = await newCustomer('Third');
    const statusIn = async (process: Apex): Promise<number> => {
      const response = await process.post(CHAT, prompt(), { authorization: `Bearer ${key}` });
      await response.text();
      return response.status;
    };
    const becomes = (process: Apex, status: number): Promise<true> => eventually(`status ${status}`, async () => ((await statusIn(process)) === status ? true : undefined), EFFECTIVE_MS);
    expect(await statusIn(apex)).toBe(200);
    await becomes(second, 200);
    expect((await apex.api('DELETE', `/api/admin/customers/${id}/keys/${keyId}?reason=lost`)).status).toBe(200);
    expect(await statusIn(apex)).toBe(401);
    await becomes(second, 401);
  });
});

describe('the end of a process, and its next life', () => {
  const usage = (): Promise<Answer<UsageAnswer>> => apex.api<UsageAnswer>('GET', '/api/usage', undefined, apex.apiKey);

  it('lets open streams finish on SIGTERM, ends with 0, and finds its data at the next start', async () => {
    const { key } = await newCustomer('Streams');
    const open = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const response = await apex.post(CHAT, prompt({ stream: true, metadata: { simulate_tokens: String(600 + i) } }), { authorization: `Bearer ${key}`, 'x-apex-session': `open-${i}` });
        const reader = response.body!.getReader();
        const first = await reader.read();
        return { reader, first: Buffer.from(first.value!).toString('utf8') };
      }),
    );
    const requestsBefore = await eventually('a count that includes the streams to come', async () => (await usage()).body.total.requests);
    const credentials = { apiKey: apex.apiKey, adminToken: apex.adminToken };
    const stopped = apex.stop();
    const texts = await Promise.all(
      open.map(async ({ reader, first }) => {
        let text = first;
        for (let next = await reader.read(); !next.done; next = await reader.read()) text += Buffer.from(next.value).toString('utf8');
        return text;
      }),
    );
    await stopped;
    texts.forEach((text, i) => {
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
      expect(text.match(/"delta":\{"content":/g)).toHaveLength(600 + i);
    });

    await apex.start();
    expect({ apiKey: apex.apiKey, adminToken: apex.adminToken }).toEqual(credentials);
    expect((await usage()).body.total.requests).toBeGreaterThanOrEqual(requestsBefore);
    const rows = await database.dataSource.query<{ status: string; completion_tokens: string }[]>("select status, completion_tokens from usage_records where session like 'open-%' order by session");
    expect(rows.map((row) => [row.status, Number(row.completion_tokens)])).toEqual(Array.from({ length: 8 }, (_, i) => ['final', 600 + i]));
    expect(await apex.api('GET', '/api/admin/traffic')).toMatchObject({ body: { gatewayPercentage: 10, alsoFor: [] } });
  }, 60_000);

  it('refuses a second process on the same home, and says what to do', async () => {
    const twin = startApex({ postgres: database.url, simulator, env: { APEX_HOME: apex.home } });
    expect((await failureOf(twin)).message).toMatch(/already runs on .*APEX_HOME=/s);
    expect(await cohort(apex, apex.apiKey)).toMatch(/^direct/);
  }, 60_000);

  it('has written no secret and no prompt into its logs', async () => {
    await apex.post(CHAT, prompt({ metadata: { simulate: '500' } })).then((response) => response.text());
    await apex.post(CHAT, prompt({ n: 0 })).then((response) => response.text());
    await apex.stop();
    expect(apex.logs()).toContain('Apex is ready');
    expectNoSecrets(apex);
  }, 60_000);
});

function expectNoSecrets(process: Apex): void {
  const logs = process.logs();
  for (const secret of [...secrets, PROMPT_MARK]) expect(logs.includes(secret) ? `the logs hold ${secret.slice(0, 8)}...` : 'nothing').toBe('nothing');
}
