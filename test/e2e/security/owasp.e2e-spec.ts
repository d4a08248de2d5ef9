import { createServer, type Server } from 'node:http';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { eventually, until } from '../../support/eventually.js';
import { type Apex, PROVIDER_KEY, startApex } from '../support/apex.js';
import { type Books, openBooks } from '../support/books.js';
import { failureOf } from '../support/failure-of.js';
import { sendRaw } from '../support/raw.js';
import { answer, completion, type HostileUpstream, type Misbehaviour, startHostileUpstream } from './support/hostile-upstream.js';
import { type DocumentedRoute, documentedRoutes, example, fill } from './support/routes.js';
import { RawClient } from './support/sockets.js';
import { makeTenant, type Tenant } from './support/tenants.js';

/** OWASP API Security Top 10, 2023: https://owasp.org/API-Security/editions/2023/en/0x11-t10/ */

const MiB = 1024 * 1024;
const CHAT = '/v1/chat/completions';
const GOOD = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello.' }] };
const HOSTILE_KEY = 'sk-hostile-5d1e9b7c3a';
const FAILURES = 12;
const MAX_RESPONSE = MiB;
/** Commitments, which are there to be compared: of an experiment's period, and of the chain of receipts; and whom Stripe knows, for operators. */
const PUBLISHED = new Set(['secretHash', 'hash', 'previousHash', 'stripe']);
const NOBODY = '01890000-0000-7000-8000-000000000000';

interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: { readonly error?: { readonly code?: string; readonly message?: string; readonly details?: unknown } } & Record<string, unknown>;
}

let apex: Apex;
let books: Books;
let hostile: HostileUpstream;
let canary: Server;
let canaryUrl: string;
let canaryHits: string[];
let alice: Tenant;
let bob: Tenant;
let routes: DocumentedRoute[];

beforeAll(async () => {
  hostile = await startHostileUpstream();
  canaryHits = [];
  canary = createServer((request, response) => {
    canaryHits.push(`${request.method} ${request.url}`);
    response.end('{"secret":"what only the inside may read"}');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  canaryUrl = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
  apex = await startApex({
    env: {
      APEX_PROVIDERS: JSON.stringify([{ name: 'hostile', baseUrl: hostile.url, apiKeyEnv: 'HOSTILE_KEY' }]),
      HOSTILE_KEY,
      APEX_TRUST_PROXY: 'loopback',
      APEX_AUTH_FAILURES_PER_MINUTE: String(FAILURES),
      APEX_MAX_BODY_BYTES: String(2 * MiB),
      APEX_MAX_RESPONSE_BYTES: String(MAX_RESPONSE),
      APEX_MAX_ATTEMPTS: '1',
    },
  });
  books = await openBooks(apex.databaseUrl);
  [alice, bob] = [await makeTenant(apex, 'alice'), await makeTenant(apex, 'bob')];
  routes = await documentedRoutes(apex);
}, 120_000);

afterAll(async () => {
  await books?.close();
  await apex?.close();
  await hostile?.close();
  canary?.closeAllConnections();
  await new Promise<void>((resolve) => canary?.close(() => resolve()) ?? resolve());
}, 60_000);

/** Whatever an item did: the same process serves, and nobody got in. */
afterEach(async () => {
  const seen = await ask('POST', CHAT, { token: apex.apiKey, body: GOOD });
  expect(seen.status).toBe(200);
  expect(canaryHits).toEqual([]);
});

interface Asking {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The client's address, as the trusted proxy tells it. */
  readonly from?: string;
}

async function ask(method: string, path: string, { token = null, body, headers = {}, from }: Asking = {}): Promise<Seen> {
  const response = await fetch(apex.baseUrl + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  } as RequestInit);
  const text = await response.text();
  let json: Seen['json'] = {};
  try {
    json = JSON.parse(text) as Seen['json'];
  } catch {
    // No JSON: whoever expected some finds nothing in it.
  }
  return { status: response.status, headers: response.headers, text, json };
}

const codeOf = ({ status, json }: Seen): [number, string | undefined] => [status, json.error?.code];

let addresses = 0;
/** An address that nobody has used yet. */
const newAddress = (): string => `198.51.${100 + (addresses >> 8)}.${++addresses & 255}`;

const keyOf = (tenant: Tenant, scopes: string): string => tenant.credentials[`a key for ${scopes}`]!;

describe('API1:2023 Broken Object Level Authorization', () => {
  it("another customer's keys are not there, for a key that manages keys and for an owner", async () => {
    for (const token of [keyOf(alice, 'keys:manage'), alice.credentials['its owner']!]) {
      for (const keyId of bob.ids['key']!) {
        expect(codeOf(await ask('DELETE', `/api/keys/${keyId}`, { token }))).toEqual([404, 'not_found']);
        expect(codeOf(await ask('POST', `/api/keys/${keyId}/rotate`, { token, body: {} }))).toEqual([404, 'not_found']);
      }
    }
    expect((await ask('GET', '/api/usage', { token: keyOf(bob, 'usage:read') })).status).toBe(200);
  });

  it('naming another customer is refused, not obeyed', async () => {
    for (const path of ['/api/usage', '/api/keys']) {
      expect(codeOf(await ask('GET', `${path}?customerId=${bob.id}`, { token: alice.credentials['its owner']! }))).toEqual([403, 'other_customer']);
    }
    expect(codeOf(await ask('POST', `/api/keys?customerId=${bob.id}`, { token: alice.credentials['its owner']!, body: {} }))).toEqual([403, 'other_customer']);
  });

  it("an Idempotency-Key finds one's own answer only", async () => {
    const seen = await ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: bob.prompt, headers: { 'idempotency-key': bob.ids['idempotency']![0]! } });
    expect(seen.status).toBe(200);
    expect(seen.headers.has('x-apex-idempotent-replay')).toBe(false);
    expect(bob.ids['answer']).not.toContain(seen.json['id']);
  });

  it('a page that begins at another customer\'s object shows one\'s own only', async () => {
    const { json } = await ask('GET', `/api/keys?after=${bob.ids['key']![0]!}`, { token: keyOf(alice, 'keys:manage') });
    const ids = (json['data'] as { id: string }[]).map(({ id }) => id);
    expect(ids.filter((id) => !alice.ids['key']!.includes(id))).toEqual([]);
  });
});

describe('API2:2023 Broken Authentication', () => {
  it('every operation that is not public asks for a credential, in the one place where it belongs', async () => {
    const key = keyOf(alice, 'inference and usage:read and keys:manage');
    for (const { method, path } of routes.filter(({ path }) => path.startsWith('/api/') && path !== '/api/auth/login' && path !== '/api/webhooks/stripe')) {
      const at = fill(path, () => NOBODY);
      const elsewhere: Record<string, string>[] = [{}, { authorization: key }, { authorization: `Basic ${Buffer.from(`:${key}`).toString('base64')}` }, { authorization: `Token ${key}` }, { cookie: `token=${key}; session=${key}` }, { 'x-api-key': key }, { 'x-auth-token': key }];
      for (const headers of elsewhere) {
        const query = `?access_token=${key}&api_key=${key}&key=${key}&token=${key}`;
        const seen = await ask(method, at + query, { headers, ...(method === 'GET' ? {} : { body: {} }) });
        expect([method, path, headers, seen.status, seen.headers.get('www-authenticate')]).toEqual([method, path, headers, 401, 'Bearer']);
      }
    }
  }, 60_000);

  it.each<[what: string, token: () => string]>([
    ['one that was never given', () => `apex_${'A'.repeat(43)}`],
    ['a good one with another last character', () => keyOf(alice, 'keys:manage').replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['a good one in capitals', () => keyOf(alice, 'keys:manage').toUpperCase()],
    ['the hash that is stored', () => 'a'.repeat(64)],
    ['an unsigned JWT of an admin', () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"role":"admin","sub":"demo"}').toString('base64url')}.`],
    ['a wildcard', () => '%'],
    ['SQL', () => "' or '1'='1"],
    ['a very long one', () => `apexadm_${'A'.repeat(8_000)}`],
  ])('a token that is not good is refused: %s', async (_what, token) => {
    const from = newAddress();
    for (const path of ['/api/keys', '/api/admin/customers', '/v1/models']) expect([path, (await ask('GET', path, { token: token(), from })).status]).toEqual([path, 401]);
  });

  it('guessing is stopped by address, and says for how long; everybody else goes on', async () => {
    const [guesser, other] = [newAddress(), newAddress()];
    const guess = (i: number, from: string): Promise<Seen> => ask('GET', '/api/admin/customers', { token: `apexadm_${String(i).padStart(43, 'x')}`, from });
    for (let i = 0; i < FAILURES; i++) expect(codeOf(await guess(i, guesser))).toEqual([401, 'unknown_token']);
    const stopped = await guess(99, guesser);
    expect([...codeOf(stopped), Number(stopped.headers.get('retry-after'))]).toEqual([429, 'too_many_failures', expect.any(Number)]);
    expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(stopped.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    // What it writes itself into x-forwarded-for stands left of what the proxy adds, and counts for nothing.
    expect(codeOf(await guess(100, `203.0.113.7, ${guesser}`))).toEqual([429, 'too_many_failures']);
    expect(codeOf(await guess(101, other))).toEqual([401, 'unknown_token']);
    expect((await ask('GET', '/api/admin/customers', { token: apex.adminToken, from: other })).status).toBe(200);
  });

  it('a good credential gets in from where somebody guesses, once it is known', async () => {
    const shared = newAddress();
    expect((await ask('GET', '/api/admin/customers', { token: apex.adminToken, from: shared })).status).toBe(200);
    for (let i = 0; i < FAILURES + 3; i++) await ask('GET', '/api/admin/customers', { token: `apexadm_${String(i).padStart(43, 'y')}`, from: shared });
    expect((await ask('GET', '/api/admin/customers', { token: apex.adminToken, from: shared })).status).toBe(200);
    expect((await ask('GET', '/api/keys', { token: keyOf(alice, 'keys:manage'), from: shared })).status).toBe(200);
  });

  it('guesses at one token from many addresses keep nobody out who holds it', async () => {
    const { json } = await ask('POST', '/api/admin/operator-tokens', { token: apex.adminToken, body: { name: 'guessed at' } });
    const token = json['token'] as string;
    for (let i = 0; i < 4 * FAILURES; i++) await ask('GET', '/api/admin/customers', { token: token.slice(0, 12) + String(i).padStart(token.length - 12, 'z'), from: newAddress() });
    expect((await ask('GET', '/api/admin/customers', { token, from: newAddress() })).status).toBe(200);
    expect((await ask('DELETE', `/api/admin/operator-tokens/${json['id'] as string}`, { token: apex.adminToken })).status).toBe(200);
    expect(codeOf(await ask('GET', '/api/admin/customers', { token, from: newAddress() }))).toEqual([401, 'unknown_token']);
  });

  it('passwords: nobody learns which emails there are, and tries are counted', async () => {
    const from = newAddress();
    const attempt = (email: string, password: string, at = from): Promise<Seen> => ask('POST', '/api/auth/login', { body: { email, password }, from: at });
    const [wrong, unknown] = [await attempt(alice.email, 'wrong password'), await attempt('nobody@example.com', 'wrong password')];
    expect([wrong.status, wrong.text]).toEqual([401, unknown.text]);
    for (let i = 0; i < 4; i++) await attempt(alice.email, `wrong ${i}`);
    const throttled = await attempt(alice.email, alice.password);
    expect([...codeOf(throttled), throttled.headers.has('retry-after')]).toEqual([429, 'login_throttled', true]);
    expect((await attempt(alice.email, alice.password, newAddress())).status).toBe(200);
  }, 30_000);

  it('a session ends when its user signs out, and everywhere when the user is disabled', async () => {
    const signIn = async (): Promise<string> => (await ask('POST', '/api/auth/login', { body: { email: bob.email, password: bob.password }, from: newAddress() })).json['token'] as string;
    const [first, second] = [await signIn(), await signIn()];
    expect((await ask('POST', '/api/auth/logout', { token: first })).status).toBe(204);
    expect([(await ask('GET', '/api/auth/me', { token: first, from: newAddress() })).status, (await ask('GET', '/api/auth/me', { token: second })).status]).toEqual([401, 200]);
    const user = `/api/admin/customers/${bob.id}/users/${bob.ids['user']![0]!}`;
    expect((await ask('PATCH', user, { token: apex.adminToken, body: { disabled: true, reason: 'a test' } })).status).toBe(200);
    expect((await ask('GET', '/api/auth/me', { token: second, from: newAddress() })).status).toBe(401);
    expect((await ask('PATCH', user, { token: apex.adminToken, body: { disabled: false, reason: 'a test' } })).status).toBe(200);
  }, 30_000);

  it('wrong keys cost the data plane next to nothing: no body is read, nothing is recorded, nobody is throttled out', async () => {
    const recorded = async (): Promise<number> => (await books.records()).length;
    const before = await recorded();
    const raw = await sendRaw(apex.baseUrl, [`POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer apex_${'A'.repeat(43)}\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n`]);
    expect(raw.status).toBe(401);
    const from = newAddress();
    const statuses = await Promise.all(Array.from({ length: 300 }, async (_, i) => (await ask('POST', CHAT, { token: `apex_${String(i).padStart(43, 'A')}`, body: GOOD, from })).status));
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect((await ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: GOOD, from })).status).toBe(200);
    await eventually('the good one is recorded', async () => ((await recorded()) > before ? true : undefined));
    expect(await recorded()).toBeLessThanOrEqual(before + 2);
  }, 30_000);
});

describe('API3:2023 Broken Object Property Level Authorization', () => {
  it('what a caller may not set is not set, whatever the body says', async () => {
    const wish = { name: 'mine', id: NOBODY, customerId: bob.id, customer_id: bob.id, hash: 'ff', prefix: 'apex_evil', createdBy: 'operator:root', rotatedFrom: bob.ids['key']![0], revokedAt: null, scopes: ['keys:manage'] };
    const { status, json } = await ask('POST', '/api/keys', { token: keyOf(alice, 'keys:manage'), body: wish });
    expect(status).toBe(201);
    expect([json['id'], json['prefix']]).not.toEqual([NOBODY, 'apex_evil']);
    const { json: list } = await ask('GET', '/api/keys?limit=1000', { token: keyOf(alice, 'keys:manage') });
    const made = (list['data'] as Record<string, unknown>[]).find((each) => each['id'] === json['id']);
    expect(made).toMatchObject({ name: 'mine', rotatedFrom: null, scopes: ['keys:manage'], createdBy: expect.stringMatching(/^key:/) as string });
  });

  it('nobody gives more than they have', async () => {
    expect(codeOf(await ask('POST', '/api/keys', { token: keyOf(alice, 'keys:manage'), body: { scopes: ['inference'] } }))).toEqual([403, 'scope_escalation']);
    const stronger = alice.ids['key']!.at(-1)!;
    expect(codeOf(await ask('POST', `/api/keys/${stronger}/rotate`, { token: keyOf(alice, 'keys:manage'), body: {} }))).toEqual([403, 'scope_escalation']);
    for (const scopes of [['admin'], ['*'], ['inference', 'operator'], 'inference', []]) expect((await ask('POST', '/api/keys', { token: alice.credentials['its owner']!, body: { scopes } })).status).toBe(400);
    expect(codeOf(await ask('POST', '/api/keys', { token: alice.credentials['its member']!, body: {} }))).toEqual([403, 'missing_scope']);
  });

  it('operators cannot make an operator of a customer\'s user, nor write what is a projection', async () => {
    const users = `/api/admin/customers/${alice.id}/users`;
    expect((await ask('POST', users, { token: apex.adminToken, body: { email: 'a@example.com', name: 'A', role: 'admin' } })).status).toBe(400);
    expect((await ask('PATCH', `${users}/${alice.ids['user']![1]!}`, { token: apex.adminToken, body: { role: 'admin', reason: 'x' } })).status).toBe(400);
    const { json } = await ask('POST', users, { token: apex.adminToken, body: { email: 'projected@example.com', name: 'P', tier: 'enterprise', stripeCustomerId: 'cus_evil', customerId: bob.id, passwordHash: 'x' } });
    expect(json).toMatchObject({ customerId: alice.id, tier: 'mid', role: 'member' });
  });

  it.each(['{"name":"p","__proto__":{"scopes":["inference"],"role":"admin"}}', '{"name":"p","constructor":{"prototype":{"role":"admin"}}}'])('prototypes stay as they are: %s', async (body) => {
    const seen = await ask('POST', '/api/keys', { token: keyOf(alice, 'inference and keys:manage'), body });
    expect([seen.status, seen.json['scopes']]).toEqual([201, ['inference']]);
    expect(codeOf(await ask('GET', '/api/admin/customers', { token: keyOf(alice, 'inference and keys:manage') }))).toEqual([403, 'operator_only']);
  });

  it('no answer shows more of an object than its description, and never what is secret', async () => {
    expect((await ask('PUT', '/api/admin/provider-keys/groq', { token: apex.adminToken, body: { apiKey: 'sk-groq-0123456789abcdef' } })).status).toBe(200);
    const names = new Set<string>();
    let shown = 0;
    const collect = (value: unknown): void => {
      if (Array.isArray(value)) value.forEach(collect);
      else if (typeof value === 'object' && value !== null)
        for (const [name, inner] of Object.entries(value)) {
          // What is null is not told: a period's secret is published once it is over, and not before.
          if (inner !== null) names.add(name);
          collect(inner);
        }
    };
    for (const { path } of routes.filter(({ method, path }) => method === 'GET' && path.startsWith('/api/'))) {
      const at = fill(path, (name) => (name === 'id' ? alice.id : name === 'requestId' ? alice.ids['request']![0]! : name === 'provider' ? 'groq' : name === 'name' ? 'gateway_enabled' : NOBODY));
      const seen = await ask('GET', `${at}?customerId=${alice.id}`, { token: apex.adminToken });
      // An id of another kind of object finds none.
      expect([path, [200, 400, 404].includes(seen.status) || (seen.status === 409 && /billing|stripe/.test(path))]).toEqual([path, true]);
      if (seen.status === 200) shown++;
      seen.text.split('\n').forEach((line) => collect(line === '' ? null : JSON.parse(line)));
    }
    expect(shown).toBeGreaterThan(10);
    expect(names.size).toBeGreaterThan(20);
    // The hash that a period's secret is held to is published on purpose.
    expect([...names].filter((name) => /hash|cipher|password|secret|change_?xid|stripe/i.test(name) && !PUBLISHED.has(name))).toEqual([]);
  });
});

describe('API4:2023 Unrestricted Resource Consumption', () => {
  it('lists, periods and batches have an end', async () => {
    for (const path of ['/api/admin/customers?limit=1001', '/api/admin/customers?limit=-1', '/api/admin/customers?limit=1e9', '/api/admin/audit?limit=10001', `/api/admin/customers/${alice.id}/keys?limit=99999999999`]) {
      expect([path, ...codeOf(await ask('GET', path, { token: apex.adminToken }))]).toEqual([path, 400, 'invalid_request']);
    }
    const rows = Array.from({ length: 50_001 }, () => ({ attemptId: 'x', promptTokens: 0, completionTokens: 0 }));
    expect(codeOf(await ask('POST', '/api/admin/reconcile', { token: apex.adminToken, body: { provider: 'openai', rows } }))).toEqual([400, 'invalid_request']);
  }, 30_000);

  it('bodies have a size: small for strangers, the configured one for callers, larger only where an operator needs it', async () => {
    const stuffed = (bytes: number): string => JSON.stringify({ email: 'a@example.com', password: 'x'.repeat(bytes) });
    // Who refuses in the middle of a body ends the connection: no other request may be waiting for it.
    const headers = { connection: 'close' };
    expect(codeOf(await ask('POST', '/api/auth/login', { body: stuffed(MiB), headers }))).toEqual([413, 'body_too_large']);
    expect(codeOf(await ask('POST', CHAT, { token: apex.apiKey, body: { ...GOOD, user: 'x'.repeat(3 * MiB) }, headers }))).toEqual([413, 'request_too_large']);
    expect(codeOf(await ask('POST', '/api/admin/reconcile', { token: alice.credentials['its owner']!, body: stuffed(MiB), headers }))).toEqual([403, 'operator_only']);
  });

  it('what would unfold is not unfolded', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * MiB, ' '));
    expect(bomb.length).toBeLessThan(100_000);
    for (const [path, token] of [
      [CHAT, apex.apiKey],
      ['/api/keys', keyOf(alice, 'keys:manage')],
      ['/api/admin/reconcile', apex.adminToken],
    ] as const) expect([path, (await ask('POST', path, { token, body: bomb, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } })).status]).toEqual([path, 415]);
  });

  it.each<[what: string, body: string]>([
    ['100,000 brackets', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['100,000 objects in each other', '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000)],
    ['a number of 100,000 digits', `{"limit":${'9'.repeat(100_000)}}`],
    ['10,000 members', `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['a text that regular expressions dread', JSON.stringify({ name: `${' '.repeat(60_000)}x`, reason: `${'a '.repeat(60_000)}!` })],
  ])('a body that is hard to read is read or refused, and holds nobody up: %s', async (_what, body) => {
    for (const path of ['/api/keys', '/api/auth/login']) {
      const [seen] = await Promise.all([ask('POST', path, { token: keyOf(alice, 'inference and keys:manage'), body }), ask('GET', '/health')]);
      expect([201, 400, 413]).toContain(seen.status);
    }
  });

  it('a caller\'s own haste is the caller\'s own time-out, and cannot prolong the operator\'s', async () => {
    hostile.behave(() => undefined);
    const started = performance.now();
    const seen = await ask('POST', CHAT, { token: apex.apiKey, body: { ...GOOD, model: 'hostile/haste' }, headers: { 'x-apex-timeout-ms': '150' } });
    expect(seen.status).toBe(504);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.each<[what: string, misuse: (i: number) => Promise<Seen>, target: string]>([
    [
      'by being in a hurry',
      () => {
        hostile.behave(() => undefined);
        return ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: { ...GOOD, model: 'hostile/shared-1' }, headers: { 'x-apex-timeout-ms': '20' } });
      },
      'hostile/shared-1',
    ],
    [
      'by asking for what the platform\'s key may not do',
      () => {
        hostile.behave((socket) => socket.write(answer('403 Forbidden', ['content-type: application/json'], '{"error":{"message":"You are not allowed to generate embeddings from this model","code":null}}')));
        return ask('POST', '/v1/embeddings', { token: keyOf(alice, 'inference'), body: { model: 'hostile/shared-2', input: 'x' } });
      },
      'hostile/shared-2',
    ],
    [
      'by asking for more than an answer may hold',
      () => {
        hostile.behave((socket) => socket.write(answer('200 OK', ['content-type: application/json'], completion({ padding: 'x'.repeat(2 * MAX_RESPONSE) }))));
        return ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: { ...GOOD, model: 'hostile/shared-3' } });
      },
      'hostile/shared-3',
    ],
  ])('one customer cannot close a provider to the others: %s', async (_what, misuse, model) => {
    for (let i = 0; i < 25; i++) expect((await misuse(i)).status).toBeGreaterThanOrEqual(400);
    hostile.behave((socket) => socket.write(answer('200 OK', ['content-type: application/json'], completion())));
    const other = await ask('POST', CHAT, { token: keyOf(bob, 'inference'), body: { ...GOOD, model } });
    expect([other.status, other.text]).toEqual([200, expect.any(String)]);
  }, 30_000);
});

describe('API5:2023 Broken Function Level Authorization', () => {
  it('no credential of a customer reaches an operation of the operators', async () => {
    const admin = routes.filter(({ path }) => path.startsWith('/api/admin'));
    expect(admin.length).toBeGreaterThan(15);
    for (const [who, token] of Object.entries(alice.credentials)) {
      for (const { method, path, body } of admin) {
        const seen = await ask(method, fill(path, (name) => (name === 'id' ? alice.id : NOBODY)), { token, ...(method === 'GET' ? {} : { body: example(body ?? { type: 'object' }, () => 'x') }) });
        expect([who, method, path, ...codeOf(seen)]).toEqual([who, method, path, 403, 'operator_only']);
      }
    }
  }, 60_000);

  it('each scope opens what it names, and nothing else', async () => {
    const statuses = async (token: string): Promise<Record<string, number>> => ({
      usage: (await ask('GET', '/api/usage', { token })).status,
      keys: (await ask('GET', '/api/keys', { token })).status,
      inference: (await ask('POST', CHAT, { token, body: GOOD })).status,
    });
    expect(await statuses(keyOf(alice, 'inference'))).toEqual({ usage: 403, keys: 403, inference: 200 });
    expect(await statuses(keyOf(alice, 'usage:read'))).toEqual({ usage: 200, keys: 403, inference: 403 });
    expect(await statuses(keyOf(alice, 'keys:manage'))).toEqual({ usage: 403, keys: 200, inference: 403 });
    expect(await statuses(alice.credentials['its member']!)).toEqual({ usage: 200, keys: 403, inference: 401 });
    expect(await statuses(apex.adminToken)).toEqual({ usage: 200, keys: 400, inference: 401 });
  });

  it.each(['/api/admin/customers/', '/API/ADMIN/customers', '/api/Admin/Customers', '//api/admin/customers', '/api//admin/customers', '/api/keys/../admin/customers', '/api/keys/%2e%2e/admin/customers', '/api/admin%2fcustomers', '/api/admin/customers%00', '/api/admin/customers;x=1', '/api/admin/customers.json', '/api/./admin/customers', '/v1/../api/admin/customers', '/direct/v1/../../api/admin/customers', '/docs/../api/admin/customers'])('another spelling of an address opens nothing: %s', async (path) => {
    const raw = await sendRaw(apex.baseUrl, [`GET ${path} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${alice.credentials['its owner']!}\r\n\r\n`]);
    expect([403, 404]).toContain(raw.status);
    expect(raw.body).not.toContain(bob.id);
  });

  it.each<Record<string, string>>([{ 'x-http-method-override': 'GET' }, { 'x-original-url': '/api/admin/customers' }, { 'x-rewrite-url': '/api/admin/customers' }, { 'x-forwarded-for': '127.0.0.1' }, { 'x-forwarded-host': 'localhost' }, { 'x-real-ip': '127.0.0.1' }, { 'x-apex-role': 'admin' }, { forwarded: 'for=127.0.0.1' }])('no header makes an operator: %j', async (headers) => {
    const seen = await ask('GET', '/api/admin/customers', { token: alice.credentials['its owner']!, headers });
    expect(codeOf(seen)).toEqual([403, 'operator_only']);
  });
});

describe('API6:2023 Unrestricted Access to Sensitive Business Flows', () => {
  it('who may not use the platform\'s provider keys spends nothing of its money', async () => {
    const { json: customer } = await ask('POST', '/api/admin/customers', { token: apex.adminToken, body: { name: 'Own keys only' } });
    const { json: key } = await ask('POST', `/api/admin/customers/${customer['id'] as string}/keys`, { token: apex.adminToken, body: {} });
    const before = apex.simulator.ledger().length;
    for (const path of [CHAT, `/direct${CHAT}`, '/v1/embeddings']) expect(codeOf(await ask('POST', path, { token: key['key'] as string, body: { ...GOOD, input: 'x' } }))).toEqual([403, 'no_provider_key']);
    await apex.simulator.settled();
    expect(apex.simulator.ledger()).toHaveLength(before);
  });

  it('a request repeated under its Idempotency-Key is run and billed once', async () => {
    const before = apex.simulator.ledger().length;
    const headers = { 'idempotency-key': `once-${Date.now()}`, 'x-apex-session': `once-${Date.now()}` };
    const seen = await Promise.all(Array.from({ length: 8 }, () => ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: GOOD, headers })));
    for (const { status } of seen) expect([200, 409]).toContain(status);
    await apex.simulator.settled();
    expect(apex.simulator.ledger()).toHaveLength(before + 1);
  });

  it('a key lives no longer by being rotated, and has one successor', async () => {
    const token = keyOf(alice, 'keys:manage');
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { json: key } = await ask('POST', '/api/keys', { token, body: { scopes: ['keys:manage'], expiresAt } });
    const rotations = await Promise.all(Array.from({ length: 6 }, () => ask('POST', `/api/keys/${key['id'] as string}/rotate`, { token, body: { graceSeconds: 90 * 86_400 } })));
    expect(rotations.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    const rotated = rotations.find(({ status }) => status === 201)!.json;
    expect([rotated['expiresAt'], (rotated['previous'] as { expiresAt: string }).expiresAt]).toEqual([expiresAt, expiresAt]);
  });

  it('a suspended customer does nothing at all, in either plane', async () => {
    const carol = await makeTenant(apex, 'carol');
    expect((await ask('PATCH', `/api/admin/customers/${carol.id}`, { token: apex.adminToken, body: { suspended: true, reason: 'a test' } })).status).toBe(200);
    for (const token of Object.values(carol.credentials)) expect([403, 401]).toContain((await ask('GET', '/api/auth/me', { token, from: newAddress() })).status);
    expect(codeOf(await ask('POST', CHAT, { token: keyOf(carol, 'inference'), body: GOOD }))).toEqual([403, 'customer_suspended']);
  });
});

describe('API7:2023 Server Side Request Forgery', () => {
  it.each<[what: string, make: () => { path?: string; body: object; headers?: Record<string, string> }]>([
    ['an image', () => ({ body: { ...GOOD, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `${canaryUrl}/image` } }] }] } })],
    ["an image in Anthropic's words", () => ({ path: '/v1/messages', body: { ...GOOD, max_tokens: 5, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: `${canaryUrl}/image` } }] }] } })],
    ["a file in responses' words", () => ({ path: '/v1/responses', body: { model: GOOD.model, input: [{ role: 'user', content: [{ type: 'input_file', file_url: `${canaryUrl}/file` }, { type: 'input_image', image_url: `${canaryUrl}/image` }] }] } })],
    ['an address among the members', () => ({ body: { ...GOOD, base_url: canaryUrl, api_base: canaryUrl, webhook_url: canaryUrl, callback: canaryUrl, proxy: canaryUrl } })],
    ['a tool', () => ({ body: { ...GOOD, tools: [{ type: 'mcp', server_url: canaryUrl, server_label: 'x' }], metadata: { url: canaryUrl } } })],
    ['headers', () => ({ body: GOOD, headers: { 'x-apex-base-url': canaryUrl, 'x-portkey-custom-host': canaryUrl, 'x-forwarded-host': new URL(canaryUrl).host, 'openai-organization': canaryUrl, referer: canaryUrl } })],
    ['a model that is an address', () => ({ body: { ...GOOD, model: `${canaryUrl}/v1/gpt` } })],
    ['a model that climbs', () => ({ body: { ...GOOD, model: 'gemini-/../../../../x?y#z' } })],
  ])('no request makes Apex call an address of its sender\'s: %s', async (_what, make) => {
    const { path = CHAT, body, headers = {} } = make();
    const seen = await ask('POST', path, { token: apex.apiKey, body, headers });
    expect(seen.status).toBeLessThan(600);
    expect(seen.text).not.toContain('what only the inside may read');
    expect(canaryHits).toEqual([]);
  });

  it.each(['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect'])('a provider that answers %s is not followed', async (status) => {
    hostile.behave((socket) => socket.write(answer(status, [`location: ${canaryUrl}/latest/meta-data/`, 'content-type: application/json'], '{}')));
    const seen = await ask('POST', CHAT, { token: apex.apiKey, body: { ...GOOD, model: `hostile/redirects-${status.slice(0, 3)}` } });
    expect([seen.status, seen.headers.get('location')]).toEqual([502, null]);
    expect(canaryHits).toEqual([]);
  });

  it.each(['http://169.254.169.254/v1', 'http://[::ffff:169.254.169.254]/v1', 'http://0xa9fea9fe/v1', 'http://[fe80::1]/v1'])('Apex does not start with a provider at %s', async (address) => {
    const error = await failureOf(startApex({ env: { OPENAI_BASE_URL: address } }));
    expect(error.message).toMatch(/OPENAI_BASE_URL.*link-local/);
  }, 60_000);

  /** Where a person's browser goes when Stripe's page is done: Apex calls none of them. */
  const FOR_BROWSERS = ['POST /api/billing/checkout successUrl', 'POST /api/billing/checkout cancelUrl', 'POST /api/billing/portal returnUrl'];

  it('no operation of the control plane takes an address to call', () => {
    const taking = routes.flatMap(({ method, path, body, queryParams }) => [...queryParams, ...namesIn(body)].filter((name) => /url|uri|host|address|callback|webhook|endpoint/i.test(name)).map((name) => `${method} ${path} ${name}`));
    expect(taking).toEqual(FOR_BROWSERS);
  });
});

/** The members that a schema names, at any depth. */
const namesIn = (schema: DocumentedRoute['body']): string[] =>
  schema === null ? [] : [...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => [name, ...namesIn(inner)]), ...namesIn(schema.items ?? null), ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(namesIn)];

describe('API8:2023 Security Misconfiguration', () => {
  it('errors tell nothing of the inside', async () => {
    const seen = [
      await ask('POST', '/api/keys', { token: keyOf(alice, 'keys:manage'), body: '{"name":' }),
      await ask('POST', '/api/keys', { token: keyOf(alice, 'keys:manage'), body: { name: 'a\u0000b' } }),
      await ask('GET', '/api/usage?from=2026-13-45&groupBy[]=x', { token: keyOf(alice, 'usage:read') }),
      await ask('GET', `/api/admin/customers/${'%00'}`, { token: apex.adminToken }),
      await ask('GET', '/api/%c0%ae%c0%ae', { token: apex.adminToken }),
      await ask('GET', '/api/admin/flags/%zz', { token: apex.adminToken }),
      await ask('GET', '/nothing'),
    ];
    for (const { status, text } of seen) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      for (const inner of ['    at ', 'node_modules', '.js:', '.ts:', apex.home, 'select ', 'insert ', 'QueryFailed', 'postgres', 'ECONN']) expect(text).not.toContain(inner);
    }
  });

  it('what it writes down nobody else may read', () => {
    const open = readdirSync(apex.home).filter((name) => /key|credential|secret|token/i.test(name) && (statSync(join(apex.home, name)).mode & 0o077) !== 0);
    expect(readdirSync(apex.home)).toEqual(expect.arrayContaining(['credentials.json', 'secret.key']));
    expect(open).toEqual([]);
  });

  it('credentials of a first start are made for it, and no others work', async () => {
    expect(apex.adminToken).toMatch(/^apexadm_[\w-]{43}$/);
    for (const token of ['admin', 'changeme', 'apex', 'apexadm_', `apexadm_${'0'.repeat(43)}`, 'sk-1234']) expect((await ask('GET', '/api/admin/customers', { token, from: newAddress() })).status).toBe(401);
    for (const [email, password] of [['admin@example.com', 'admin'], ['demo', 'demo'], ['root', 'password']] as const) expect((await ask('POST', '/api/auth/login', { body: { email, password }, from: newAddress() })).status).toBe(401);
  });

  it('answers carry the headers that keep browsers off, also where they refuse', async () => {
    for (const seen of [await ask('GET', '/health'), await ask('GET', '/api/keys'), await ask('GET', '/nothing'), await ask('POST', '/api/auth/login', { body: '{' })]) {
      expect(Object.fromEntries(seen.headers)).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'content-security-policy': expect.stringContaining("default-src 'none'") as string, 'cache-control': 'no-store' });
      expect([seen.headers.get('access-control-allow-origin'), seen.headers.get('x-powered-by'), seen.headers.get('server')]).toEqual([null, null, null]);
    }
  });

  it.each(['TRACE', 'PROPFIND', 'DELETE', 'PUT'])('%s of what is only read changes and shows nothing', async (method) => {
    const raw = await sendRaw(apex.baseUrl, [`${method} /health HTTP/1.1\r\nhost: apex\r\ncookie: secret=1\r\ncontent-length: 0\r\n\r\n`]);
    expect([404, 405]).toContain(raw.status);
    expect(raw.body).not.toContain('secret=1');
  });
});

describe('API9:2023 Improper Inventory Management', () => {
  const described = (method: string, path: string): boolean => routes.some((route) => route.method === method && new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path));

  it('every operation that is described answers', async () => {
    for (const { method, path } of routes) {
      const seen = await ask(method, fill(path, (name) => (name === 'name' ? 'gateway_enabled' : name === 'provider' ? 'nobody' : NOBODY)), { ...(method === 'GET' ? {} : { body: {} }) });
      expect([method, path, seen.status === 404 || seen.status === 405]).toEqual([method, path, false]);
    }
  });

  it('no other method of an address that is described answers', async () => {
    for (const path of new Set(routes.map(({ path }) => path))) {
      const at = fill(path, () => NOBODY);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if (described(method, at)) continue;
        const seen = await ask(method, at, { token: apex.adminToken, ...(method === 'GET' ? {} : { body: {} }) });
        expect([method, path, [404, 405].includes(seen.status)]).toEqual([method, path, true]);
      }
    }
  }, 60_000);

  it.each([
    '/', '/.env', '/.git/config', '/.apex/credentials.json', '/credentials.json', '/secret.key', '/admin', '/api', '/api/admin', '/api/v1/keys', '/api/v2/keys', '/api/internal', '/api/debug', '/api/test', '/api/users', '/api/customers', '/api/sessions', '/api/config', '/api-docs', '/swagger', '/swagger.json', '/openapi.json',
    '/graphql', '/actuator', '/actuator/env', '/debug/pprof/', '/server-status', '/status', '/healthz', '/metrics/', '/console', '/phpmyadmin', '/wp-login.php', '/v1', '/v0/models', '/v2/models', '/v1/files', '/v1/fine_tuning/jobs', '/v1/assistants', '/v1/threads', '/v1/batches', '/v1/organization/admin_api_keys', '/v1beta/models', '/direct', '/direct/api/keys', '/robots.txt', '/favicon.ico', '/node_modules/express/package.json', '/docs/../package.json', '/docs/%2e%2e/%2e%2e/package.json', '/docs/package.json', '/docs/index.js',
  ])('nothing else does: %s', async (path) => {
    const raw = await sendRaw(apex.baseUrl, [`GET ${path} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\n\r\n`]);
    // A slash at the end of an address changes nothing.
    if (described('GET', path.replace(/\/$/, ''))) return expect(raw.status).toBeLessThan(500);
    expect([path, raw.status]).toEqual([path, 404]);
  });

  it('what is public is on a list, and is what it should be', () => {
    expect(routes.filter(({ secured }) => !secured).map(({ method, path }) => `${method} ${path}`).sort()).toEqual(['GET /health', 'GET /metrics', 'GET /ready', 'POST /api/auth/login', 'POST /api/webhooks/stripe']);
  });
});

describe('API10:2023 Unsafe Consumption of APIs', () => {
  const ok = (headers: string[], body = completion()): Misbehaviour => (socket) => socket.write(answer('200 OK', ['content-type: application/json', ...headers], body));
  const raw = (...pieces: (string | Buffer)[]): Misbehaviour => (socket) => pieces.forEach((piece) => socket.write(piece));
  let sequence = 0;
  /** Each on a model of its own: what a provider does wrong with one must not open the breaker of the next. */
  const through = (body: object = {}): Promise<Seen> => ask('POST', CHAT, { token: apex.apiKey, body: { ...GOOD, model: `hostile/m${++sequence}`, ...body } });

  it('headers of the provider\'s making do not reach the client, nor does a second answer', async () => {
    hostile.behave(
      ok(['set-cookie: session=evil', 'access-control-allow-origin: *', 'x-request-id: forged', 'x-apex-cost-usd: 0', 'x-apex-cohort: forged', 'x-tokens-used: 0', 'location: https://evil.example', 'strict-transport-security: max-age=0', 'content-security-policy: default-src *', 'server: evil', 'x-powered-by: evil', 'clear-site-data: "*"', 'refresh: 0;url=https://evil.example', 'www-authenticate: Basic', 'alt-svc: h3=":443"', 'link: <https://evil.example>; rel=preload', 'x-ratelimit-remaining-requests: 7', 'retry-after: 5']),
    );
    const seen = await through();
    expect(seen.status).toBe(200);
    const text = JSON.stringify([...seen.headers]);
    for (const evil of ['evil', 'forged', 'set-cookie', 'access-control', 'clear-site-data', 'alt-svc', 'www-authenticate', 'x-ratelimit']) expect(text).not.toContain(evil);
    expect(seen.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(Number(seen.headers.get('x-tokens-used'))).toBe(5);
  });

  it.each<[what: string, how: Misbehaviour]>([
    ['a head of a megabyte', raw(`HTTP/1.1 200 OK\r\nx-big: ${'b'.repeat(MiB)}\r\ncontent-length: 2\r\n\r\n{}`)],
    ['ten thousand headers', raw(`HTTP/1.1 200 OK\r\n${Array.from({ length: 10_000 }, (_, i) => `x-${i}: y\r\n`).join('')}content-length: 2\r\n\r\n{}`)],
    ['a status that is none', raw('HTTP/1.1 999999 What\r\ncontent-length: 2\r\n\r\n{}')],
    ['no HTTP', raw('SSH-2.0-OpenSSH_9.9\r\n')],
    ['a line break in a header', raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\nset-cookie: evil=1\r\ncontent-length: 2\r\n\r\n{}')],
    ['a length and chunks', raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')],
    ['two lengths', raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}   ')],
    ['a chunk that is none', raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n')],
    ['less than it announced', (socket) => void (socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id":'), socket.end())],
    ['an end in the middle of the head', (socket) => void (socket.write('HTTP/1.1 200 OK\r\ncontent-'), socket.end())],
    ['an upgrade', raw('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')],
    ['HTML', (socket) => void socket.write(answer('200 OK', ['content-type: text/html'], '<script>alert(1)</script>'))],
    ['half a document', ok([], '{"id":"x","choices":[')],
    ['invalid UTF-8', (socket) => void socket.write(answer('200 OK', ['content-type: application/json'], Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"')])))],
    ['more than an answer may be', ok([], completion({ padding: 'x'.repeat(2 * MAX_RESPONSE) }))],
    ['an endless body', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    }],
  ])('%s: the client gets an error in the API\'s own shape, and nothing of it', async (_what, how) => {
    hostile.behave(how);
    const seen = await through();
    expect([502, 504]).toContain(seen.status);
    expect(seen.json.error).toMatchObject({ message: expect.any(String) as string, type: expect.any(String) as string });
    expect(seen.headers.get('content-type')).toBe('application/json');
    for (const evil of ['evil', '<script', 'xxxx', '[[[']) expect(seen.text + JSON.stringify([...seen.headers])).not.toContain(evil);
  }, 30_000);

  it('a million brackets are no answer in another API\'s words, and hold nobody up in the provider\'s own', async () => {
    hostile.behave(ok([], '['.repeat(500_000) + ']'.repeat(500_000)));
    const [own, other] = await Promise.all([through(), ask('POST', '/v1/messages', { token: apex.apiKey, body: { ...GOOD, max_tokens: 5, model: `hostile/m${++sequence}` } })]);
    expect([200, 502]).toContain(own.status);
    expect(other.status).toBe(502);
  });

  it('JSON that calls itself HTML is told as JSON', async () => {
    for (const type of ['text/html', 'image/svg+xml', 'text/html; charset=utf-7']) {
      hostile.behave((socket) => socket.write(answer('200 OK', [`content-type: ${type}`], completion({ id: '<script>alert(1)</script>' }))));
      const seen = await through();
      expect([seen.status, seen.headers.get('content-type')]).toEqual([200, 'application/json']);
    }
  });

  it('a hundred heads before the real one are passed over, or given up on', async () => {
    hostile.behave((socket) => void (socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100)), socket.write(answer('200 OK', ['content-type: application/json'], completion()))));
    expect([200, 502]).toContain((await through()).status);
  });

  it.each<[what: string, usage: unknown]>([
    ['negative', { prompt_tokens: -5, completion_tokens: -1e6, total_tokens: -1 }],
    ['texts', { prompt_tokens: '3', completion_tokens: 'lots' }],
    ['beyond all numbers', { prompt_tokens: 1e308, completion_tokens: 9_007_199_254_740_993 }],
    ['fractions', { prompt_tokens: 0.5, completion_tokens: 1.5 }],
    ['no object', 'free of charge'],
    ['nested', { prompt_tokens: { $gt: 0 }, completion_tokens: [1] }],
  ])('a usage of %s makes no wrong bill', async (_what, usage) => {
    hostile.behave(ok([], completion({ usage })));
    const seen = await through();
    expect([200, 502]).toContain(seen.status);
    const record = await eventually('its record', () => books.record(seen.headers.get('x-request-id')!));
    for (const field of ['prompt_tokens', 'completion_tokens', 'cost_pd'] as const) {
      expect([field, Number.isSafeInteger(record[field]), record[field] >= 0, record[field] < 1e9]).toEqual([field, true, true, true]);
    }
  });

  describe('a stream', () => {
    const sse = (...events: string[]): Misbehaviour => (socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nset-cookie: evil=1\r\ntransfer-encoding: chunked\r\n\r\n${events.map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`).join('')}0\r\n\r\n`);
    const delta = (content: string): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;

    it('of nonsense, of another protocol\'s events, or without an end hurts nobody', async () => {
      for (const events of [['data: {"id":\n\n'], ['event: evil\ndata: x\n\n'], [delta('a'), 'data: [DONE]\n\n', delta('after the end')], [': comment\n\n'.repeat(1_000)], ['\0\0\0'], ['data: null\n\ndata: []\n\ndata: 1\n\n']]) {
        hostile.behave(sse(...events));
        const seen = await through({ stream: true });
        expect(seen.status).toBeLessThan(600);
        expect(JSON.stringify([...seen.headers])).not.toContain('evil=1');
      }
    });

    it('with one event that never ends takes a bounded amount of memory', async () => {
      let sent = 0;
      hostile.behave((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n');
        const piece = `100000\r\n${'x'.repeat(MiB)}\r\n`;
        const more = (): void => {
          while (!socket.destroyed && sent < 256 * MiB) {
            sent += MiB;
            if (!socket.write(piece)) return void socket.once('drain', more);
          }
          socket.destroy();
        };
        more();
      });
      const before = residentBytes(apex.pid);
      const client = await RawClient.connect(apex.baseUrl);
      const body = JSON.stringify({ ...GOOD, stream: true, model: 'hostile/one-event' });
      client.write(`POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      let most = before;
      const watch = setInterval(() => (most = Math.max(most, residentBytes(apex.pid))), 20);
      await client.closed;
      clearInterval(watch);
      expect(most - before).toBeLessThan(200 * MiB);
    }, 60_000);

    it('with a time to retry, an id or a line that could be taken for HTTP stays a stream', async () => {
      hostile.behave(sse('retry: 1\nid: ../../x\n', `${delta('HTTP/1.1 200 OK\r\nset-cookie: evil=1\r\n\r\n')}`, 'data: [DONE]\n\n'));
      const seen = await through({ stream: true });
      expect([seen.status, seen.headers.get('set-cookie'), seen.headers.get('content-type')]).toEqual([200, null, expect.stringContaining('text/event-stream')]);
    });
  });

  it('an error that quotes the platform\'s key does not bring it to the client', async () => {
    for (const status of ['401 Unauthorized', '403 Forbidden']) {
      hostile.behave((socket) => socket.write(answer(status, ['content-type: application/json', `x-request-id: ${HOSTILE_KEY}`], JSON.stringify({ error: { message: `Incorrect API key provided: ${HOSTILE_KEY}` } }))));
      const seen = await through();
      expect(seen.status).toBe(502);
      expect(seen.text + JSON.stringify([...seen.headers])).not.toContain(HOSTILE_KEY);
    }
    expect(hostile.requests.at(-1)).toContain(`authorization: Bearer ${HOSTILE_KEY}`);
  });

  it('a provider sees its own key, and nothing of its customer or of the other providers', async () => {
    hostile.behave(ok([]));
    const seen = await ask('POST', CHAT, { token: keyOf(alice, 'inference'), body: { ...GOOD, model: 'hostile/curious' }, headers: { 'x-apex-session': 'private-session', 'x-apex-tags': 'private-tag', cookie: 'private=1', 'x-forwarded-for': '203.0.113.77', 'user-agent': 'private-agent', 'idempotency-key': `private-${Date.now()}` } });
    expect(seen.status).toBe(200);
    const request = hostile.requests.at(-1)!;
    for (const secret of [keyOf(alice, 'inference'), alice.id, PROVIDER_KEY, apex.apiKey, 'private', '203.0.113.77']) expect(request).not.toContain(secret);
  });

  it('after all of it the process has not grown beyond its means', async () => {
    await until(() => residentBytes(apex.pid) < 900 * MiB, 'memory is given back', 10_000);
  });
});

/** What a process has in memory, as Linux counts it. */
function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
