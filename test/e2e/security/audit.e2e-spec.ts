import { randomBytes } from 'node:crypto';
import { DEFAULT_POLICY } from '@apex/policy';
import pg from 'pg';
import { StripeFake } from '../../support/stripe/stripe-fake.js';
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

let stripe: StripeFake;
let checkoutId = '';
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
  stripe = await StripeFake.start({ now: Math.floor(Date.now() / 1_000) });
  apex = await startApex({ env: { STRIPE_SECRET_KEY: stripe.key, STRIPE_API_BASE: stripe.url, STRIPE_WEBHOOK_SECRET: 'whsec_of_the_audit_tests' } });
  database = new pg.Client({ connectionString: apex.databaseUrl });
  await database.connect();
  secrets.push(apex.adminToken, apex.apiKey);
}, 90_000);

afterAll(async () => {
  await database?.end();
  await apex?.close();
  await stripe?.close();
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
  'POST /api/billing/checkout': {
    run: async () => {
      const answer = await call('POST', `/api/billing/checkout?customerId=${customer}`, { tier: 'early', successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' });
      checkoutId = String(answer.body['id']);
      return answer;
    },
    ...billing('billing.checkout'),
    withoutReason: true,
  },
  'POST /api/admin/customers/{id}/billing/resync': {
    run: (why) => {
      stripe.completeCheckout(checkoutId);
      return call('POST', `/api/admin/customers/${customer}/billing/resync`, { reason: why });
    },
    ...billing('billing.resync'),
  },
  'PUT /api/billing/subscription': { run: () => call('PUT', `/api/billing/subscription?customerId=${customer}`, { tier: 'mid' }), ...billing('billing.change_tier'), withoutReason: true },
  'DELETE /api/billing/subscription': { run: () => call('DELETE', `/api/billing/subscription?customerId=${customer}`), ...billing('billing.cancel'), withoutReason: true },
  'POST /api/billing/subscription/resume': { run: () => call('POST', `/api/billing/subscription/resume?customerId=${customer}`), ...billing('billing.resume'), withoutReason: true },
  'POST /api/admin/customers/{id}/credit-notes': {
    run: async (why) => {
      const { body } = await call('POST', `/api/admin/customers/${customer}/billing/resync`, { reason: 'to know the invoice' });
      const paid = (body['invoices'] as { id: string; paidCents: string }[]).find(({ paidCents }) => paidCents !== '0');
      return call('POST', `/api/admin/customers/${customer}/credit-notes`, { invoiceId: paid!.id, amountCents: 1, refund: true, reason: why });
    },
    ...billing('billing.credit_note'),
  },
  'POST /api/admin/customers/{id}/charges/{chargeId}/waive': { run: async (why) => call('POST', `/api/admin/customers/${customer}/charges/${await charge('pending')}/waive`, { reason: why }), ...billing('billing.waive') },
  'POST /api/admin/customers/{id}/charges/{chargeId}/retry': { run: async (why) => call('POST', `/api/admin/customers/${customer}/charges/${await charge('refused')}/retry`, { reason: why }), ...billing('billing.retry') },
  'POST /api/admin/stripe/events/replay': { run: (why) => call('POST', '/api/admin/stripe/events/replay', { since: '2026-01-01', reason: why }), action: 'stripe.replay', target: () => 'stripe/events', tells: ['after'] },
  'PATCH /api/admin/customers/{id}/keys/{keyId}': {
    run: (why) => call('PATCH', `/api/admin/customers/${customer}/keys/${keyId}`, { limits: { requestsPerMinute: 60 }, reason: why }),
    action: 'key.update',
    target: () => `customer:${customer}/key:${keyId}`,
    tells: ['before', 'after'],
  },
  'PATCH /api/keys/{keyId}': {
    run: async (why) => {
      const { body } = await call('POST', '/api/keys', { name: 'to be limited' }, ownKey);
      return call('PATCH', `/api/keys/${String(body['id'])}`, { limits: { requestsPerMinute: 60 }, reason: why }, ownKey);
    },
    action: 'key.update',
    target: () => `customer:${customer}/key:`,
    tells: ['before', 'after'],
    by: () => `key:${keyId}`,
  },
  'PATCH /api/admin/customers/{id}/terms': { run: (why) => call('PATCH', `/api/admin/customers/${customer}/terms`, { requestsPerMinute: 90, reason: why }), action: 'customer.terms', target: () => `customer:${customer}`, tells: ['after'] },
  'PATCH /api/admin/tiers/{name}': { run: (why) => call('PATCH', '/api/admin/tiers/free', { requestsPerMinute: 61, reason: why }), action: 'tier.update', target: () => 'tier:free', tells: ['before', 'after'] },
  'DELETE /api/cache': { run: (why) => call('DELETE', `/api/cache?all=true&customerId=${customer}&${reason(why)}`), action: 'cache.invalidate', target: () => `customer:${customer}`, tells: ['after'] },
  'POST /api/admin/customers/{id}/credits': {
    run: (why) => call('POST', `/api/admin/customers/${customer}/credits`, { amountCents: 100, sourceId: 'incident-7', reason: why }),
    action: 'customer.credit',
    target: () => `customer:${customer}/credit:`,
    tells: ['after'],
  },
  'POST /api/admin/rollups/recompute': {
    run: (why) => call('POST', '/api/admin/rollups/recompute', { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', reason: why }),
    action: 'rollups.recompute',
    target: () => 'rollups',
    tells: ['after'],
  },
  'POST /api/admin/customers/{id}/statements': {
    run: async () => {
      // Somebody whose first period is long over.
      await call('POST', '/api/admin/customers', { id: 'older', name: 'Older', tier: 'free', reason: 'a past' });
      await database.query("update customers set created_at = '2026-02-03' where id = 'older'");
      return call('POST', '/api/admin/customers/older/statements', { periodStart: '2026-02-01T00:00:00Z' });
    },
    action: 'statement.close',
    target: () => 'customer:older',
    tells: ['after'],
    withoutReason: true,
  },
  'POST /api/admin/stripe/audit': { run: (why) => call('POST', '/api/admin/stripe/audit', { reason: why }), action: 'stripe.compare', target: () => 'stripe/audit', tells: ['after'] },
};

/** What is done about the customer's billing. */
function billing(action: string): Pick<Change, 'action' | 'target' | 'tells'> {
  return { action, target: () => `customer:${customer}`, tells: ['after'] };
}

/** A charge that nobody is about to send. */
async function charge(state: 'pending' | 'refused'): Promise<string> {
  const { rows } = await database.query<{ id: string }>(
    `insert into stripe_outbox (id, kind, source_id, customer_id, amount_cents, currency, description, period_start, period_end, label, state, next_attempt_at)
     values (gen_random_uuid(), 'invoice_item', gen_random_uuid()::text, $1, 100, 'usd', 'of the test', '2026-01-01', '2026-02-01', 'vbp', $2, 'infinity') returning id`,
    [customer, state],
  );
  return rows[0]!.id;
}

/** What is asked by POST and leaves no entry, and why that is right. */
const NOT_AUDITED: Readonly<Record<string, string>> = {
  'POST /api/billing/portal': 'It tells the address of Stripe\'s page, and changes nothing.',
  'POST /api/webhooks/stripe': 'Stripe\'s word, kept as it came; what follows from it has entries of its own.',
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
  expect([answer.status, [200, 201, 202, 204].includes(answer.status)]).toEqual([answer.status, true]);
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
