import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { UpstreamClient, type UpstreamControl, type UpstreamEvents, type UpstreamRequest } from './upstream-client.js';

interface Heard {
  readonly log: string[];
  readonly body: () => string;
  readonly headers: () => Readonly<Record<string, string | string[] | undefined>>;
  readonly control: UpstreamControl;
  /** Resolves with `end`, or with the failure's name. */
  readonly over: Promise<string>;
  /** Resolves with the answer's status. */
  readonly head: Promise<number>;
  /** Resolves with the first piece of the body. */
  readonly firstData: Promise<string>;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server of raw TCP: what it answers is up to the test, byte for byte. */
async function serve(onRequest: (socket: Socket, request: string, count: number) => void): Promise<{ origin: string; requests: string[]; sockets: Set<Socket>; server: Server }> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      requests.push(data.toString());
      onRequest(socket, data.toString(), requests.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    if (server.listening) await once(server, 'close');
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, sockets, server };
}

function clientWith(options: Partial<ConstructorParameters<typeof UpstreamClient>[0]> = {}): UpstreamClient {
  const client = new UpstreamClient({ connections: 4, connectTimeoutMs: 2_000, ...options });
  closing.push(() => client.destroy());
  return client;
}

function call(client: UpstreamClient, origin: string, more: Partial<UpstreamRequest> = {}, onData?: (control: UpstreamControl) => void): Heard {
  const log: string[] = [];
  const chunks: Buffer[] = [];
  let received: Readonly<Record<string, string | string[] | undefined>> = {};
  const over = Promise.withResolvers<string>();
  const head = Promise.withResolvers<number>();
  const firstData = Promise.withResolvers<string>();
  const events: UpstreamEvents = {
    onHead(status, headers) {
      received = headers;
      log.push(`head ${status}`);
      head.resolve(status);
    },
    onData(chunk) {
      log.push('data');
      chunks.push(chunk);
      onData?.(control);
      firstData.resolve(chunk.toString());
    },
    onEnd() {
      log.push('end');
      over.resolve('end');
    },
    onFailure(failure) {
      log.push(failure);
      over.resolve(failure);
    },
  };
  const request: UpstreamRequest = {
    origin,
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
    firstByteTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
    ...more,
  };
  const control: UpstreamControl = client.call(request, events);
  return { log, body: () => Buffer.concat(chunks).toString(), headers: () => received, control, over: over.promise, head: head.promise, firstData: firstData.promise };
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello';

describe('UpstreamClient', () => {
  it('sends the request as given and tells the answer in order', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const heard = call(clientWith(), origin, { headers: ['X-One', '1', 'content-type', 'application/json'], body: Buffer.from('{"a":1}') });
    expect(await heard.over).toBe('end');
    expect([heard.log, heard.body(), heard.headers()]).toEqual([['head 200', 'data', 'end'], 'hello', { 'content-type': 'text/plain', 'content-length': '5' }]);
    expect(requests[0]).toMatch(/^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/);
    expect(requests[0]).toMatch(/\r\nX-One: 1\r\n/);
    expect(requests[0]).toMatch(/\r\ncontent-length: 7\r\n\r\n\{"a":1\}$/);
  });

  it('keeps connections alive and does not follow redirects', async () => {
    const { origin, requests, sockets } = await serve((socket) => socket.write('HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n'));
    const client = clientWith();
    for (let round = 0; round < 10; round++) {
      const heard = call(client, origin, { method: 'GET', body: null });
      expect(await heard.over).toBe('end');
      expect(heard.log).toEqual(['head 302', 'end']);
    }
    expect(requests.length).toBe(10);
    // A call made from within the end of another may find its connection not free yet: two at most.
    expect(sockets.size).toBeLessThanOrEqual(2);
    expect(client.poolStats()).toEqual({ [origin]: { connected: sockets.size, running: 0, waiting: 0 } });
  });

  it('passes over heads that come before the head', async () => {
    const { origin } = await serve((socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}`));
    const heard = call(clientWith(), origin);
    await heard.over;
    expect(heard.log).toEqual(['head 200', 'data', 'end']);
  });

  it('lets a pool go with its last connection, and comes back', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    await call(client, origin).over;
    const [socket] = [...sockets];
    const closed = once(socket as Socket, 'close');
    (socket as Socket).end();
    await closed;
    // The client sees the end of its socket in its own time: a few turns of the loop after the server has.
    while (Object.keys(client.poolStats()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await call(client, origin).over).toBe('end');
  });

  it('pauses and resumes the answer', async () => {
    const { origin } = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n${'x'.repeat(2_000_000)}`));
    const first = Promise.withResolvers<number>();
    let pieces = 0;
    const heard = call(clientWith(), origin, {}, (control) => {
      if (++pieces > 1) return;
      control.pause();
      setImmediate(() => setImmediate(() => first.resolve(pieces)));
    });
    expect(await first.promise).toBe(1);
    heard.control.resume();
    expect(await heard.over).toBe('end');
    expect(heard.body().length).toBe(2_000_000);
  });

  it('drains on close, and takes nothing more', async () => {
    const { origin, sockets } = await serve(() => undefined);
    const client = clientWith();
    const heard = call(client, origin);
    while (sockets.size === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = client.close();
    const late = call(client, origin);
    expect(late.log).toEqual([]);
    expect(await late.over).toBe('aborted');
    for (const socket of sockets) socket.write(OK);
    await closed;
    expect(heard.log).toEqual(['head 200', 'data', 'end']);
  });

  it('tells an impossible request as a failure, after the call has returned', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const heard = call(clientWith(), origin, { headers: { 'x-bad': 'a\r\nb: c' } });
    expect(heard.log).toEqual([]);
    expect(await heard.over).toBe('connect_failed');
    expect(requests).toEqual([]);
  });
});

describe('failures', () => {
  it('connect_failed: nothing listens', async () => {
    const { origin, server } = await serve(() => undefined);
    server.close();
    await once(server, 'close');
    expect(await call(clientWith(), origin).over).toBe('connect_failed');
  });

  it('connect_failed: what answers is not TLS', async () => {
    const { origin } = await serve((socket) => socket.end('not TLS'));
    expect(await call(clientWith(), origin.replace('http:', 'https:')).over).toBe('connect_failed');
  });

  it('connect_timeout: accepts, and never shakes hands', async () => {
    const { origin } = await serve(() => undefined);
    expect(await call(clientWith({ connectTimeoutMs: 50 }), origin.replace('http:', 'https:')).over).toBe('connect_timeout');
  });

  it('connect_timeout: every connection stays busy; the request is never sent', async () => {
    const { origin, requests, sockets } = await serve(() => undefined);
    const client = clientWith({ connections: 1, connectTimeoutMs: 100 });
    const busy = call(client, origin);
    const waiting = call(client, origin, { path: '/v1/second' });
    expect(await waiting.over).toBe('connect_timeout');
    for (const socket of sockets) socket.write(OK);
    expect(await busy.over).toBe('end');
    call(client, origin, { path: '/v1/third' });
    while (requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['/v1/chat/completions', '/v1/third']);
    expect(waiting.log).toEqual(['connect_timeout']);
  });

  it('first_byte_timeout: accepts, and never answers', async () => {
    const { origin } = await serve(() => undefined);
    expect(await call(clientWith(), origin, { firstByteTimeoutMs: 50 }).over).toBe('first_byte_timeout');
  });

  it('idle_timeout: a head, then silence', async () => {
    const { origin } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'));
    const heard = call(clientWith(), origin, { idleTimeoutMs: 50 });
    expect(await heard.over).toBe('idle_timeout');
    expect(heard.log).toEqual(['head 200', 'data', 'idle_timeout']);
  });

  it.each([
    ['closed', (socket: Socket) => socket.end()],
    ['destroyed', (socket: Socket) => socket.resetAndDestroy()],
  ])('reset: %s before any byte', async (_name, cut) => {
    const { origin } = await serve((socket) => cut(socket));
    expect(await call(clientWith(), origin).over).toBe('reset');
  });

  it.each([
    ['chunked', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['chunked, connection: close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['announced length', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello'],
    ['announced length, connection: close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 50\r\n\r\nhello'],
  ])('reset: cut in the middle of a body (%s)', async (_name, answer) => {
    const { origin } = await serve((socket) => socket.end(answer));
    const heard = call(clientWith(), origin);
    expect(await heard.over).toBe('reset');
    expect(heard.log).toEqual(['head 200', 'data', 'reset']);
  });

  it('reset: a kept-alive connection that proves dead', async () => {
    const { origin, requests } = await serve((socket, _request, count) => (count === 1 ? socket.write(OK) : socket.resetAndDestroy()));
    const client = clientWith({ connections: 1 });
    expect(await call(client, origin).over).toBe('end');
    expect(await call(client, origin).over).toBe('reset');
    expect(requests.length).toBe(2);
  });

  it.each(['SSH-2.0-OpenSSH_9.2\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n'])('protocol: garbage (%j)', async (garbage) => {
    const { origin } = await serve((socket) => socket.end(garbage));
    expect(await call(clientWith(), origin).over).toBe('protocol');
  });

  it('protocol: heads without end', async () => {
    const { origin } = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\nx-long: ${'y'.repeat(100_000)}\r\n\r\n`));
    expect(await call(clientWith(), origin).over).toBe('protocol');
  });
});

describe('abort', () => {
  it('in the middle of an answer closes the connection to the provider', async () => {
    const { origin, sockets } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'));
    const heard = call(clientWith(), origin);
    await heard.firstData;
    const closed = once([...sockets][0] as Socket, 'close');
    heard.control.abort();
    expect(heard.log).toEqual(['head 200', 'data', 'aborted']);
    await closed;
    heard.control.abort();
    expect(heard.log).toEqual(['head 200', 'data', 'aborted']);
  });

  it('from within an event tells nothing more of the answer', async () => {
    const { origin } = await serve((socket) => socket.write(OK));
    const heard = call(clientWith(), origin, {}, (control) => control.abort());
    expect(await heard.over).toBe('aborted');
    expect(heard.log).toEqual(['head 200', 'data', 'aborted']);
  });

  it('before the connection stands: the request is never sent', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const client = clientWith({ connections: 1 });
    const heard = call(client, origin, { path: '/v1/first' });
    heard.control.abort();
    expect(heard.log).toEqual(['aborted']);
    expect(await call(client, origin, { path: '/v1/second' }).over).toBe('end');
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['/v1/second']);
    expect(heard.log).toEqual(['aborted']);
  });

  it('destroy ends every call', async () => {
    const { origin } = await serve(() => undefined);
    const client = clientWith({ connections: 1 });
    const calls = [call(client, origin), call(client, origin), call(client, origin)];
    await client.destroy();
    expect(calls.map(({ log }) => log)).toEqual([['aborted'], ['aborted'], ['aborted']]);
  });
});
