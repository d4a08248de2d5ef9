import { gzipSync } from 'node:zlib';
import { type Apex, PROVIDER_KEY, startApex } from './support/apex.js';
import { type Books, openBooks } from './support/books.js';
import { eventually } from '../support/eventually.js';
import { type RawAnswer, sendRaw } from './support/raw.js';

const MiB = 1024 * 1024;
const BODY_LIMIT = 12 * MiB;
const CHAT = '/v1/chat/completions';
const EMBEDDINGS = '/v1/embeddings';
const GOOD = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello.' }] };

interface Seen {
  readonly status: number;
  readonly requestId: string | null;
  readonly text: string;
}

let apex: Apex;
let books: Books;
let pid: number;

beforeAll(async () => {
  apex = await startApex({ env: { APEX_MAX_BODY_BYTES: String(BODY_LIMIT) } });
  books = await openBooks(apex.databaseUrl);
  pid = apex.pid;
}, 90_000);

afterAll(async () => {
  await books?.close();
  await apex?.close();
}, 60_000);

/** Whatever was sent: the process is the same one, and it serves. */
afterEach(async () => {
  const response = await apex.post(CHAT, GOOD);
  expect(response.status).toBe(200);
  await response.text();
  expect(apex.pid).toBe(pid);
});

async function send(body: string | Buffer, headers: Readonly<Record<string, string>> = {}, path = CHAT): Promise<Seen> {
  const response = await fetch(apex.baseUrl + path, { method: 'POST', headers: { authorization: `Bearer ${apex.apiKey}`, 'content-type': 'application/json', ...headers }, body });
  return { status: response.status, requestId: response.headers.get('x-request-id'), text: await response.text() };
}

const sendJson = (body: unknown, path = CHAT): Promise<Seen> => send(JSON.stringify(body), {}, path);

/** OpenAI's error shape, with a code and nothing that is ours alone to know. */
function expectError(seen: { readonly status: number; readonly text: string }, status: number, code: string, param: string | null = null): void {
  expectNoLeak(seen.text);
  expect(seen.status).toBe(status);
  expect(JSON.parse(seen.text)).toEqual({ error: { message: expect.stringMatching(/\S/), type: expect.stringMatching(/^[a-z_]+$/), code, param } });
}

function expectNoLeak(text: string): void {
  for (const secret of [apex.apiKey, apex.adminToken, PROVIDER_KEY, apex.home, process.cwd(), 'node_modules', '.js:', '.ts:', '    at ']) {
    if (text.includes(secret)) throw new Error(`the answer holds '${secret}': ${text.slice(0, 500)}`);
  }
}

/** The request is in the books, without cost. */
async function expectRecorded(seen: Seen, status: 'denied' | 'failed', code?: string): Promise<void> {
  const record = await eventually(`a record of ${seen.requestId}`, () => books.record(seen.requestId ?? ''));
  expect(record).toMatchObject({ customer_id: 'demo', status, http_status: seen.status, cost_pd: 0, prompt_tokens: 0, unknown_attempts: 0, ...(code === undefined ? {} : { error_code: code }) });
}

describe('a body that is not what it should be', () => {
  const user = (content: unknown): unknown => ({ ...GOOD, messages: [{ role: 'user', content }] });
  const deep = '['.repeat(100_000);

  it.each<[name: string, body: string | Buffer, code: string]>([
    ['broken off', '{"model":"gpt-4o-mini","messages":[{"role":"user"', 'malformed_json'],
    ['empty', '', 'malformed_json'],
    ['blank', '  \n', 'malformed_json'],
    ['no JSON', 'model=gpt-4o-mini', 'malformed_json'],
    ['two documents', '{"model":"a"}{"model":"b"}', 'malformed_json'],
    ['a byte order mark in front', Buffer.from('\ufeff{"model":"a","messages":[]}'), 'malformed_json'],
    ['100,000 brackets that nobody closes', deep, 'malformed_json'],
    ['an array', '[{"model":"gpt-4o-mini"}]', 'invalid_body'],
    ['null', 'null', 'invalid_body'],
    ['a text', '"gpt-4o-mini"', 'invalid_body'],
    ['invalid UTF-8', Buffer.concat([Buffer.from('{"model":"gpt-4o-mini","messages":[{"role":"user","content":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}]}')]), 'invalid_utf8'],
    ['UTF-16', Buffer.from(JSON.stringify(GOOD), 'utf16le'), 'malformed_json'],
  ])('%s', async (_name, body, code) => {
    const seen = await send(body);
    expectError(seen, 400, code);
    await expectRecorded(seen, 'denied', code);
  });

  it.each([
    ['a member given twice', '{"model":"gpt-4o-mini","model":"gpt-4o","messages":[{"role":"user","content":"x"}]}'],
    ['a member given twice, once in disguise', '{"model":"gpt-4o-mini","m\\u006fdel":"gpt-4o","messages":[{"role":"user","content":"x"}]}'],
  ])('%s', async (_name, body) => {
    const seen = await send(body);
    expectError(seen, 400, 'duplicate_parameter', 'model');
    await expectRecorded(seen, 'denied', 'duplicate_parameter');
  });

  it.each<[name: string, body: unknown, code: string, param: string]>([
    ['no model', { messages: GOOD.messages }, 'missing_required_parameter', 'model'],
    ['a number for a model', { ...GOOD, model: 4 }, 'invalid_type', 'model'],
    ['an empty model', { ...GOOD, model: '' }, 'invalid_value', 'model'],
    ['a model with a line break', { ...GOOD, model: 'gpt-4o\r\nx-evil: 1' }, 'invalid_value', 'model'],
    ['a very long model', { ...GOOD, model: 'x'.repeat(10_000) }, 'invalid_value', 'model'],
    ['no messages', { model: GOOD.model }, 'missing_required_parameter', 'messages'],
    ['a text for messages', { ...GOOD, messages: 'Hello' }, 'invalid_type', 'messages'],
    ['no message in messages', { ...GOOD, messages: [] }, 'invalid_value', 'messages'],
    ['a number among the messages', { ...GOOD, messages: [GOOD.messages[0], 7] }, 'invalid_type', 'messages[1]'],
    ['a message without a role', { ...GOOD, messages: [{ content: 'x' }] }, 'missing_required_parameter', 'messages[0].role'],
    ['a number for a role', { ...GOOD, messages: [{ role: 1, content: 'x' }] }, 'invalid_type', 'messages[0].role'],
    ['a text for stream', { ...GOOD, stream: 'true' }, 'invalid_type', 'stream'],
    ['a list for stream_options', { ...GOOD, stream: true, stream_options: [] }, 'invalid_type', 'stream_options'],
    ['stream_options without a stream', { ...GOOD, stream_options: { include_usage: true } }, 'invalid_value', 'stream_options'],
    ['a text for include_usage', { ...GOOD, stream: true, stream_options: { include_usage: 'yes' } }, 'invalid_type', 'stream_options.include_usage'],
    ['a text for n', { ...GOOD, n: '2' }, 'invalid_type', 'n'],
    ['half an n', { ...GOOD, n: 1.5 }, 'invalid_value', 'n'],
    ['a negative max_tokens', { ...GOOD, max_tokens: -1 }, 'invalid_value', 'max_tokens'],
    ['an object for max_completion_tokens', { ...GOOD, max_completion_tokens: {} }, 'invalid_type', 'max_completion_tokens'],
  ])('%s', async (_name, body, code, param) => {
    const seen = await sendJson(body);
    expectError(seen, 400, code, param);
    await expectRecorded(seen, 'denied', code);
  });

  it.each<[name: string, body: unknown, code: string, param: string]>([
    ['no input', { model: 'text-embedding-3-small' }, 'missing_required_parameter', 'input'],
    ['a number for an input', { model: 'text-embedding-3-small', input: 5 }, 'invalid_type', 'input'],
    ['nothing to embed', { model: 'text-embedding-3-small', input: '' }, 'invalid_value', 'input'],
  ])('embeddings: %s', async (_name, body, code, param) => {
    const seen = await sendJson(body, EMBEDDINGS);
    expectError(seen, 400, code, param);
    await expectRecorded(seen, 'denied', code);
  });

  it.each<[name: string, body: unknown]>([
    ['a content that the provider does not know', user({ type: 'nothing' })],
    ['100,000 brackets in a content', user('DEEP')],
  ])('is the provider\'s to refuse: %s', async (_name, body) => {
    const seen = await send(JSON.stringify(body).replace('"DEEP"', deep + ']'.repeat(100_000)));
    expectNoLeak(seen.text);
    expect(seen.status).toBe(400);
    expect(JSON.parse(seen.text)).toMatchObject({ error: { type: 'invalid_request_error', message: expect.any(String) as string } });
    await expectRecorded(seen, 'failed', 'upstream_400');
  });

  it('compressed', async () => {
    const seen = await send(gzipSync(JSON.stringify(GOOD)), { 'content-encoding': 'gzip' });
    expectError(seen, 415, 'unsupported_media_type');
    await expectRecorded(seen, 'denied', 'unsupported_media_type');
  });

  it('of another type', async () => {
    const seen = await send('<chat/>', { 'content-type': 'text/xml' });
    expectError(seen, 415, 'unsupported_media_type');
    await expectRecorded(seen, 'denied', 'unsupported_media_type');
  });
});

describe('a model that is not there', () => {
  it.each(['gpt-17', 'gpt-4o-\u00e9', '\u30e2\u30c7\u30eb', '\ud83d\ude80', 'a\u007fb', 'a\u2028b', '__proto__', '../../etc/passwd'])('%j', async (model) => {
    const seen = await sendJson({ ...GOOD, model });
    expectNoLeak(seen.text);
    expect(seen.status).toBe(404);
    expect(JSON.parse(seen.text)).toMatchObject({ error: { code: 'model_not_found', type: 'invalid_request_error' } });
    await expectRecorded(seen, 'failed', 'upstream_404');
  });

  it('half a character, which no header and no table can hold', async () => {
    const seen = await send('{"model":"gpt-\\ud800","messages":[{"role":"user","content":"x"}]}');
    expectNoLeak(seen.text);
    expect([400, 404]).toContain(seen.status);
    expect(JSON.parse(seen.text)).toMatchObject({ error: { type: 'invalid_request_error' } });
    await expectRecorded(seen, seen.status === 400 ? 'denied' : 'failed');
  });
});

describe('a key that does not open', () => {
  const withKey = (authorization: string | null): Promise<Seen> =>
    fetch(apex.baseUrl + CHAT, { method: 'POST', headers: { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) }, body: JSON.stringify(GOOD) }).then(async (response) => ({
      status: response.status,
      requestId: response.headers.get('x-request-id'),
      text: await response.text(),
    }));
  const newKey = async (body: object): Promise<{ id: string; key: string }> => {
    const answer = await apex.api<{ id: string; key: string }>('POST', '/api/admin/customers/demo/keys', body);
    expect(answer.status).toBe(201);
    return answer.body;
  };

  it.each<[name: string, header: string | null, code: string]>([
    ['none', null, 'missing_api_key'],
    ['an empty one', 'Bearer ', 'missing_api_key'],
    ['another scheme', 'Basic YXBleDphcGV4', 'missing_api_key'],
    ['garbage', 'Bearer apex_garbage', 'invalid_api_key'],
    ['one of the right form that was never given', `Bearer apex_${'A'.repeat(43)}`, 'invalid_api_key'],
    ["the provider's", 'Bearer sk-sim', 'invalid_api_key'],
    ['a very long one', `Bearer apex_${'A'.repeat(8_000)}`, 'invalid_api_key'],
  ])('%s', async (_name, header, code) => expectError(await withKey(header), 401, code));

  it("the operator's token", async () => {
    expectError(await withKey(`Bearer ${apex.adminToken}`), 401, 'invalid_api_key');
  });

  it('one that was revoked', async () => {
    const { id, key } = await newKey({ name: 'to be revoked' });
    expect((await withKey(`Bearer ${key}`)).status).toBe(200);
    expect((await apex.api('DELETE', `/api/admin/customers/demo/keys/${id}`)).status).toBe(200);
    expectError(await withKey(`Bearer ${key}`), 401, 'revoked_api_key');
  });

  it('one that has expired', async () => {
    const { key } = await newKey({ name: 'short-lived', expiresAt: new Date(Date.now() + 700).toISOString() });
    const seen = await eventually('the end of a key', async () => {
      const answer = await withKey(`Bearer ${key}`);
      return answer.status === 200 ? undefined : answer;
    });
    expectError(seen, 401, 'expired_api_key');
  });

  it('one for other things', async () => {
    const { key } = await newKey({ name: 'reader', scopes: ['usage:read'] });
    expectError(await withKey(`Bearer ${key}`), 403, 'insufficient_scope');
  });

  it('one of a customer without a provider key', async () => {
    const customer = await apex.api<{ id: string }>('POST', '/api/admin/customers', { name: 'No keys' });
    expect(customer.status).toBe(201);
    const { body } = await apex.api<{ key: string }>('POST', `/api/admin/customers/${customer.body.id}/keys`, {});
    const seen = await withKey(`Bearer ${body.key}`);
    expectError(seen, 403, 'no_provider_key');
    const record = await eventually('its record', () => books.record(seen.requestId ?? ''));
    expect(record).toMatchObject({ customer_id: customer.body.id, status: 'denied', error_code: 'no_provider_key' });
  });

  it('one of a suspended customer', async () => {
    const customer = await apex.api<{ id: string }>('POST', '/api/admin/customers', { name: 'Suspended', platformKeys: true });
    const { body } = await apex.api<{ key: string }>('POST', `/api/admin/customers/${customer.body.id}/keys`, {});
    expect((await withKey(`Bearer ${body.key}`)).status).toBe(200);
    expect((await apex.api('PATCH', `/api/admin/customers/${customer.body.id}`, { suspended: true, reason: 'a test' })).status).toBe(200);
    expectError(await withKey(`Bearer ${body.key}`), 403, 'customer_suspended');
  });
});

describe('too much', () => {
  const head = (more: string): string => `POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\ncontent-type: application/json\r\n${more}\r\n`;
  const idIn = (raw: RawAnswer): string | null => /^x-request-id: (\S+)/im.exec(raw.head)?.[1] ?? null;

  it('a body that says that it is too large is refused before it is sent', async () => {
    const raw = await sendRaw(apex.baseUrl, [head(`content-length: ${BODY_LIMIT + 1}\r\n`)]);
    const seen = { status: raw.status, text: raw.body, requestId: idIn(raw) };
    expectError(seen, 413, 'request_too_large');
    await expectRecorded(seen, 'denied', 'request_too_large');
  });

  it('a body that does not say so is refused when it has become too large', async () => {
    const piece = `${MiB.toString(16)}\r\n${' '.repeat(MiB)}\r\n`;
    const raw = await sendRaw(apex.baseUrl, [head('transfer-encoding: chunked\r\n'), ...Array.from({ length: 13 }, () => piece), '0\r\n\r\n']);
    const seen = { status: raw.status, text: raw.body, requestId: idIn(raw) };
    expectError(seen, 413, 'request_too_large');
    await expectRecorded(seen, 'denied', 'request_too_large');
  });

  it('a prompt of 10 MB is for the provider to refuse, in its own words', async () => {
    const seen = await sendJson({ ...GOOD, messages: [{ role: 'user', content: 'many words '.repeat(950_000) }] });
    expectError(seen, 400, 'context_length_exceeded', 'messages');
    await expectRecorded(seen, 'failed', 'upstream_400');
  });

  it('labels beyond their limits', async () => {
    for (const [name, value] of [
      ['x-apex-session', 's'.repeat(257)],
      ['x-apex-tags', Array.from({ length: 17 }, (_, i) => `t${i}`).join(',')],
      ['x-apex-tags', 'caf\u00e9'],
    ] as const) {
      const seen = await send(JSON.stringify(GOOD), { [name]: value });
      expectError(seen, 400, 'invalid_header', name);
      await expectRecorded(seen, 'denied', 'invalid_header');
    }
  });

  it('a header of 64 KiB', async () => {
    const raw = await sendRaw(apex.baseUrl, [head(`x-big: ${'b'.repeat(64 * 1024)}\r\ncontent-length: 0\r\n`)]);
    expectError({ status: raw.status, text: raw.body }, 431, 'headers_too_large');
  });
});

describe('bytes that are no HTTP', () => {
  const body = JSON.stringify(GOOD);
  const lines = (...more: string[]): string => [`POST ${CHAT} HTTP/1.1`, 'host: apex', `authorization: Bearer ${apex.apiKey}`, 'content-type: application/json', ...more, '', body].join('\r\n');

  it.each<[name: string, make: () => string]>([
    ['a bare line feed in a header', () => lines(`content-length: ${body.length}`, 'x-apex-session: a\nx-evil: 1').replace('\r\nx-evil', '\nx-evil')],
    ['a bare carriage return in a header', () => lines(`content-length: ${body.length}`, 'x-apex-session: a\rx-evil: 1')],
    ['a NUL in a header', () => lines(`content-length: ${body.length}`, 'x-apex-session: a\0b')],
    ['a folded header', () => lines(`content-length: ${body.length}`, 'x-apex-session: a', ' b')],
    ['a space before the colon', () => lines(`content-length : ${body.length}`)],
    ['content-length and transfer-encoding', () => lines(`content-length: ${body.length}`, 'transfer-encoding: chunked')],
    ['two lengths that differ', () => lines(`content-length: ${body.length}`, 'content-length: 3')],
    ['a negative length', () => lines('content-length: -1')],
    ['a chunk of no size', () => lines('transfer-encoding: chunked').replace(body, 'zz\r\nx\r\n0\r\n\r\n')],
    ['a method that is none', () => 'BREW /v1/chat/completions HTTP/1.1\r\nhost: apex\r\n\r\n'],
    ['a version that is none', () => 'GET /v1/models HTTP/9.9\r\nhost: apex\r\n\r\n'],
    ['another protocol', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n'],
  ])('%s', async (_name, make) => {
    const before = apex.simulator.ledger().length;
    const raw = await sendRaw(apex.baseUrl, [make()]);
    expectNoLeak(raw.head + raw.body);
    expectError({ status: raw.status, text: raw.body }, 400, 'malformed_http');
    expect(raw.head.toLowerCase()).toContain('connection: close');
    await apex.simulator.settled();
    expect(apex.simulator.ledger()).toHaveLength(before);
  });

  it('a client that goes away in the middle of its body', async () => {
    const before = new Set((await books.records()).map((record) => record.request_id));
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(apex.baseUrl);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(lines('content-length: 5000'), () => socket.destroy()));
      socket.on('error', reject);
      socket.on('close', () => resolve());
    });
    const record = await eventually('a record of a body that never came', async () => (await books.records()).find((row) => !before.has(row.request_id) && row.error_code === 'client_closed_request'));
    expect(record).toMatchObject({ status: 'denied', http_status: 499, attempts: 0, cost_pd: 0 });
  });
});

describe('an address that is not there', () => {
  const at = async (method: string, path: string): Promise<Seen> => {
    const raw = await sendRaw(apex.baseUrl, [`${method} ${path} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\ncontent-length: 0\r\n\r\n`]);
    return { status: raw.status, text: raw.body, requestId: null };
  };

  it.each<[method: string, path: string, status: number, code: string]>([
    ['POST', '/v1/nothing', 404, 'unknown_url'],
    ['POST', '/v1/', 404, 'unknown_url'],
    ['GET', '/direct/v1/nothing?key=x', 404, 'unknown_url'],
    ['POST', '/v1/chat/completions/', 404, 'unknown_url'],
    ['POST', '/v1/%00%0d%0a', 404, 'unknown_url'],
    ['POST', '/v1/../../etc/passwd', 404, 'unknown_url'],
    ['POST', `/v1/${'x'.repeat(8_000)}`, 404, 'unknown_url'],
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['PATCH', '/v1/embeddings', 405, 'method_not_allowed'],
    ['DELETE', '/direct/v1/models', 405, 'method_not_allowed'],
    ['PURGE', '/v1/chat/completions', 405, 'method_not_allowed'],
  ])('%s %.60s', async (method, path, status, code) => {
    const seen = await at(method, path);
    expectError(seen, status, code);
    expect(seen.text.length).toBeLessThan(1_000);
  });

  it.each([
    ['GET', '/nothing'],
    ['GET', '/v1'],
    ['GET', '//v1/models'],
    ['GET', '/api/nothing'],
    ['TRACE', '/health'],
  ])("%s %s, outside of the provider's API", async (method, path) => {
    const seen = await at(method, path);
    expectNoLeak(seen.text);
    expect(seen.status).toBe(404);
    expect(JSON.parse(seen.text)).toMatchObject({ error: { code: expect.any(String) as string, message: expect.any(String) as string } });
  });
});
