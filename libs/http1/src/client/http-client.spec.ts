import { type Socket } from 'node:net';
import { type CallEvents } from './call.js';
import { OK, call, certificate, clientWith, closeAll, serve, serveBeside, until } from './raw-server.fakes.js';

afterEach(closeAll);

const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

describe('a call', () => {
  it('sends the request as given, in one piece, and tells the answer in order', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const heard = call(clientWith(), origin, { headers: ['X-One', '1', 'x-two', '2'], body: Buffer.from('{"\u00e4":1}') });
    expect(heard.log).toEqual([]);
    expect(await heard.over).toBe('end');
    expect([heard.log, heard.body(), { ...heard.headers() }]).toEqual([['head 200', 'data', 'end'], 'hello', { 'content-type': 'text/plain', 'content-length': '5' }]);
    expect(requests).toEqual([`POST /v1/chat/completions HTTP/1.1\r\nhost: ${origin.slice(7)}\r\nconnection: keep-alive\r\nX-One: 1\r\nx-two: 2\r\ncontent-length: 8\r\n\r\n${Buffer.from('{"\u00e4":1}').toString('latin1')}`]);
  });

  it('sends a body of any size as it is', async () => {
    for (const size of [12 * 1024, 12 * 1024 + 1, 3_000_000]) {
      const body = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31) & 0xff));
      let received = 0;
      const { origin, requests } = await serve((socket, request) => {
        received += request.length;
        if (received - requests[0]!.indexOf('\r\n\r\n') - 4 === size) socket.write(OK);
      });
      const client = clientWith();
      expect(await call(client, origin, { body }).over).toBe('end');
      const sent = requests.join('');
      expect(Buffer.from(sent.slice(sent.indexOf('\r\n\r\n') + 4), 'latin1').equals(body)).toBe(true);
      expect(client.stats()[origin]?.connected).toBe(1);
    }
  });

  it('tells the chunks of one read as one piece', async () => {
    const { origin } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n`));
    const heard = call(clientWith(), origin);
    await heard.over;
    expect([heard.log, heard.body()]).toEqual([['head 200', 'data', 'end'], 'hello world']);
  });

  it('gives each call memory of its own', async () => {
    const { origin } = await serve((socket, request) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n${request.split(' ')[1]!.slice(1).repeat(26)}`));
    const client = clientWith({ connections: 3 });
    const calls = Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => call(client, origin, { path: `/${letter}` }));
    for (const heard of calls) await heard.over;
    expect(calls.map((heard) => heard.body())).toEqual(Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => letter.repeat(26)));
  });

  it('knows that HEAD has no body', async () => {
    const { origin, requests, accepted } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'));
    const client = clientWith();
    for (let i = 0; i < 2; i++) expect(await call(client, origin, { method: 'HEAD', body: null }).over).toBe('end');
    expect([accepted(), requests[1]!.slice(0, 5)]).toEqual([1, 'HEAD ']);
  });

  it('declines what it would have to guess about, and tells nothing then', async () => {
    const client = clientWith();
    const events: CallEvents = { onHead: () => undefined, onData: () => undefined, onEnd: () => undefined, onFailure: () => expect(true).toBe(false) };
    const request = { origin: 'http://127.0.0.1:1', path: '/', method: 'GET', headers: {}, body: null, firstByteTimeoutMs: 1, idleTimeoutMs: 1 } as const;
    for (const origin of ['', 'x', 'ftp://x', 'http://', 'http://a/path', 'http://a?q', 'http://u:p@a', 'ws://a']) expect(client.call({ ...request, origin }, events)).toBeNull();
    expect(client.call({ ...request, headers: { 'x-bad': 'a\r\nb: c' } }, events)).toBeNull();
    expect(client.call({ ...request, headers: { expect: '100-continue' } }, events)).toBeNull();
    expect(client.stats()).toEqual({});
  });

  it('ends a call whose receiver throws, and says what was thrown', async () => {
    const { origin } = await serve((socket) => socket.write(OK));
    const thrown: unknown[] = [];
    const client = clientWith({ onDefect: (error) => thrown.push(error) });
    for (const event of ['head', 'data'] as const) {
      const heard = call(client, origin, {}, (at) => {
        if (at === event) throw new Error(event);
      });
      expect(await heard.over).toBe('protocol');
    }
    const heard = call(client, origin, {}, (at) => {
      if (at === 'end') throw new Error('end');
    });
    await until(() => thrown.length === 3);
    expect(heard.log).toEqual(['head 200', 'data', 'end']);
    expect(thrown.map((error) => (error as Error).message)).toEqual(['head', 'data', 'end']);
    expect(client.stats()[origin]).toEqual({ connected: 1, running: 0, waiting: 0 });
  });
});

describe('the pool', () => {
  it('uses a connection again, also from within the end of a call', async () => {
    const { origin, accepted } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    let left = 5;
    const done = Promise.withResolvers<void>();
    const next = (): void => void call(client, origin, {}, (event) => (event !== 'end' ? undefined : left-- > 0 ? next() : done.resolve()));
    next();
    await done.promise;
    expect(accepted()).toBe(1);
    expect(client.stats()).toEqual({ [origin]: { connected: 1, running: 0, waiting: 0 } });
  });

  it('takes the connection that was used last', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    const answers = [call(client, origin), call(client, origin)];
    for (const heard of answers) await heard.over;
    const used: number[] = [];
    [...sockets].forEach((socket, i) => socket.on('data', () => used.push(i)));
    for (let i = 0; i < 4; i++) await call(client, origin).over;
    expect(new Set(used).size).toBe(1);
  });

  it('opens no more connections than it may; calls wait in their order', async () => {
    const { origin, requests, sockets } = await serve(() => undefined);
    const client = clientWith({ connections: 2 });
    const calls = ['/a', '/b', '/c', '/d'].map((path) => call(client, origin, { path }));
    await until(() => requests.length === 2);
    expect(client.stats()[origin]).toEqual({ connected: 2, running: 2, waiting: 2 });
    while (requests.length < 4) {
      const before = requests.length;
      for (const socket of sockets) socket.write(OK);
      await until(() => requests.length > before);
    }
    for (const socket of sockets) socket.write(OK);
    for (const heard of calls) expect(await heard.over).toBe('end');
    expect(requests.map((request) => request.split(' ')[1]).sort()).toEqual(['/a', '/b', '/c', '/d']);
    expect(sockets.size).toBe(2);
  });

  it('gives a call that waits for a new connection the one that becomes free first', async () => {
    const { origin } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    const later = Promise.withResolvers<string>();
    // The second call begins to connect, but the first one's connection is free before that.
    const first = call(client, origin, {}, (event) => {
      if (event !== 'data') return;
      const heard = call(client, origin);
      void heard.over.then(later.resolve);
    });
    expect(await first.over).toBe('end');
    expect(await later.promise).toBe('end');
  });

  it('bounds the line of those that wait', async () => {
    const { origin } = await serve(() => undefined);
    const client = clientWith({ connections: 1, maxWaiting: 2 });
    const calls = [call(client, origin), call(client, origin), call(client, origin)];
    expect(await calls[2]!.over).toBe('connect_failed');
    expect([calls[0]!.log, calls[1]!.log]).toEqual([[], []]);
  });

  it.each([
    ['with more than the answer', `${OK}HTTP/1.1 200 OK\r\n`],
    ['with a body that may not be', 'HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello'],
    ['that says close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello'],
    ['whose time is over at once', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 5\r\n\r\nhello'],
  ])('does not use a connection again %s', async (_name, answer) => {
    const { origin, accepted } = await serve((socket) => socket.write(answer));
    const client = clientWith();
    for (let i = 1; i <= 2; i++) {
      expect(await call(client, origin).over).toBe('end');
      expect(client.stats()).toEqual({});
      expect(accepted()).toBe(i);
    }
  });

  it.each([false, true])('does not use a connection again whose server answered before it had read (TLS: %s)', async (secure) => {
    const { origin, accepted } = await serve((socket) => {
      socket.pause();
      socket.write(OK);
    }, secure);
    const client = clientWith({ ca: certificate });
    expect(await call(client, origin, { body: Buffer.alloc(32_000_000) }).over).toBe('end');
    await until(() => client.stats()[origin] === undefined);
    expect(client.stats()).toEqual({});
    expect(accepted()).toBe(1);
  });

  it.each([
    ['ends', (socket: Socket) => socket.end()],
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['brings what nobody asked for', (socket: Socket) => socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n')],
  ])('lets a free connection go that %s', async (_name, kill) => {
    const { origin, sockets, accepted } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    await call(client, origin).over;
    kill([...sockets][0]!);
    await until(() => client.stats()[origin] === undefined);
    expect(await call(client, origin).over).toBe('end');
    expect(accepted()).toBe(2);
  });

  it('closes what nothing was asked on for a while, and then is gone itself', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(OK));
    const client = clientWith({ keepAliveMs: 30 });
    await call(client, origin).over;
    await new Promise((resolve) => [...sockets][0]!.once('close', resolve));
    expect(client.stats()).toEqual({});
  });

  it('keeps a connection as long as the server says it does', async () => {
    const { origin, accepted } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=60\r\ncontent-length: 0\r\n\r\n'));
    const client = clientWith({ keepAliveMs: 1 });
    await call(client, origin).over;
    await new Promise((resolve) => setTimeout(resolve, 60));
    await call(client, origin).over;
    expect(accepted()).toBe(1);
  });

  it('fails each waiting call with its own failure to connect', async () => {
    const { origin, stopListening } = await serve(() => undefined);
    await stopListening();
    const client = clientWith({ connections: 2 });
    const calls = Array.from({ length: 5 }, () => call(client, origin));
    expect(await Promise.all(calls.map((heard) => heard.over))).toEqual(Array.from({ length: 5 }, () => 'connect_failed'));
    expect(client.stats()).toEqual({});
  });

  it('fails for a name that nobody knows', async () => {
    expect(await call(clientWith(), 'http://no-such-host.invalid').over).toBe('connect_failed');
  });
});

describe('failures', () => {
  it('reset: a connection that was used again and dies before a byte came', async () => {
    const { origin } = await serve((socket, _request, count) => (count === 1 ? socket.write(OK) : socket.resetAndDestroy()));
    const client = clientWith();
    expect(await call(client, origin).over).toBe('end');
    const heard = call(client, origin);
    expect(await heard.over).toBe('reset');
    expect(heard.log).toEqual(['reset']);
    expect(client.stats()).toEqual({});
  });

  it.each(['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello', `${CHUNKED}5\r\nhello\r\n`, `${CHUNKED}5\r\nhello\r\n0\r\n`])('reset: closed after %j', async (part) => {
    const { origin } = await serve((socket) => socket.end(part));
    expect(await call(clientWith(), origin).over).toBe('reset');
  });

  it.each(['SSH-2.0-OpenSSH_9.2\r\n', 'HTTP/1.1 200 OK\n', 'HTTP/1.1 200 OK\r\nx\r\n\r\n', `${CHUNKED}zz\r\n`, 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`])('protocol: %j', async (garbage) => {
    // The connection stays open: it is the bytes that end the call.
    const { origin } = await serve((socket) => socket.write(garbage));
    const client = clientWith();
    expect(await call(client, origin).over).toBe('protocol');
    expect(client.stats()).toEqual({});
  });

  it('tells what came before a problem', async () => {
    const { origin } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\nzz\r\n`));
    const heard = call(clientWith(), origin);
    await heard.over;
    expect([heard.log, heard.body()]).toEqual([['head 200', 'data', 'protocol'], 'hello']);
  });

  it('reads to the end of the connection where no length is said', async () => {
    const { origin } = await serve((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'));
    const heard = call(clientWith(), origin);
    expect(await heard.over).toBe('end');
    expect(heard.body()).toBe('hello');
  });
});

describe('time-outs', () => {
  it('first_byte_timeout: no answer, or a part of its head', async () => {
    for (const part of ['', 'HTTP/1.1 200 OK\r\nx:', 'HTTP/1.1 100 Continue\r\n\r\n']) {
      const { origin } = await serve((socket) => socket.write(part));
      expect(await call(clientWith(), origin, { firstByteTimeoutMs: 40 }).over).toBe('first_byte_timeout');
    }
  });

  it('idle_timeout: counted from the last piece', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n`));
    let pieces = 0;
    const heard = call(clientWith(), origin, { idleTimeoutMs: 300 }, (event) => {
      if (event === 'data' && ++pieces < 4) setTimeout(() => [...sockets][0]?.write('5\r\nhello\r\n'), 150);
    });
    expect(await heard.over).toBe('idle_timeout');
    expect(pieces).toBe(4);
  });

  it('idle_timeout: after a head without a body yet', async () => {
    const { origin } = await serve((socket) => socket.write(CHUNKED));
    expect(await call(clientWith(), origin, { idleTimeoutMs: 40 }).over).toBe('idle_timeout');
  });

  it('a long wait does not hold up a short one', async () => {
    const { origin } = await serve(() => undefined);
    const client = clientWith();
    const long = call(client, origin, { firstByteTimeoutMs: 600_000 });
    expect(await call(client, origin, { firstByteTimeoutMs: 40 }).over).toBe('first_byte_timeout');
    expect(long.log).toEqual([]);
  });

  it('what arrived while the process was held up is in time', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    await call(client, origin).over;
    const heard = call(client, origin, { firstByteTimeoutMs: 40 });
    await until(() => requests.length === 2);
    for (const from = performance.now(); performance.now() - from < 60; );
    expect(await heard.over).toBe('end');
  });

  it('none counts while a call is paused; it counts anew from resume', async () => {
    const { origin } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n`));
    const heard = call(clientWith(), origin, { idleTimeoutMs: 30 }, (event, control) => {
      if (event === 'data') control.pause();
    });
    await heard.firstData;
    await new Promise((resolve) => setTimeout(resolve, 90));
    expect(heard.log).toEqual(['head 200', 'data']);
    heard.control.resume();
    expect(await heard.over).toBe('idle_timeout');
  });

  it('connect_timeout: a connection that does not come to stand fails only who waits for it', async () => {
    const { origin } = await serve(() => undefined);
    const client = clientWith({ connectTimeoutMs: 60 });
    const calls = [call(client, origin.replace('http:', 'https:')), call(client, origin.replace('http:', 'https:'))];
    expect(await Promise.all(calls.map((heard) => heard.over))).toEqual(['connect_timeout', 'connect_timeout']);
    await until(() => Object.keys(client.stats()).length === 0);
  });
});

describe('pause and resume', () => {
  it.each([false, true])('lets nothing come while paused, and all of it afterwards (TLS: %s)', async (secure) => {
    const size = 3_000_000;
    const body = 'abcdefghij'.repeat(size / 10);
    const { origin } = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${body}`), secure);
    let paused = false;
    let broken = false;
    const heard = call(clientWith({ ca: certificate }), origin, {}, (event, control) => {
      if (event !== 'data') return;
      broken ||= paused;
      paused = true;
      control.pause();
      setImmediate(() =>
        setImmediate(() => {
          paused = false;
          control.resume();
        }),
      );
    });
    expect(await heard.over).toBe('end');
    expect(broken).toBe(false);
    expect(heard.body() === body).toBe(true);
  });

  it('from within the head: the body waits', async () => {
    const { origin, accepted } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n0\r\n\r\n`));
    const client = clientWith();
    const heard = call(client, origin, {}, (event, control) => {
      if (event === 'head') control.pause();
    });
    await heard.head;
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(heard.log).toEqual(['head 200']);
    heard.control.resume();
    expect(heard.log).toEqual(['head 200']);
    expect(await heard.over).toBe('end');
    expect([heard.log, heard.body()]).toEqual([['head 200', 'data', 'end'], 'hello']);
    expect(await call(client, origin).over).toBe('end');
    expect(accepted()).toBe(1);
  });

  it('before the call has a connection', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const heard = call(clientWith(), origin);
    heard.control.pause();
    await until(() => requests.length === 1);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(heard.log).toEqual([]);
    heard.control.resume();
    expect(await heard.over).toBe('end');
  });

  it('what is cut while paused is told as far as it came', async () => {
    const { origin } = await serve((socket) => socket.end(`${CHUNKED}5\r\nhello\r\n`));
    const heard = call(clientWith(), origin, {}, (event, control) => {
      if (event === 'head') control.pause();
    });
    await heard.head;
    heard.control.resume();
    expect(await heard.over).toBe('reset');
    expect(heard.log).toEqual(['head 200', 'data', 'reset']);
  });

  it('an answer that is whole while paused frees its connection', async () => {
    const { origin, accepted } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    for (let i = 0; i < 3; i++) {
      const heard = call(client, origin, {}, (event, control) => {
        if (event === 'data') control.pause();
      });
      expect(await heard.over).toBe('end');
    }
    expect(accepted()).toBe(1);
  });
});

describe('abort', () => {
  it('while it waits, with nothing sent', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK));
    const client = clientWith({ connections: 1 });
    const heard = call(client, origin, { path: '/first' });
    heard.control.abort();
    heard.control.abort();
    heard.control.pause();
    heard.control.resume();
    expect(heard.log).toEqual(['aborted']);
    expect(await call(client, origin, { path: '/second' }).over).toBe('end');
    expect(requests.map((request) => request.split(' ')[1])).toEqual(['/second']);
  });

  it.each([
    ['sent', ''],
    ['in the middle of the head', 'HTTP/1.1 200'],
    ['in the middle of the body', `${CHUNKED}5\r\nhello\r\n`],
  ])('%s: the connection is closed at once', async (_name, part) => {
    const { origin, sockets, requests } = await serve((socket) => socket.write(part));
    const client = clientWith();
    const heard = call(client, origin);
    await until(() => requests.length === 1);
    if (part.startsWith(CHUNKED)) await heard.firstData;
    const closed = new Promise((resolve) => [...sockets][0]!.once('close', resolve));
    heard.control.abort();
    expect(heard.log.at(-1)).toBe('aborted');
    expect(client.stats()).toEqual({});
    await closed;
    expect(heard.log.filter((event) => event === 'aborted')).toEqual(['aborted']);
  });

  it.each(['head', 'data', 'end'] as const)('from within %s', async (event) => {
    const { origin } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    const heard = call(client, origin, {}, (at, control) => {
      if (at === event) control.abort();
    });
    expect(await heard.over).toBe(event === 'end' ? 'end' : 'aborted');
    expect(heard.log).toEqual({ head: ['head 200', 'aborted'], data: ['head 200', 'data', 'aborted'], end: ['head 200', 'data', 'end'] }[event]);
    expect(await call(client, origin).over).toBe('end');
  });

  it('while paused', async () => {
    const { origin } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n`));
    const heard = call(clientWith(), origin, {}, (event, control) => {
      if (event === 'head') control.pause();
    });
    await heard.head;
    heard.control.abort();
    expect(heard.log).toEqual(['head 200', 'aborted']);
    heard.control.resume();
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(heard.log).toEqual(['head 200', 'aborted']);
  });

  it('lets the next in line have a connection', async () => {
    const { origin, requests } = await serve((socket, _request, count) => (count === 1 ? undefined : socket.write(OK)));
    const client = clientWith({ connections: 1 });
    const busy = call(client, origin);
    const waiting = call(client, origin, { path: '/next' });
    await until(() => requests.length === 1);
    busy.control.abort();
    expect(await waiting.over).toBe('end');
  });
});

describe('TLS', () => {
  it('keeps connections, and takes up a session where it needs a new one', async () => {
    const { origin, sockets, accepted } = await serve((socket) => socket.write(OK), true);
    const client = clientWith({ ca: certificate });
    for (let i = 0; i < 3; i++) expect(await call(client, origin).over).toBe('end');
    expect(accepted()).toBe(1);
    const [socket] = [...sockets] as [Socket & { alpnProtocol: string; isSessionReused(): boolean }];
    expect([socket.alpnProtocol, socket.isSessionReused()]).toEqual(['http/1.1', false]);
    socket.end();
    await until(() => client.stats()[origin] === undefined);
    expect(await call(client, origin).over).toBe('end');
    expect(([...sockets].at(-1) as typeof socket).isSessionReused()).toBe(true);
  });

  it('keeps a connection whose answer is there before Node says that the request is sent', async () => {
    const { origin, accepted, standUntil } = await serveBeside(OK);
    const client = clientWith({ ca: certificate });
    expect(await call(client, origin).over).toBe('end');
    for (let answers = 2; answers < 7; answers++) {
      // Behind the turn's own reads, as the gateway calls; the answer is what the next turn reads first.
      await new Promise((resolve) => setImmediate(resolve));
      const heard = call(client, origin);
      standUntil(answers);
      expect(await heard.over).toBe('end');
    }
    expect(accepted()).toBe(1);
  });

  it('says the name of the server', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(OK), true);
    const client = clientWith({ ca: certificate });
    expect(await call(client, origin.replace('127.0.0.1', 'localhost')).over).toBe('end');
    expect((([...sockets][0]) as Socket & { servername: string }).servername).toBe('localhost');
  });

  it('connect_failed: a certificate that nobody vouches for, or for another name', async () => {
    const { origin, requests } = await serve((socket) => socket.write(OK), true);
    expect(await call(clientWith(), origin).over).toBe('connect_failed');
    expect(await call(clientWith({ ca: certificate }), origin.replace('127.0.0.1', '127.0.0.2')).over).toBe('connect_failed');
    expect(requests).toEqual([]);
  });

  it('streams, aborts and times out as without', async () => {
    const { origin } = await serve((socket) => socket.write(`${CHUNKED}5\r\nhello\r\n`), true);
    const client = clientWith({ ca: certificate });
    const aborted = call(client, origin, {}, (event, control) => {
      if (event === 'data') control.abort();
    });
    expect(await aborted.over).toBe('aborted');
    expect(await call(client, origin, { idleTimeoutMs: 40 }).over).toBe('idle_timeout');
  });
});

describe('the end', () => {
  it('close: lets calls under way and in line end, takes nothing more', async () => {
    const { origin, sockets, requests } = await serve(() => undefined);
    const client = clientWith({ connections: 1 });
    const calls = [call(client, origin), call(client, origin)];
    await until(() => requests.length === 1);
    const closed = client.close();
    const late = call(client, origin);
    expect(late.log).toEqual([]);
    expect(await late.over).toBe('aborted');
    for (const socket of sockets) socket.write(OK);
    expect(await calls[0]!.over).toBe('end');
    await until(() => requests.length === 2);
    for (const socket of sockets) socket.write(OK);
    await closed;
    expect(calls[1]!.log).toEqual(['head 200', 'data', 'end']);
    expect(client.stats()).toEqual({});
  });

  it('close: closes what is free, and what connects for nobody', async () => {
    const { origin, sockets } = await serve((socket) => socket.write(OK));
    const client = clientWith();
    await call(client, origin).over;
    call(client, origin.replace('127.0.0.1', '127.0.0.2')).control.abort();
    await client.close();
    await until(() => sockets.size === 0);
    await client.close();
  });

  it('destroy: ends every call in every state', async () => {
    const { origin, requests } = await serve((socket, _request, count) => socket.write(count === 1 ? `${CHUNKED}5\r\nhello\r\n` : ''));
    const client = clientWith({ connections: 2 });
    const calls = [call(client, origin), call(client, origin), call(client, origin), call(client, origin.replace('http:', 'https:'))];
    await Promise.race(calls.map((heard) => heard.firstData));
    await until(() => requests.length >= 2);
    const destroyed = client.destroy();
    expect(calls.map((heard) => heard.log.at(-1))).toEqual(['aborted', 'aborted', 'aborted', 'aborted']);
    await destroyed;
    expect(client.stats()).toEqual({});
    expect(await call(client, origin).over).toBe('aborted');
  });
});
