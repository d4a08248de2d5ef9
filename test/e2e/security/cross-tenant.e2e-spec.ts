import { until } from '../../support/eventually.js';
import { type Apex, startApex } from '../support/apex.js';
import { type DocumentedRoute, documentedRoutes, example, fill } from './support/routes.js';
import { type DumpedRow, difference, dumpTables } from './support/tables.js';
import { makeTenant, type Tenant } from './support/tenants.js';

/** One request of the attack. */
interface Shot {
  readonly credential: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface Hit {
  readonly shot: string;
  readonly status: number;
  readonly read: readonly string[];
}

/** Headers in which gateways, proxies and frameworks are told whom a request is for. */
const IDENTITY_HEADERS = ['x-customer-id', 'x-apex-customer', 'x-apex-customer-id', 'x-tenant-id', 'x-user-id', 'x-forwarded-user', 'x-original-url', 'x-rewrite-url', 'openai-organization', 'openai-project'];
/** Query parameters that no route may listen to, besides those that it describes. */
const IDENTITY_QUERY = ['customerId', 'customer_id', 'customer', 'id', 'keyId', 'userId', 'requestId', 'session', 'tag', 'owner'];
const IN_FLIGHT = 12;

let apex: Apex;
let victim: Tenant;
let attacker: Tenant;
let routes: DocumentedRoute[];

beforeAll(async () => {
  apex = await startApex();
  victim = await makeTenant(apex, 'victim');
  attacker = await makeTenant(apex, 'attacker');
  // Signing out last: it ends the credential that it is tried with.
  routes = (await documentedRoutes(apex)).sort((a, b) => Number(a.path.endsWith('/logout')) - Number(b.path.endsWith('/logout')));
}, 120_000);

afterAll(async () => {
  await apex?.close();
}, 60_000);

/** Every way to name something of `of` on a route. */
function* shotsAt(route: DocumentedRoute, of: Tenant, credential: string): Generator<Shot> {
  const all = Object.values(of.ids).map((each) => each[0]!);
  const shot = (url: string, headers: Record<string, string> = {}, body: unknown = plainBody(route, of)): Shot => ({ credential, method: route.method, url, headers, body: route.method === 'GET' ? undefined : body });

  // In the path: each parameter with each id; the others with what fits them best.
  if (route.pathParams.length === 0) yield shot(route.path);
  for (const parameter of route.pathParams) for (const id of [...all, 'openai', 'groq', 'gateway_enabled']) yield shot(fill(route.path, (name) => (name === parameter ? id : fitting(name, of))));
  const path = fill(route.path, (name) => fitting(name, of));

  // In the query.
  for (const name of new Set([...route.queryParams, ...IDENTITY_QUERY])) for (const id of idsLike(name, of)) yield shot(`${path}?${name}=${encodeURIComponent(id)}`);
  yield shot(`${path}?${IDENTITY_QUERY.map((name) => `${name}=${encodeURIComponent(of.id)}`).join('&')}`);
  yield shot(`${path}?customerId=${attacker.id}&customerId=${of.id}`);
  yield shot(`${path}?customerId[]=${of.id}`);

  // In headers.
  for (const name of IDENTITY_HEADERS) yield shot(path, { [name]: of.id });
  yield shot(path, { 'x-apex-session': of.ids['session']![0]!, 'x-request-id': of.ids['request']![0]!, 'idempotency-key': of.ids['idempotency']![0]! });
  yield shot(path, { 'x-http-method-override': 'GET', 'x-method-override': 'DELETE' });

  // In the body.
  if (route.method === 'GET') return;
  const owner = { id: of.id, customerId: of.id, customer_id: of.id, customer: { id: of.id }, keyId: of.ids['key']![0], userId: of.ids['user']![0], requestId: of.ids['request']![0], owner: of.id };
  yield shot(path, {}, { ...plainBody(route, of), ...owner });
  yield shot(path, {}, JSON.parse(`{"__proto__":{"customerId":${JSON.stringify(of.id)}},"constructor":{"prototype":{"customerId":${JSON.stringify(of.id)}}}}`));
  if (route.path.includes('/v1/')) {
    yield shot(path, { 'idempotency-key': of.ids['idempotency']![0]! }, of.prompt);
    yield shot(path, {}, { ...plainBody(route, of), user: of.id, previous_response_id: of.ids['answer']![0], metadata: { customer: of.id }, input: 'x', max_tokens: 5 });
  }
}

/** What the route's own description makes of a body, filled with the victim's words. */
const plainBody = (route: DocumentedRoute, of: Tenant): object => ({
  ...(example(route.body ?? { type: 'object' }, (name) => (/id$/i.test(name) ? fitting(name, of) : `taken-over-${name}`)) as object),
  ...(route.path.includes('/v1/') ? { model: route.path.endsWith('/embeddings') ? 'text-embedding-3-small' : 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi.' }], input: 'Hi.', max_tokens: 5, stream: false } : {}),
});

function fitting(name: string, of: Tenant): string {
  if (/^key/i.test(name)) return of.ids['key']![0]!;
  if (/^user/i.test(name)) return of.ids['user']![0]!;
  if (/^request/i.test(name)) return of.ids['request']![0]!;
  if (name === 'provider') return 'groq';
  if (name === 'model') return 'gpt-4o-mini';
  if (name === 'name') return 'gateway_enabled';
  return of.id;
}

function idsLike(name: string, of: Tenant): readonly string[] {
  const kind = Object.keys(of.ids).find((each) => name.toLowerCase().startsWith(each.toLowerCase()));
  if (name === 'after' || name === 'before') return [of.ids['key']![0]!, of.ids['request']![0]!, '00000000-0000-0000-0000-000000000000'];
  if (name === 'groupBy') return ['key', 'tag', 'model'];
  return kind === undefined ? [of.id] : [of.ids[kind]![0]!, of.id];
}

/** Shoots, and tells what of `of` came back that the request itself did not hold. */
async function hitsOf(shots: readonly Shot[], of: Tenant): Promise<Hit[]> {
  const hits: Hit[] = [];
  const queue = [...shots];
  const shooter = async (): Promise<void> => {
    for (let shot = queue.shift(); shot !== undefined; shot = queue.shift()) {
      const { method, url, headers, body, credential } = shot;
      const response = await fetch(apex.baseUrl + url, {
        method,
        redirect: 'manual',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = JSON.stringify([...response.headers]) + (await response.text());
      if (response.status >= 500) throw new Error(`${method} ${url} answered ${response.status}: ${answer.slice(0, 300)}`);
      const said = decodeURIComponent(url) + JSON.stringify(headers) + JSON.stringify(body ?? '');
      const read = of.data.filter((text) => answer.includes(text) && !said.includes(text));
      if (read.length > 0) hits.push({ shot: `${method} ${url} ${JSON.stringify(headers)}`, status: response.status, read });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, shooter));
  return hits;
}

const attack = (by: string): Shot[] => routes.flatMap((route) => [...shotsAt(route, victim, by)]);

/** All rows, once everything that was asked for is among them. */
async function settledTables(): Promise<ReadonlyMap<string, DumpedRow>> {
  await until(async () => /^apex_journal_backlog_bytes 0$/m.test((await apex.api<string>('GET', '/metrics', undefined, null)).body), 'the journal is in the tables');
  return dumpTables(apex.databaseUrl);
}

/** What a customer's own requests may change: its own rows, and the log of its own doing. */
function belongsTo(tenant: Tenant, { table, row }: DumpedRow, keys: ReadonlySet<unknown> = new Set()): boolean {
  if (row['customer_id'] === tenant.id) return true;
  if (table === 'key_limits') return keys.has(row['key_id']);
  if (table === 'sessions') return tenant.ids['user']!.includes(String(row['user_id']));
  if (table === 'audit_log') {
    const own = [...tenant.ids['key']!.map((id) => `key:${id}`), ...tenant.ids['user']!.map((id) => `user:${id}`)];
    return own.includes(String(row['actor'])) && `${String(row['target'])}/`.startsWith(`customer:${tenant.id}/`);
  }
  return false;
}

describe('two customers', () => {
  it('the attack is real: its own customer, and an operator, read by it', async () => {
    const reading = routes.filter(({ method }) => method === 'GET').flatMap((route) => [...shotsAt(route, victim, victim.credentials['its owner']!)]);
    const own = await hitsOf(reading, victim);
    expect(new Set(own.flatMap(({ read }) => read)).size).toBeGreaterThan(10);
    const operators = await hitsOf(routes.filter(({ method }) => method === 'GET').flatMap((route) => [...shotsAt(route, victim, apex.adminToken)]), victim);
    const seen = new Set(operators.flatMap(({ read }) => read));
    for (const kind of ['key', 'user', 'providerKey', 'tag'] as const) expect([kind, victim.ids[kind]!.some((id) => seen.has(id))]).toEqual([kind, true]);
    const replay = await hitsOf([...shotsAt(routes.find(({ path }) => path === '/v1/chat/completions')!, victim, victim.credentials['a key for inference']!)], victim);
    expect(replay.some(({ read }) => read.includes(victim.ids['answer']![0]!))).toBe(true);
  }, 60_000);

  it('the comparison is real: a change by an operator shows', async () => {
    const before = await settledTables();
    expect((await apex.api('PATCH', `/api/admin/customers/${victim.id}`, { tier: 'enterprise', reason: 'a control' })).status).toBe(200);
    const { gone, come } = difference(before, await settledTables());
    expect([gone, come].map((rows) => [...new Set(rows.filter((row) => !belongsTo(attacker, row)).map(({ table }) => table))].sort())).toEqual([['customers', 'users'], ['audit_log', 'customers', 'users']]);
  });

  it('neither reads nor writes anything of the other, by any credential, on any route, with any id', async () => {
    const before = await settledTables();
    let fired = 0;
    const hits: (Hit & { by: string })[] = [];
    for (const [by, credential] of Object.entries(attacker.credentials)) {
      const shots = attack(credential);
      fired += shots.length;
      hits.push(...(await hitsOf(shots, victim)).map((hit) => ({ by, ...hit })));
    }
    expect(fired).toBeGreaterThan(5_000);
    expect(hits).toEqual([]);
    const after = await settledTables();
    const { gone, come } = difference(before, after);
    const keys = new Set([...after.values()].filter(({ table, row }) => table === 'api_keys' && row['customer_id'] === attacker.id).map(({ row }) => row['id']));
    expect(gone.filter((row) => !belongsTo(attacker, row, keys))).toEqual([]);
    expect(come.filter((row) => !belongsTo(attacker, row, keys))).toEqual([]);
    // It did do something: to itself.
    expect(come.length).toBeGreaterThan(10);
  }, 600_000);

  it('the other\'s things are as if they were not there: same status, same words', async () => {
    const manager = attacker.credentials['a key for keys:manage']!;
    const nobodys = '01890000-0000-7000-8000-000000000000';
    for (const [method, path, body] of [
      ['DELETE', (id: string) => `/api/keys/${id}`, undefined],
      ['POST', (id: string) => `/api/keys/${id}/rotate`, {}],
    ] as const) {
      const [theirs, absent] = [await apex.api(method, path(victim.ids['key']![0]!), body, manager), await apex.api(method, path(nobodys), body, manager)];
      expect([theirs.status, theirs.body]).toEqual([404, absent.body]);
    }
    const reader = attacker.credentials['a key for usage:read']!;
    const [theirs, absent] = [await apex.api('GET', `/api/usage?customerId=${victim.id}`, undefined, reader), await apex.api('GET', '/api/usage?customerId=nobody-at-all', undefined, reader)];
    expect([theirs.status, theirs.body]).toEqual([403, absent.body]);
  });

  it('one\'s usage counts nothing of the other\'s, however it is grouped', async () => {
    for (const groupBy of ['model', 'day', 'key', 'cohort', 'tag']) {
      const { body, status } = await apex.api<{ groups: { key: string | null }[] }>('GET', `/api/usage?groupBy=${groupBy}`, undefined, attacker.credentials['a key for usage:read']);
      expect(status).toBe(200);
      const text = JSON.stringify(body);
      for (const secret of victim.data) expect(text).not.toContain(secret);
    }
  });
});
