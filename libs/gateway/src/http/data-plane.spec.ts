import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { SystemClock } from '@apex/common';
import { type Pipeline } from '../core/pipeline.js';
import { answer, ask, createWorld } from '../core/pipeline.fakes.js';
import { type ModelCatalogue } from '../adapters/model-catalogue.js';
import { DataPlane } from './data-plane.js';

const BODY_LIMIT = 64 * 1024;
const SSE = ['data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n', 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n', 'data: [DONE]\n\n'];
const models = { list: () => Promise.resolve({ ok: true, models: [{ id: 'gpt-4o-mini', object: 'model' }] }) } as unknown as ModelCatalogue;

interface Running {
  readonly server: Server;
  readonly plane: DataPlane;
  readonly pipeline: Pipeline;
}

async function start(fastLane: boolean): Promise<Running> {
  const streaming = { status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: SSE };
  const world = createWorld([{ status: 200, chunks: [answer] }, streaming, { status: 200, chunks: [answer] }]);
  const server = createServer({ keepAliveTimeout: 75_000 }, (req, res) => void req.resume().on('end', () => res.end('not the data plane')));
  const plane = new DataPlane({ pipeline: world.pipeline, models, clock: new SystemClock(), observer: { begin: () => null }, maxBodyBytes: BODY_LIMIT, fastLane });
  plane.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, plane, pipeline: world.pipeline };
}

const running: Running[] = [];

afterEach(async () => {
  for (const { server } of running.splice(0)) {
    if (!server.listening) continue;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
});

/** Writes requests one after the other, each when the answer before it is complete, and gives what came back. */
async function talk({ server }: Running, requests: readonly string[]): Promise<string[]> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const answers: string[] = [];
  let text = '';
  let told: () => void = () => undefined;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    told();
  });
  let ended = false;
  socket.on('close', () => {
    ended = true;
    told();
  });
  for (const request of requests) {
    text = '';
    socket.write(request);
    while (!ended && !isWhole(text)) await new Promise<void>((resolve) => (told = resolve));
    answers.push(text.replace(/^Date: .*$/m, 'Date: -').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID'));
  }
  socket.destroy();
  return answers;
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)$/im.exec(text)?.[1];
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length === end + 4 + Number(length);
}

const request = (method: string, url: string, body: string | null, ...lines: string[]): string =>
  `${method} ${url} HTTP/1.1\r\n${['Host: apex', ...lines, ...(body === null ? [] : [`Content-Length: ${body.length}`])].join('\r\n')}\r\n\r\n${body ?? ''}`;
const KEY = 'Authorization: Bearer apex_good';
const JSON_BODY = 'Content-Type: application/json';

const REQUESTS = [
  request('POST', '/v1/chat/completions', JSON.stringify(ask), KEY, JSON_BODY),
  request('POST', '/v1/chat/completions', JSON.stringify({ ...ask, stream: true }), KEY, JSON_BODY),
  request('POST', '/direct/v1/chat/completions', JSON.stringify(ask), 'x-api-key: apex_good', JSON_BODY),
  request('POST', '/v1/chat/completions', '{"broken', KEY, JSON_BODY),
  request('POST', '/v1/chat/completions', '{}', 'Authorization: Bearer apex_bad', JSON_BODY),
  request('POST', '/v1/messages', '{}', 'anthropic-version: 2023-06-01', JSON_BODY),
  request('GET', '/v1/models', null, KEY),
  request('GET', '/v1/models/gpt-4o-mini', null, KEY),
  request('GET', '/v1/models/none', null, KEY),
  request('GET', '/v1/chat/completions', null, KEY),
  request('POST', '/v1/unknown?key=secret', '{}', KEY),
  request('POST', '/v1/unknown', '{}', 'anthropic-version: 2023-06-01'),
  request('POST', '/v1/chat/completions', 'x'.repeat(BODY_LIMIT + 1), KEY, JSON_BODY),
];

describe('DataPlane', () => {
  it('gives the same answers past node:http as through it', async () => {
    const [fast, slow] = [await start(true), await start(false)];
    running.push(fast, slow);
    const [expected, actual] = [await talk(slow, REQUESTS), await talk(fast, REQUESTS)];
    expect(actual).toEqual(expected);
    expect(actual.map((text) => text.slice(9, 12))).toEqual(['200', '200', '200', '400', '401', '401', '200', '200', '404', '405', '404', '404', '413']);
    expect([fast.plane.laneCounts, slow.plane.laneCounts]).toEqual([{ served: 1, handedOver: 0 }, null]);
  });

  it('counts those who may not ask, by what was wrong with their key', async () => {
    const fast = await start(true);
    running.push(fast);
    const told = await talk(fast, [request('GET', '/v1/models', null), request('GET', '/v1/models', null, 'Authorization: Bearer apex_bad'), request('POST', '/v1/messages', '{}', 'x-api-key: apex_bad', JSON_BODY), request('GET', '/v1/models', null, KEY)]);
    expect(told.map((text) => text.slice(9, 12))).toEqual(['401', '401', '401', '200']);
    expect(fast.pipeline.unauthenticated).toEqual(new Map([['missing_api_key', 1], ['invalid_api_key', 2]]));
  });

  it('leaves what is not its own, and what is no HTTP, to the server', async () => {
    const fast = await start(true);
    running.push(fast);
    expect(await talk(fast, [REQUESTS[4]!, request('POST', '/api/x', 'ab'), REQUESTS[4]!])).toEqual([expect.stringContaining('401'), expect.stringContaining('not the data plane'), expect.stringContaining('401')]);
    const [malformed] = await talk(fast, ['BREW /v1/x HTTP/1.1\r\n\r\n']);
    expect(malformed).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nconnection: close\r\n[^]*"code":"malformed_http"/);
    expect(fast.plane.laneCounts).toEqual({ served: 1, handedOver: 2 });
  });

  it('tells a client that is too slow, in the shape of every error', async () => {
    const fast = await start(true);
    running.push(fast);
    fast.server.requestTimeout = 1;
    const [late] = await talk(fast, [REQUESTS[0]!.slice(0, -5)]);
    expect(late).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nconnection: close\r\n[^]*"code":"request_timeout"/);
  });

  it.each([true, false])('keeps no connection once it drains (past node:http: %s)', async (fastLane) => {
    const one = await start(fastLane);
    running.push(one);
    await one.plane.drain();
    const [refused, after] = await talk(one, [REQUESTS[0]!, REQUESTS[0]!]);
    expect(refused).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused!.toLowerCase()).toContain('connection: close');
    expect(after).toBe('');
  });
});
