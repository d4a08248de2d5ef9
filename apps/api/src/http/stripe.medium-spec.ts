import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { until } from '../../../../test/support/eventually.js';
import { post, signed, StripeFake } from '../../../../test/support/stripe/stripe-fake.js';
import { type RunningApi, startApi } from '../start-api.js';

const SECRET = 'whsec_of_the_http_tests';
const ADMIN = 'an-admin-token-of-the-http-tests-0001';

// Real: Postgres, the application over HTTP, Stripe's SDK. Stripe is the fake.
describe('billing over HTTP', () => {
  let database: TestDatabase;
  let home: string;
  let fake: StripeFake;
  let api: RunningApi;
  let key: string;

  const call = async (token: string | null, method: string, path: string, body?: unknown): Promise<{ status: number; body: never }> => {
    const response = await fetch(api.baseUrl + path, { method, headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), 'content-type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as never };
  };
  const hook = (): string => `${api.baseUrl}/api/webhooks/stripe`;
  const now = (): number => Math.floor(Date.now() / 1_000);
  const start = (env: NodeJS.ProcessEnv, where: { readonly home: string; readonly databaseUrl: string } = { home, databaseUrl: database.url }): Promise<RunningApi> =>
    startApi({ port: 0, host: '127.0.0.1', ...where, redis: { url: null, note: 'not wanted here' }, role: 'all', simulatorUrl: 'http://127.0.0.1:9/v1', demo: false, env: { APEX_LOG_LEVEL: 'silent', APEX_ADMIN_TOKEN: ADMIN, ...env } });

  beforeAll(async () => {
    database = await createTestDatabase();
    home = mkdtempSync(join(tmpdir(), 'apex-stripe-'));
    fake = await StripeFake.start({ now: now() });
    api = await start({ STRIPE_SECRET_KEY: fake.key, STRIPE_API_BASE: fake.url, STRIPE_WEBHOOK_SECRET: SECRET });
    await call(ADMIN, 'POST', '/api/admin/customers', { id: 'acme', name: 'Acme' });
    key = ((await call(ADMIN, 'POST', '/api/admin/customers/acme/keys', { scopes: ['usage:read', 'keys:manage'] })).body as { key: string }).key;
  });
  afterAll(async () => {
    await api.close();
    await fake.close();
    await database.drop();
    rmSync(home, { recursive: true });
  });
  const urls = { successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no' };

  it('is off until billing_enabled is on', async () => {
    expect(await call(key, 'POST', '/api/billing/checkout', { tier: 'mid', ...urls })).toMatchObject({ status: 409, body: { error: { code: 'billing_disabled' } } });
    expect(await call(ADMIN, 'PUT', '/api/admin/flags/billing_enabled', { enabled: true, reason: 'a test' })).toMatchObject({ status: 200 });
  });

  it('takes a customer from checkout to a paid invoice by what Stripe posts', async () => {
    expect(await call(key, 'POST', '/api/billing/checkout', { tier: 'mid', trialDays: 30, ...urls })).toMatchObject({ status: 403 });
    expect(await call(key, 'POST', '/api/billing/checkout', { tier: 'mid', successUrl: 'javascript:alert(1)', cancelUrl: 'x' })).toMatchObject({ status: 400 });
    const checkout = await call(key, 'POST', '/api/billing/checkout', { tier: 'mid', ...urls });
    expect(checkout).toMatchObject({ status: 201, body: { url: expect.stringContaining('/pay/cs_') as string } });
    fake.completeCheckout((checkout.body as { id: string }).id);
    for (const event of fake.events) {
      const response = await post(hook(), signed(event, SECRET, now()));
      expect([response.status, await response.json()]).toEqual([200, { received: true, duplicate: false }]);
    }
    const again = await post(hook(), signed(fake.events[0]!, SECRET, now()));
    expect(await again.json()).toEqual({ received: true, duplicate: true });
    await until(async () => ((await call(key, 'GET', '/api/billing')).body as { tier: string; invoices: unknown[] }).tier === 'mid' && ((await call(key, 'GET', '/api/billing/invoices')).body as { data: { status: string }[] }).data[0]?.status === 'paid', 'the events are handled');
    expect(await call(ADMIN, 'GET', '/api/admin/customers/acme/billing')).toMatchObject({ status: 200, body: { tier: 'mid', standing: 'active', stripe: { mode: 'test' } } });
    expect(await call(key, 'POST', '/api/billing/portal', { returnUrl: 'https://a.test' })).toMatchObject({ status: 201, body: { url: expect.stringMatching(/^https:/) as string } });
    expect(await call(key, 'DELETE', '/api/billing/subscription')).toMatchObject({ status: 200, body: { subscription: { endsAt: expect.any(String) as string } } });
    expect(await call(key, 'POST', '/api/billing/subscription/resume')).toMatchObject({ status: 200, body: { subscription: { endsAt: null } } });
    expect(await call(ADMIN, 'POST', '/api/admin/stripe/audit', { reason: 'a test' })).toMatchObject({ status: 200, body: { checked: { customers: 1 }, differences: expect.any(Array) as unknown } });
  });

  it('refuses what Stripe did not sign, byte for byte', async () => {
    const { body, signature } = signed({ ...fake.events[0]!, id: 'evt_forged' }, SECRET, now());
    const refused = { error: { code: 'bad_signature', message: expect.any(String) as string } };
    for (const delivery of [{ body: `${body} `, signature }, { body, signature: signature.replace('v1=', 'v0=') }, signed({ ...fake.events[0]!, id: 'evt_old' }, SECRET, now() - 400), signed({ ...fake.events[0]!, id: 'evt_future' }, SECRET, now() + 400)]) {
      const response = await post(hook(), delivery);
      expect([response.status, await response.json()]).toMatchObject([400, refused]);
    }
    const bare = await fetch(hook(), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(bare.status).toBe(400);
    const slash = await fetch(`${hook()}/`, { method: 'POST', headers: { 'content-type': 'application/json', 'stripe-signature': signature }, body });
    expect(slash.status).toBe(400);
    const large = await fetch(hook(), { method: 'POST', headers: { 'content-type': 'application/json', 'stripe-signature': signature }, body: ' '.repeat(1024 * 1024 + 1) });
    expect(large.status).toBe(413);
  });

  it('belongs to the customer and to operators', async () => {
    expect(await call(null, 'GET', '/api/billing')).toMatchObject({ status: 401 });
    expect(await call(key, 'GET', '/api/billing?customerId=other')).toMatchObject({ status: 403 });
    expect(await call(key, 'GET', '/api/admin/customers/acme/billing')).toMatchObject({ status: 403 });
    expect(await call(key, 'POST', '/api/admin/stripe/events/replay', { since: '2026-01-01T00:00:00Z' })).toMatchObject({ status: 403 });
  });

  it('does not start with what is no key, nor sends a live one in the clear, and never says what it is', async () => {
    const wrong = await start({ STRIPE_SECRET_KEY: 'whatever-it-is' }).then(() => '', (error: Error) => error.message);
    expect(wrong).toContain('STRIPE_SECRET_KEY');
    expect(wrong).not.toContain('whatever');
    await expect(start({ STRIPE_SECRET_KEY: 'sk_live_secret', STRIPE_API_BASE: 'http://127.0.0.1:1' })).rejects.toThrow('STRIPE_API_BASE');
  });

  it('does not start with a key of the other mode than what is stored, and leaves nothing open', async () => {
    const other = await createTestDatabase();
    const elsewhere = mkdtempSync(join(tmpdir(), 'apex-stripe-'));
    try {
      await other.dataSource.query('insert into stripe_mode (livemode) values (true)');
      await expect(start({ STRIPE_SECRET_KEY: fake.key, STRIPE_API_BASE: fake.url }, { home: elsewhere, databaseUrl: other.url })).rejects.toThrow("this database holds Stripe's live data");
      await until(async () => (await other.dataSource.query<unknown[]>('select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()')).length === 0, 'no connection is open');
    } finally {
      await other.drop();
      rmSync(elsewhere, { recursive: true });
    }
  });
});
