import { randomBytes } from 'node:crypto';
import { DEFAULT_POLICY } from '@apex/policy';
import pg from 'pg';
import { type Answer, type Apex, startApex } from '../support/apex.js';
import { documentedRoutes } from './support/routes.js';

interface AuditEntry {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
}

/** What a change leaves behind in the log, and how to make it. */
interface Change {
  readonly run: (why: string) => Promise<Answer<unknown>>;
  readonly action: string;
  /** Part of what it was done to. */
  readonly target: () => string;
  /** `from` and `to`: which of them there must be. */
  readonly tells: readonly ('before' | 'after')[];
  readonly by?: () => string;
  /** A sign-in asks nobody for a reason. */
  readonly withoutReason?: true;
}

const PASSWORD = 'correct horse battery staple';
const NEW_PASSWORD = 'stapler battery horse correct';
const PROVIDER_KEYS = Array.from({ length: 4 }, () => `sk-${randomBytes(20).toString('hex')}`);

let apex: Apex;
let database: pg.Client;
let sequence = 0;
/** Whatever was a secret at any time of this run. None of it may be in the log. */
const secrets: string[] = [PASSWORD, NEW_PASSWORD, ...PROVIDER_KEYS];

const customer = 'audited';
let keyId = '';
let ownKey = '';
let userId = '';
let session = '';
let tokenId = '';
let policyId = '';

beforeAll(async () => {
  apex = await startApex();
  database = new pg.Client({ connectionString: apex.databaseUrl });
  await database.connect();
  secrets.push(apex.adminToken, apex.apiKey);
}, 90_000);

afterAll(async () => {
  await database?.end();
  await apex?.close();
}, 60_000);

/** Notes every secret that an answer holds. */
async function call(method: string, path: string, body?: unknown, token?: string): Promise<Answer<Record<string, unknown>>> {
  const answer = await apex.api<Record<string, unknown>>(method, path, body, ...(token === undefined ? [] : [token]));
  for (const name of ['key', 'token']) if (typeof answer.body?.[name] === 'string') secrets.push(answer.body[name]);
  return answer;
}

const reason = (why: string): string => `reason=${encodeURIComponent(why)}`;
const OPERATOR = (): string => 'operator:demo';

/** One for each operation that changes something, in an order in which each finds what it needs. */
const CHANGES: Readonly<Record<string, Change>> = {
  'POST /api/admin/customers': {
    run: (why) => call('POST', '/api/admin/customers', { id: customer, name: 'Audited', tier: 'free', platformKeys: true, reason: why }),
    action: 'customer.create',
    target: () => `customer:${customer}`,
    tells: ['after'],
  },
  'PATCH /api/admin/customers/{id}': { run: (why) => call('PATCH', `/api/admin/customers/${customer}`, { tier: 'mid', reason: why }), action: 'customer.update', target: () => `customer:${customer}`, tells: ['before', 'after'] },
  'POST /api/admin/customers/{id}/keys': {
    run: async (why) => {
      const answer = await call('POST', `/api/admin/customers/${customer}/keys`, { name: 'first', scopes: ['inference', 'usage:read', 'keys:manage'], reason: why });
      [keyId, ownKey] = [String(answer.body['id']), String(answer.body['key'])];
      return answer;
    },
    action: 'key.create',
    target: () => `customer:${customer}/key:${keyId}`,
    tells: ['after'],
  },
  'POST /api/keys': { run: (why) => call('POST', '/api/keys', { name: 'own', reason: why }, ownKey), action: 'key.create', target: () => `customer:${customer}/key:`, tells: ['after'], by: () => `key:${keyId}` },
  'POST /api/keys/{keyId}/rotate': {
    run: async (why) => {
      const { body } = await call('POST', '/api/keys', { name: 'to be rotated' }, ownKey);
      return call('POST', `/api/keys/${String(body['id'])}/rotate`, { graceSeconds: 0, reason: why }, ownKey);
    },
    action: 'key.rotate',
    target: () => `customer:${customer}/key:`,
    tells: ['before', 'after'],
    by: () => `key:${keyId}`,
  },
  'DELETE /api/keys/{keyId}': {
    run: async (why) => {
      const { body } = await call('POST', '/api/keys', { name: 'to be revoked' }, ownKey);
      return call('DELETE', `/api/keys/${String(body['id'])}?${reason(why)}`, undefined, ownKey);
    },
    action: 'key.revoke',
    target: () => `customer:${customer}/key:`,
    tells: ['before', 'after'],
    by: () => `key:${keyId}`,
  },
  'DELETE /api/admin/customers/{id}/keys/{keyId}': {
    run: async (why) => {
      const { body } = await call('POST', `/api/admin/customers/${customer}/keys`, {});
      return call('DELETE', `/api/admin/customers/${customer}/keys/${String(body['id'])}?${reason(why)}`);
    },
    action: 'key.revoke',
    target: () => `customer:${customer}/key:`,
    tells: ['before', 'after'],
  },
  'POST /api/admin/customers/{id}/users': {
    run: async (why) => {
      const answer = await call('POST', `/api/admin/customers/${customer}/users`, { email: 'audited@example.com', name: 'Ann', role: 'owner', password: PASSWORD, reason: why });
      userId = String(answer.body['id']);
      return answer;
    },
    action: 'user.create',
    target: () => `customer:${customer}/user:${userId}`,
    tells: ['after'],
  },
  'POST /api/auth/login': {
    run: async () => {
      const answer = await call('POST', '/api/auth/login', { email: 'audited@example.com', password: PASSWORD });
      session = String(answer.body['token']);
      return answer;
    },
    action: 'session.start',
    target: () => `customer:${customer}/user:${userId}`,
    tells: ['after'],
    by: () => `user:${userId}`,
    withoutReason: true,
  },
  'POST /api/auth/logout': { run: () => call('POST', '/api/auth/logout', undefined, session), action: 'session.end', target: () => `customer:${customer}/user:${userId}`, tells: [], by: () => `user:${userId}`, withoutReason: true },
  'PATCH /api/admin/customers/{id}/users/{userId}': {
    run: (why) => call('PATCH', `/api/admin/customers/${customer}/users/${userId}`, { role: 'member', password: NEW_PASSWORD, reason: why }),
    action: 'user.update',
    target: () => `customer:${customer}/user:${userId}`,
    tells: ['before', 'after'],
  },
  'PUT /api/admin/customers/{id}/provider-keys/{provider}': {
    run: async (why) => {
      await call('PUT', `/api/admin/customers/${customer}/provider-keys/openai`, { apiKey: PROVIDER_KEYS[0] });
      return call('PUT', `/api/admin/customers/${customer}/provider-keys/openai`, { apiKey: PROVIDER_KEYS[1], reason: why });
    },
    action: 'provider_key.set',
    target: () => `customer:${customer}/provider_key:openai`,
    tells: ['before', 'after'],
  },
  'DELETE /api/admin/customers/{id}/provider-keys/{provider}': {
    run: (why) => call('DELETE', `/api/admin/customers/${customer}/provider-keys/openai?${reason(why)}`),
    action: 'provider_key.revoke',
    target: () => `customer:${customer}/provider_key:openai`,
    tells: ['before'],
  },
  'PUT /api/admin/provider-keys/{provider}': {
    run: async (why) => {
      await call('PUT', '/api/admin/provider-keys/groq', { apiKey: PROVIDER_KEYS[2] });
      return call('PUT', '/api/admin/provider-keys/groq', { apiKey: PROVIDER_KEYS[3], reason: why });
    },
    action: 'provider_key.set',
    target: () => 'platform/provider_key:groq',
    tells: ['before', 'after'],
  },
  'POST /api/admin/provider-keys/reseal': { run: (why) => call('POST', '/api/admin/provider-keys/reseal', { reason: why }), action: 'provider_key.reseal', target: () => 'provider_keys', tells: ['after'] },
  'DELETE /api/admin/provider-keys/{provider}': { run: (why) => call('DELETE', `/api/admin/provider-keys/groq?${reason(why)}`), action: 'provider_key.revoke', target: () => 'platform/provider_key:groq', tells: ['before'] },
  'POST /api/admin/operator-tokens': {
    run: async (why) => {
      const answer = await call('POST', '/api/admin/operator-tokens', { name: 'a bot', reason: why });
      tokenId = String(answer.body['id']);
      return answer;
    },
    action: 'operator_token.issue',
    target: () => `operator_token:${tokenId}`,
    tells: ['after'],
  },
  'DELETE /api/admin/operator-tokens/{tokenId}': { run: (why) => call('DELETE', `/api/admin/operator-tokens/${tokenId}?${reason(why)}`), action: 'operator_token.revoke', target: () => `operator_token:${tokenId}`, tells: ['before', 'after'] },
  'PUT /api/admin/flags/{name}': { run: (why) => call('PUT', '/api/admin/flags/billing_enabled', { enabled: true, reason: why }), action: 'flag.set', target: () => 'flag:billing_enabled', tells: ['before', 'after'] },
  'PUT /api/admin/traffic': { run: (why) => call('PUT', '/api/admin/traffic', { gatewayPercentage: 7, reason: why }), action: 'traffic.set', target: () => 'traffic', tells: ['before', 'after'] },
  'POST /api/admin/policies': {
    run: async (why) => {
      const answer = await call('POST', '/api/admin/policies', { customerId: customer, document: DEFAULT_POLICY, reason: why });
      policyId = String(answer.body['id']);
      return answer;
    },
    action: 'policy.draft',
    target: () => `policy:${policyId}`,
    tells: ['after'],
  },
  'POST /api/admin/policies/{id}/validate': { run: (why) => call('POST', `/api/admin/policies/${policyId}/validate`, { reason: why }), action: 'policy.validated', target: () => `policy:${policyId}`, tells: ['before', 'after'] },
  'POST /api/admin/policies/{id}/activate': { run: (why) => call('POST', `/api/admin/policies/${policyId}/activate`, { reason: why }), action: 'policy.active', target: () => `policy:${policyId}`, tells: ['before', 'after'] },
  'POST /api/admin/policies/{id}/retire': { run: (why) => call('POST', `/api/admin/policies/${policyId}/retire`, { reason: why }), action: 'policy.retired', target: () => `policy:${policyId}`, tells: ['before', 'after'] },
  'POST /api/admin/reconcile': {
    run: (why) => call('POST', '/api/admin/reconcile', { provider: 'openai', rows: [{ attemptId: 'nobody-knows', promptTokens: 1, completionTokens: 1 }], reason: why }),
    action: 'reconcile',
    target: () => 'provider:openai/reconciliation:',
    tells: ['after'],
  },
};

/** What is asked by POST and leaves no entry, and why that is right. */
const NOT_AUDITED: Readonly<Record<string, string>> = {
  'POST /api/decide': 'It tells what would be decided, and changes nothing.',
  'POST /api/feedback': 'A customer\'s word on its own answer: an append-only adjustment that names who said it.',
};

const entriesFor = async (why: string): Promise<AuditEntry[]> => (await database.query<AuditEntry>('select actor, action, target, before, after, reason from audit_log where reason = $1', [why])).rows;
const lastEntry = async (): Promise<AuditEntry> => (await database.query<AuditEntry>('select actor, action, target, before, after, reason from audit_log order by id desc limit 1')).rows[0]!;

it('every operation of the control plane that changes something is held to it here', async () => {
  const changing = (await documentedRoutes(apex)).filter(({ method, path }) => path.startsWith('/api/') && method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  expect(changing.length).toBeGreaterThan(15);
  expect(changing.sort()).toEqual([...Object.keys(CHANGES), ...Object.keys(NOT_AUDITED)].sort());
  expect(Object.keys(NOT_AUDITED).filter((route) => route.includes('/admin/'))).toEqual([]);
});

it.each(Object.entries(CHANGES))('%s leaves one entry: who, what, from, to, why', async (_route, { run, action, target, tells, by = OPERATOR, withoutReason }) => {
  const why = `audited because of ${++sequence}`;
  const answer = await run(why);
  expect([answer.status, [200, 201, 204].includes(answer.status)]).toEqual([answer.status, true]);
  const entries = withoutReason === true ? [await lastEntry()] : await entriesFor(why);
  const told = (which: 'before' | 'after'): unknown => (tells.includes(which) ? expect.anything() : null);
  expect(entries).toEqual([{ actor: by(), action, target: expect.stringContaining(target()) as string, before: told('before'), after: told('after'), reason: withoutReason === true ? null : why }]);
});

it('a change that fails leaves none', async () => {
  const count = async (): Promise<number> => Number((await database.query<{ n: string }>('select count(*) as n from audit_log')).rows[0]!.n);
  const before = await count();
  const failing: [method: string, path: string, body?: unknown][] = [
    ['POST', '/api/admin/customers', { id: customer, name: 'Twice' }],
    ['PATCH', '/api/admin/customers/nobody', { tier: 'mid', reason: 'x' }],
    ['PATCH', `/api/admin/customers/${customer}`, { tier: 'mid' }],
    ['POST', '/api/admin/customers/nobody/keys', {}],
    ['POST', `/api/admin/customers/${customer}/users`, { email: 'AUDITED@example.com', name: 'Again' }],
    ['DELETE', '/api/admin/provider-keys/nobody'],
    ['DELETE', `/api/admin/operator-tokens/${keyId}`],
    ['PUT', '/api/admin/flags/nothing', { enabled: true, reason: 'x' }],
    ['PUT', '/api/admin/traffic', { gatewayPercentage: 101, reason: 'x' }],
    ['POST', '/api/auth/login', { email: 'audited@example.com', password: PASSWORD }],
  ];
  for (const [method, path, body] of failing) expect([path, (await call(method, path, body)).status >= 400]).toEqual([path, true]);
  expect(await count()).toBe(before);
});

it('the log holds no secret, neither in clear nor as the hash that it is known by', async () => {
  expect(secrets.length).toBeGreaterThan(12);
  const { rows } = await database.query<{ text: string }>("select coalesce(string_agg(t::text, E'\\n'), '') as text from audit_log t");
  const text = rows[0]!.text;
  expect(text.length).toBeGreaterThan(1_000);
  const { rows: hashes } = await database.query<{ hash: string }>("select encode(hash, 'hex') as hash from api_keys union all select encode(token_hash, 'hex') from operator_tokens union all select password_hash from users where password_hash is not null");
  for (const secret of [...secrets, ...hashes.map(({ hash }) => hash)]) {
    // A secret without its public beginning: that is shown on purpose.
    const hidden = secret.replace(/^(?:apex_[\w-]{4}|apex\w+_)/, '');
    expect([hidden.slice(0, 4), text.includes(hidden)]).toEqual([hidden.slice(0, 4), false]);
  }
});

it('nobody rewrites it, not even with the application\'s own database user', async () => {
  for (const sql of ["update audit_log set reason = 'another'", 'delete from audit_log', 'truncate audit_log']) await expect(database.query(sql)).rejects.toThrow(/append-only/);
});
