import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Redis } from 'ioredis';
import { testRedisUrl } from '../../support/redis.js';
import { type Apex, PROVIDER_KEY, startApex } from '../support/apex.js';
import { answer, completion, type HostileUpstream, startHostileUpstream } from './support/hostile-upstream.js';
import { dumpTables } from './support/tables.js';

const CHAT = '/v1/chat/completions';
const MASTER_KEY = randomBytes(32).toString('base64');
const OLD_MASTER_KEY = randomBytes(32).toString('base64');
const PASSWORD = `pass-${randomBytes(9).toString('base64url')}`;
const STORED_KEY = `sk-stored-${randomBytes(16).toString('hex')}`;
const HOSTILE_KEY = `sk-hostile-${randomBytes(16).toString('hex')}`;
/** In every prompt and every answer of this run. */
const PROMPT = `prompt-${randomBytes(8).toString('hex')}`;
const ANSWER = `answer-${randomBytes(8).toString('hex')}`;

let apex: Apex;
let hostile: HostileUpstream;
let session = '';
let ownKey = '';
const secrets = new Map<string, string>();
/** Every error that anybody was told, head and body. */
const errors: string[] = [];

const chat = (more: object = {}): object => ({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: PROMPT }], ...more });

async function ask(method: string, path: string, token: string | null, body?: unknown, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const response = await fetch(apex.baseUrl + path, {
    method,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) errors.push(`${method} ${path} ${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

beforeAll(async () => {
  hostile = await startHostileUpstream();
  apex = await startApex({
    env: {
      APEX_LOG_LEVEL: 'debug',
      APEX_ENCRYPTION_KEY: MASTER_KEY,
      APEX_ENCRYPTION_KEYS_OLD: OLD_MASTER_KEY,
      APEX_PROVIDERS: JSON.stringify([{ name: 'hostile', baseUrl: hostile.url, apiKeyEnv: 'HOSTILE_KEY' }]),
      HOSTILE_KEY,
      APEX_MAX_ATTEMPTS: '1',
      APEX_AUTH_FAILURES_PER_MINUTE: '1000',
    },
  });
  for (const [name, secret] of Object.entries({ 'the demo key': apex.apiKey, 'the admin token': apex.adminToken, "the platform's key": PROVIDER_KEY, "the hostile provider's key": HOSTILE_KEY, 'a stored key': STORED_KEY, 'the master key': MASTER_KEY, 'the old master key': OLD_MASTER_KEY, 'a password': PASSWORD })) secrets.set(name, secret);
  const masterBytes = Buffer.from(MASTER_KEY, 'base64');
  secrets.set('the master key in hexadecimal', masterBytes.toString('hex'));
  secrets.set('the master key for URLs', masterBytes.toString('base64url'));

  await ask('POST', '/api/admin/customers', apex.adminToken, { id: 'leaky', name: 'L', platformKeys: true });
  ownKey = (await ask('POST', '/api/admin/customers/leaky/keys', apex.adminToken, { scopes: ['inference', 'usage:read', 'keys:manage'] }))['key'] as string;
  await ask('PUT', '/api/admin/customers/leaky/provider-keys/openai', apex.adminToken, { apiKey: STORED_KEY });
  await ask('POST', '/api/admin/customers/leaky/users', apex.adminToken, { email: 'leaky@example.com', name: 'L', role: 'owner', password: PASSWORD });
  session = (await ask('POST', '/api/auth/login', null, { email: 'leaky@example.com', password: PASSWORD }))['token'] as string;
  const operator = (await ask('POST', '/api/admin/operator-tokens', apex.adminToken, { name: 'another' }))['token'] as string;
  for (const [name, secret] of Object.entries({ 'a customer\'s key': ownKey, 'a session': session, 'another admin token': operator })) {
    expect([name, secret]).toEqual([name, expect.stringMatching(/^apex\w*_[\w-]{43}$/)]);
    secrets.set(name, secret);
  }
}, 90_000);

afterAll(async () => {
  await apex?.close();
  await hostile?.close();
}, 60_000);

/** The names of the secrets that a text holds. */
const found = (text: string, more: Readonly<Record<string, string>> = {}): string[] => [...secrets, ...Object.entries(more)].filter(([, secret]) => text.includes(secret)).map(([name]) => name);

it('a day of everything that can go wrong', async () => {
  const tokens = [ownKey, session, apex.adminToken, apex.apiKey, null, 'apex_nobody', `${ownKey}x`];
  const bodies: unknown[] = [chat(), chat({ stream: true }), chat({ n: 0 }), chat({ model: 7 }), `{"model":"${PROMPT}"`, chat({ metadata: { simulate: '500' } }), chat({ metadata: { simulate: 'malformed' } }), chat({ metadata: { simulate: 'cut' } }), chat({ model: 'hostile/x' })];
  const behaviours = [
    answer('401 Unauthorized', ['content-type: application/json'], `{"error":{"message":"Incorrect API key provided: ${HOSTILE_KEY}"}}`),
    answer('403 Forbidden', ['content-type: application/json'], `{"error":{"message":"${HOSTILE_KEY} may not"}}`),
    answer('200 OK', ['content-type: application/json'], completion({ choices: [{ index: 0, message: { role: 'assistant', content: ANSWER }, finish_reason: 'stop' }] })),
    answer('200 OK', ['content-type: application/json'], `{"half": "${ANSWER} ${HOSTILE_KEY}`),
    Buffer.from(`HTTP/1.1 200 OK\r\n${HOSTILE_KEY}\r\n\r\n`),
  ];
  let turn = 0;
  hostile.behave((socket) => void socket.write(behaviours[turn++ % behaviours.length]!));
  for (const token of tokens) {
    for (const body of bodies) await ask('POST', CHAT, token, body, { 'idempotency-key': `leak-${turn++}` });
    for (const path of ['/v1/messages', '/v1/responses', '/v1/embeddings', '/api/keys', '/api/admin/customers', '/api/admin/reconcile', '/api/auth/login']) await ask('POST', path, token, `{"input":"${PROMPT}","password":"${PASSWORD}","apiKey":"${STORED_KEY}"`);
    for (const path of ['/api/keys', '/api/usage?groupBy=moon', `/api/usage?key=${ownKey}`, '/api/admin/audit', `/api/nothing?token=${ownKey}`, '/v1/nothing']) await ask('GET', path, token);
  }
  await ask('POST', '/api/admin/customers/leaky/users', apex.adminToken, { email: 'leaky@example.com', name: 'again', password: PASSWORD });
  await ask('PUT', '/api/admin/customers/leaky/provider-keys/UPPER', apex.adminToken, { apiKey: STORED_KEY });
  await ask('PUT', '/api/admin/customers/leaky/provider-keys/openai', apex.adminToken, { apiKey: `${STORED_KEY} with a blank` });
  await ask('PATCH', '/api/admin/customers/leaky/users/nobody', apex.adminToken, { password: PASSWORD, reason: 'x' });
  await ask('POST', '/api/admin/provider-keys/reseal', apex.adminToken, { reason: 'a test' });
  expect(errors.length).toBeGreaterThan(80);
}, 60_000);

it('no error tells a secret', () => {
  // The path is the test's own; what was answered begins after it.
  for (const error of errors) expect([error.slice(0, 60), found(error.slice(error.indexOf(' [[')))]).toEqual([error.slice(0, 60), []]);
});

it('no table holds a secret, a prompt or an answer', async () => {
  const rows = [...(await dumpTables(apex.databaseUrl)).keys()];
  expect(rows.length).toBeGreaterThan(50);
  // Columns of bytes are dumped in hexadecimal.
  const inHex = Object.fromEntries([...secrets].map(([name, secret]) => [`${name}, as bytes`, Buffer.from(secret).toString('hex')]));
  for (const row of rows) {
    expect([row.slice(0, 40), found(row, { ...inHex, 'a prompt': PROMPT, 'an answer': ANSWER })]).toEqual([row.slice(0, 40), []]);
  }
});

it('Redis holds no secret, and answers that are kept only sealed', async () => {
  const redis = new Redis(testRedisUrl());
  try {
    let seen = 0;
    for (const key of await redis.keys('*')) {
      const value = await redis.dumpBuffer(key);
      if (value === null) continue;
      seen++;
      expect([key, found(key + value.toString('latin1'), { 'a prompt': PROMPT, 'an answer': ANSWER })]).toEqual([key, []]);
    }
    expect(seen).toBeGreaterThan(0);
  } finally {
    redis.disconnect();
  }
});

it('no file but the credentials holds a secret, and nobody else may read those', () => {
  const files = (directory: string): string[] => readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(join(directory, entry.name)) : entry.isFile() ? [join(directory, entry.name)] : []));
  const holding = files(apex.home).filter((file) => found(readFileSync(file, 'latin1'), { 'a prompt': PROMPT, 'an answer': ANSWER }).length > 0);
  expect(holding.map((file) => relative(apex.home, file))).toEqual(['credentials.json']);
  for (const file of holding) expect(statSync(file).mode & 0o077).toBe(0);
});

it('no log line, at the most talkative level, tells a secret, a prompt or an answer', async () => {
  await apex.stop();
  const logs = apex.logs();
  expect(logs.length).toBeGreaterThan(1_000);
  const lines = logs.split('\n').filter((line) => found(line, { 'a prompt': PROMPT, 'an answer': ANSWER }).length > 0);
  expect(lines.map((line) => line.slice(0, 200))).toEqual([]);
}, 60_000);
