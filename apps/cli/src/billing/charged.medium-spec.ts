import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { type BillingState, type MonthlyRevenue, type StatementDocument, type StatementSummary } from '@apex/billing';
import { type RunningSimulator, startSimulator } from '@apex/simulator';
import { until } from '../../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { HOUR, post, signed, StripeFake } from '../../../../test/support/stripe/stripe-fake.js';
import { type RunningApi, startApi } from '../../../api/src/start-api.js';
import { billing } from '../billing.js';
import { verifyStatement } from '../verify-statement.js';

const SECRET = 'whsec_of_what_is_charged';
const ADMIN = 'an-admin-token-of-what-is-charged-0001';
const because = { reason: 'a test' };

const QUESTIONS = 6;
const TIMES = 12;

/** Nobody is held out, so that every repetition is a hit. */
const POLICY = {
  schema: 1,
  experiment: { controlPpm: 0 },
  mechanisms: { exact_cache: { enabled: true, ttlSeconds: 600, sampled: false }, prompt_cache: { enabled: false }, compression: { enabled: false }, routing: { enabled: false }, semantic_cache: { enabled: false } },
};

const CENT = 10_000_000_000n;
const at = (instant: string): number => Date.parse(instant);

// Real: Postgres, the application and its clients over HTTP, Stripe's SDK. The provider is the simulated one, Stripe is the
// fake. The calendar is the test's: a period must be over for 72 hours before it is closed. Timers are the machine's.
describe('what was saved', () => {
  let database: TestDatabase;
  let home: string;
  let simulator: RunningSimulator;
  let fake: StripeFake;
  let api: RunningApi;
  let posted = 0;

  const call = async <T>(token: string, method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(api.baseUrl + path, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
    const answer = (await response.json()) as T;
    expect([path, response.ok, response.ok ? null : answer]).toEqual([path, true, null]);
    return answer;
  };
  const file = async (token: string, path: string, name: string): Promise<string> => {
    const response = await fetch(api.baseUrl + path, { headers: { authorization: `Bearer ${token}` } });
    await writeFile(join(home, name), Buffer.from(await response.arrayBuffer()));
    return join(home, name);
  };
  const state = (): Promise<BillingState> => call(ADMIN, 'GET', '/api/admin/customers/acme/billing');
  /** It is this time, here and at Stripe, which tells of what has happened until then. */
  const itBecomes = async (instant: string): Promise<void> => {
    jest.setSystemTime(at(instant));
    fake.advanceTo(at(instant) / 1_000);
    for (const event of fake.events.slice(posted)) expect((await post(`${api.baseUrl}/api/webhooks/stripe`, signed(event, SECRET, at(instant) / 1_000))).status).toBe(200);
    posted = fake.events.length;
  };

  beforeAll(async () => {
    jest.useFakeTimers({ now: at('2025-01-10T09:00:00Z'), doNotFake: ['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-charged-'));
    simulator = await startSimulator({ speed: 0 });
    fake = await StripeFake.start({ now: Date.now() / 1_000 });
    const env = { APEX_LOG_LEVEL: 'silent', APEX_ADMIN_TOKEN: ADMIN, STRIPE_SECRET_KEY: fake.key, STRIPE_API_BASE: fake.url, STRIPE_WEBHOOK_SECRET: SECRET };
    api = await startApi({ port: 0, host: '127.0.0.1', home, databaseUrl: database.url, redis: { url: null, note: 'not wanted here' }, role: 'all', simulatorUrl: simulator.url, demo: false, env });
  });
  afterAll(async () => {
    await api.close();
    await fake.close();
    await simulator.close();
    await database.drop();
    rmSync(home, { recursive: true });
    jest.useRealTimers();
    jest.restoreAllMocks();
    delete process.env['APEX_URL'];
    delete process.env['APEX_ADMIN_TOKEN'];
  });

  it('by answering duplicates is on the statement, on an invoice, paid, in the revenue, and what anybody computes from the receipts', async () => {
    for (const flag of ['gateway_enabled', 'billing_enabled']) await call(ADMIN, 'PUT', `/api/admin/flags/${flag}`, { enabled: true, ...because });
    await call(ADMIN, 'PUT', '/api/admin/traffic', { gatewayPercentage: 100, ...because });
    await call(ADMIN, 'POST', '/api/admin/customers', { id: 'acme', name: 'Acme' });
    await call(ADMIN, 'PUT', '/api/admin/customers/acme/provider-keys/openai', { apiKey: 'sk-of-acme-at-the-provider', ...because });
    // Their time is the database's, which is not the test's.
    await database.dataSource.query(`update customers set created_at = '2025-01-10T08:00:00Z'`);
    const { id: policy } = await call<{ id: string }>(ADMIN, 'POST', '/api/admin/policies', { customerId: 'acme', document: POLICY, ...because });
    for (const step of ['validate', 'activate']) await call(ADMIN, 'POST', `/api/admin/policies/${policy}/${step}`, because);
    const { key } = await call<{ key: string }>(ADMIN, 'POST', '/api/admin/customers/acme/keys', { scopes: ['inference', 'usage:read', 'keys:manage'] });

    const checkout = await call<{ id: string }>(key, 'POST', '/api/billing/checkout', { tier: 'early', successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' });
    fake.completeCheckout(checkout.id);
    await itBecomes('2025-01-10T09:00:30Z');
    await until(async () => (await state()).tier === 'early', 'the subscription is known');

    // Traffic in which everything is asked again and again.
    const background = 'The cat sat on the mat and looked at the moon. '.repeat(3_000);
    const mechanisms: (string | null)[] = [];
    for (let request = 0; request < QUESTIONS * TIMES; request++) {
      const body = { model: 'gpt-4o', temperature: 0, messages: [{ role: 'user', content: `${background}Question ${request % QUESTIONS}?` }] };
      const response = await fetch(`${api.baseUrl}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
      expect([response.status, ((await response.json()) as { object: string }).object]).toEqual([200, 'chat.completion']);
      mechanisms.push(response.headers.get('x-apex-mechanism'));
    }
    expect(mechanisms.filter((mechanism) => mechanism === 'exact_cache')).toHaveLength(QUESTIONS * (TIMES - 1));
    expect(simulator.ledger()).toHaveLength(QUESTIONS);
    const savings = (): Promise<{ total: { receipts: number; savingPicodollars: string } }> => call(key, 'GET', '/api/savings?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z');
    await until(async () => (await savings()).total.receipts === QUESTIONS * TIMES, 'every request has its receipt');
    const saved = BigInt((await savings()).total.savingPicodollars);

    // 72 hours after its end the period is closed, and what it charges goes to Stripe.
    await itBecomes('2025-02-04T00:00:00Z');
    const { id } = await call<{ id: string }>(ADMIN, 'POST', '/api/admin/customers/acme/statements', { periodStart: '2025-01-01T00:00:00Z' });
    const { document, hash } = await call<{ document: StatementDocument; hash: string }>(key, 'GET', `/api/statements/${id}`);
    expect(document).toMatchObject({ terms: { tier: 'early', vbpRatePpm: 200_000 }, receipts: { leaves: QUESTIONS * TIMES }, savings: { savingPicodollars: String(saved) }, billing: { vbpPicodollars: String(saved / 5n) } });
    const cents = document.invoice.chargedCents;
    expect(BigInt(cents)).toBe((saved / 5n + CENT / 2n) / CENT);
    expect(cents).toBeGreaterThan(50);
    const stripeId = (await state()).stripe.customer!;
    await until(() => fake.itemsOf(stripeId).length > 0, 'the charge is at Stripe');
    expect(fake.itemsOf(stripeId)).toMatchObject([{ amount: cents, metadata: { statementHash: hash, apex_statement: id }, invoice: null }]);

    // The subscription's next invoice takes it up, is finalised an hour later, and the bank pays.
    await itBecomes(new Date(at('2025-02-10T09:00:30Z') + 2 * HOUR * 1_000).toISOString());
    await until(async () => (await state()).invoices[0]?.paidCents === String(cents), 'the invoice is known to be paid');
    expect(await state()).toMatchObject({ standing: 'active', attention: [], charges: [{ label: 'vbp', amountCents: String(cents), state: 'sent', problem: null }], invoices: [{ status: 'paid', totalCents: String(cents), dueCents: String(cents) }, { totalCents: '0' }] });
    expect([...fake.store.charges.values()].map(({ amount }) => amount)).toEqual([cents]);

    expect(await call<MonthlyRevenue>(ADMIN, 'GET', '/api/admin/mrr')).toMatchObject({ statements: 1, vbpPicodollars: document.billing.vbpPicodollars, mrrPicodollars: document.billing.vbpPicodollars });
    expect(await call(ADMIN, 'POST', '/api/admin/stripe/audit', because)).toMatchObject({ checked: { customers: 1, items: 1 }, differences: [] });

    // The customer checks it, offline; the operator looks at it.
    const said: string[] = [];
    jest.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    const [statement] = (await call<{ data: StatementSummary[] }>(key, 'GET', '/api/statements')).data;
    const files = [await file(key, `/api/statements/${statement!.id}`, 'statement.json'), await file(key, `/api/statements/${statement!.id}/receipts`, 'receipts.jsonl')];
    expect(await verifyStatement(files)).toBe(0);
    expect(said.join('\n')).toContain(`follows from ${QUESTIONS * TIMES} receipts`);
    said.length = 0;
    process.env['APEX_URL'] = api.baseUrl;
    process.env['APEX_ADMIN_TOKEN'] = ADMIN;
    expect(await billing(['acme'])).toBe(0);
    expect(said.join('\n')).toMatch(new RegExp(`share of savings +\\$${(cents / 100).toFixed(2)} +on invoice in_`));
  });
});
