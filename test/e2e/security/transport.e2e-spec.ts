import { type Apex, startApex } from '../support/apex.js';
import { sendRaw } from '../support/raw.js';
import { RawClient } from './support/sockets.js';

const CHAT = '/v1/chat/completions';
const GOOD = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello.' }] };
const HEADER_BYTES = 8 * 1024;
const HEADERS_MS = 500;
const BODY_MS = 1_000;
const KEEP_ALIVE_MS = 700;

let apex: Apex;

beforeAll(async () => {
  apex = await startApex({
    env: {
      APEX_MAX_HEADER_BYTES: String(HEADER_BYTES),
      APEX_HEADERS_TIMEOUT_MS: String(HEADERS_MS),
      APEX_BODY_TIMEOUT_MS: String(BODY_MS),
      APEX_KEEP_ALIVE_TIMEOUT_MS: String(KEEP_ALIVE_MS),
    },
  });
}, 90_000);

afterAll(async () => {
  await apex?.close();
}, 60_000);

const serves = async (): Promise<void> => {
  const [chat, health] = await Promise.all([apex.post(CHAT, GOOD), apex.api('GET', '/health', undefined, null)]);
  await chat.text();
  expect([chat.status, health.status]).toEqual([200, 200]);
};
afterEach(serves);

describe('slow clients', () => {
  const heads: [plane: string, head: () => string][] = [
    ['data plane', () => `POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\n`],
    ['control plane', () => 'GET /api/usage HTTP/1.1\r\nhost: apex\r\n'],
  ];
  const bodies: [plane: string, head: () => string][] = [
    ['data plane', () => `POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n`],
    ['data plane, chunked', () => `POST ${CHAT} HTTP/1.1\r\nhost: apex\r\nauthorization: Bearer ${apex.apiKey}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n186a0\r\n`],
    ['control plane', () => 'POST /api/auth/login HTTP/1.1\r\nhost: apex\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n'],
  ];

  it.each(heads)('%s: a head that comes byte by byte is cut off', async (_plane, head) => {
    const client = await RawClient.connect(apex.baseUrl);
    client.write(head());
    await client.drip('x-slow: loris\r\n', 40);
    // 408, or nothing at all where it was cut off in the middle of its own sending.
    expect([[], [408]]).toContainEqual(client.statuses);
  });

  it.each(bodies)('%s: a body that comes byte by byte is cut off', async (_plane, head) => {
    const client = await RawClient.connect(apex.baseUrl);
    client.write(head());
    await client.drip(' ', 40);
    expect([[], [400], [408]]).toContainEqual(client.statuses);
  });

  it('a connection on which nothing comes is closed, and so is one that is kept for a next request', async () => {
    const silent = await RawClient.connect(apex.baseUrl);
    const kept = await RawClient.connect(apex.baseUrl);
    kept.write('GET /health HTTP/1.1\r\nhost: apex\r\n\r\n');
    await Promise.all([silent.closed, kept.closed]);
    expect([[], [408]]).toContainEqual(silent.statuses);
    expect(kept.statuses).toEqual([200]);
  });

  it('many of them, in both planes and in head and body, disturb nobody and are all gone in the end', async () => {
    const shapes = [...heads, ...bodies].map(([, head]) => head);
    const slow = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const client = await RawClient.connect(apex.baseUrl);
        client.write(shapes[i % shapes.length]!());
        return client.drip(i % shapes.length < heads.length ? 'x' : ' ', 60).then(() => client);
      }).map((client) => ({ client })),
    );
    let gone = false;
    const allGone = Promise.all(slow.map(({ client }) => client)).then(() => (gone = true));
    let served = 0;
    while (!gone) {
      await serves();
      served++;
    }
    await allGone;
    expect(served).toBeGreaterThan(0);
  }, 60_000);
});

describe('a head that is too large', () => {
  const send = (more: string, path = '/health'): Promise<number> => sendRaw(apex.baseUrl, [`GET ${path} HTTP/1.1\r\nhost: apex\r\n${more}\r\n`]).then(({ status }) => status);

  it.each(['/health', '/v1/models'])('%s: by one header, by many, by its address', async (path) => {
    expect(await send(`x-big: ${'b'.repeat(HEADER_BYTES)}\r\n`, path)).toBe(431);
    expect(await send(Array.from({ length: 1_500 }, (_, i) => `x-${i}: y\r\n`).join(''), path)).toBe(431);
    expect(await send('', `${path}?${'q'.repeat(HEADER_BYTES)}`)).toBe(431);
    expect([200, 401]).toContain(await send(`x-big: ${'b'.repeat(HEADER_BYTES / 2)}\r\n`, path));
  });
});

/**
 * What a proxy in front and Apex might read differently. Behind each comes a request that must never be answered: the
 * bytes after the ambiguity belong to nobody.
 */
describe('requests whose end is a matter of opinion', () => {
  const SMUGGLED = 'GET /health HTTP/1.1\r\nhost: apex\r\n\r\n';
  const body = JSON.stringify(GOOD);
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  const cases: [name: string, framing: string[], body: string][] = [
    ['content-length and transfer-encoding', [`content-length: ${body.length}`, 'transfer-encoding: chunked'], chunked],
    ['transfer-encoding and content-length', ['transfer-encoding: chunked', 'content-length: 4'], chunked],
    ['content-length 0 and transfer-encoding', ['content-length: 0', 'transfer-encoding: chunked'], chunked],
    ['two lengths that differ', ['content-length: 0', `content-length: ${body.length}`], body],
    ['two lengths that agree', [`content-length: ${body.length}`, `content-length: ${body.length}`], body],
    ['a list of lengths', [`content-length: ${body.length}, ${body.length}`], body],
    ['a length with a sign', [`content-length: +${body.length}`], body],
    ['a length in hexadecimal', [`content-length: 0x${body.length.toString(16)}`], body],
    ['a length with a fraction', [`content-length: ${body.length}.0`], body],
    ['a length beyond 64 bits', ['content-length: 18446744073709551617'], body],
    ['an empty length', ['content-length:'], body],
    ['a space before the colon', [`content-length : ${body.length}`], body],
    ['a tab before the colon', ['transfer-encoding\t: chunked'], chunked],
    ['a folded header', ['transfer-encoding:', ' chunked'], chunked],
    ['a header folded by a tab', ['x-a: b', '\tc', `content-length: ${body.length}`], body],
    ['a coding that is none', ['transfer-encoding: xchunked'], chunked],
    ['chunked, but not last', ['transfer-encoding: chunked, identity'], chunked],
    ['chunked in quotes', ['transfer-encoding: "chunked"'], chunked],
    ['a vertical tab in the coding', ['transfer-encoding: \x0bchunked'], chunked],
    ['identity', ['transfer-encoding: identity'], body],
    ['chunked and gzip in two headers', ['transfer-encoding: chunked', 'transfer-encoding: gzip'], chunked],
    ['a chunk of no size', ['transfer-encoding: chunked'], `zz\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk with a negative size', ['transfer-encoding: chunked'], `-1\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk with a size in 0x', ['transfer-encoding: chunked'], `0x${chunked}`],
    ['a chunk longer than it says', ['transfer-encoding: chunked'], `1\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk whose size ends in a bare line feed', ['transfer-encoding: chunked'], `${body.length.toString(16)}\n${body}\r\n0\r\n\r\n`],
    ['a chunk that ends in a bare line feed', ['transfer-encoding: chunked'], `${body.length.toString(16)}\r\n${body}\n0\r\n\r\n`],
    ['a bare line feed in a header', ['x-a: b\ncontent-length: 0', `content-length: ${body.length}`], body],
    ['a bare carriage return in a header', ['x-a: b\rtransfer-encoding: chunked', `content-length: ${body.length}`], body],
    ['a NUL in a header', ['x-a: b\0c', `content-length: ${body.length}`], body],
    ['a header without a name', [': x', `content-length: ${body.length}`], body],
    ['a header without a colon', ['transfer-encoding chunked', `content-length: ${body.length}`], body],
  ];

  describe.each([CHAT, '/api/keys'])('at %s', (path) => {
    it.each(cases)('%s', async (_name, framing, sent) => {
      const before = apex.simulator.ledger().length;
      const client = await RawClient.connect(apex.baseUrl);
      client.write([`POST ${path} HTTP/1.1`, 'host: apex', `authorization: Bearer ${apex.apiKey}`, 'content-type: application/json', ...framing, '', sent + SMUGGLED].join('\r\n'));
      await client.closed;
      // One answer, a refusal, and no more of this connection.
      expect(client.statuses).toEqual([400]);
      expect(client.received.toLowerCase()).toContain('connection: close');
      await apex.simulator.settled();
      expect(apex.simulator.ledger()).toHaveLength(before);
    });
  });

  it.each<[name: string, bytes: string]>([
    ['line feeds alone', 'GET /health HTTP/1.1\nhost: apex\n\n'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['no version', 'GET /health\r\n\r\n'],
    ['a tab in the request line', 'GET\t/health HTTP/1.1\r\nhost: apex\r\n\r\n'],
    ['a space in the address', 'GET /health x HTTP/1.1\r\nhost: apex\r\n\r\n'],
    ['a method in lower case', 'get /health HTTP/1.1\r\nhost: apex\r\n\r\n'],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const client = await RawClient.connect(apex.baseUrl);
    client.write(bytes + SMUGGLED);
    await client.closed;
    expect(client.statuses).toEqual([400]);
  });

  it('what is proper is served, piece by piece and one after the other on one connection', async () => {
    const client = await RawClient.connect(apex.baseUrl);
    const request = [`POST ${CHAT} HTTP/1.1`, 'host: apex', `authorization: Bearer ${apex.apiKey}`, 'content-type: application/json', 'transfer-encoding: chunked', '', `${chunked}${SMUGGLED}GET /ready HTTP/1.1\r\nhost: apex\r\nconnection: close\r\n\r\n`].join('\r\n');
    for (const byte of request) client.write(byte);
    await client.closed;
    expect(client.statuses).toEqual([200, 200, 200]);
  });
});

describe('what is not HTTP', () => {
  it.each([
    ['CONNECT', 'CONNECT internal.example:443 HTTP/1.1\r\nhost: internal.example:443\r\n\r\n'],
    ['an upgrade to a web socket', 'GET /health HTTP/1.1\r\nhost: apex\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'],
    ['an upgrade to HTTP/2', 'GET /health HTTP/1.1\r\nhost: apex\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n'],
  ])('%s is never switched to', async (_name, bytes) => {
    const client = await RawClient.connect(apex.baseUrl);
    client.write(bytes);
    await client.closed;
    expect(client.statuses).not.toContain(101);
    if (bytes.startsWith('CONNECT')) expect(client.statuses).not.toContain(200);
  });

  it('an address of another host makes no proxy of it', async () => {
    const raw = await sendRaw(apex.baseUrl, ['GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nhost: 169.254.169.254\r\nconnection: close\r\n\r\n']);
    expect(raw.status).toBe(404);
  });
});

describe('browsers of other origins', () => {
  it.each(['/api/keys', '/api/auth/login', '/health', '/docs-json', CHAT, '/direct/v1/models'])('may do nothing with %s', async (path) => {
    for (const origin of ['https://evil.example', 'null', apex.baseUrl]) {
      const preflight = await fetch(apex.baseUrl + path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } });
      const plain = await fetch(apex.baseUrl + path, { headers: { origin } });
      for (const response of [preflight, plain]) {
        expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
        await response.body?.cancel();
      }
      expect(preflight.status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('answers', () => {
  it.each<[what: string, path: string, token: string | null]>([
    ['a good one', '/api/usage', 'admin'],
    ['a refusal', '/api/usage', null],
    ['one that there is nothing', '/api/nothing', 'admin'],
    ['a probe', '/health', null],
    ['an input that is wrong', '/api/usage?groupBy=moon', 'admin'],
  ])('%s: carries the headers that keep browsers off', async (_what, path, token) => {
    const { headers } = await apex.api('GET', path, undefined, token === null ? null : apex.adminToken);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'") as string,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  });

  it('name no product and no version', async () => {
    for (const path of ['/api/usage', '/health', '/v1/models', '/nothing', '/docs']) {
      const { headers } = await apex.api('GET', path, undefined, null);
      expect([path, headers.get('server'), headers.get('x-powered-by'), headers.get('via')]).toEqual([path, null, null, null]);
    }
  });
});
