import { once } from 'node:events';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { KiB, LaneWorld, echo, get, happens, post, turn } from './lane-world.fakes.js';

let world: LaneWorld;

beforeEach(() => {
  world = new LaneWorld();
});

afterEach(() => world.close());

describe('a connection', () => {
  it('serves one request after the other, until one asks for its end', async () => {
    await world.start();
    const client = await world.open(get('/v1/1'));
    await client.has('x-url: /v1/1');
    client.socket.write(post('/v1/2', 'two'));
    await client.has('\r\n\r\ntwo');
    client.socket.write(get('/v1/3', 'connection: close'));
    await client.end();
    expect(client.text.match(/Connection: .*/g)).toEqual(['Connection: keep-alive', 'Connection: keep-alive', 'Connection: close']);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 0 });
  });

  it('lets what comes early wait for its turn', async () => {
    await world.start();
    world.handle = (exchange) => {
      if (exchange.url === '/v1/slow') return;
      echo(exchange);
    };
    const client = await world.open(get('/v1/slow'));
    await happens(() => world.exchanges.length === 1);
    const second = post('/v1/second', 'its body');
    client.socket.write(second.slice(0, -4));
    await happens(() => world.accepted[0]!.bytesRead === get('/v1/slow').length + second.length - 4);
    expect(world.exchanges).toHaveLength(1);
    world.exchanges[0]!.send(200, [], [Buffer.from('slow')]);
    client.socket.write(second.slice(-4));
    await client.has('its body');
    expect(client.text.indexOf('slow')).toBeLessThan(client.text.indexOf('its body'));
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 0 });
  });

  it('goes to node:http when more than one request waits, and answers all of them in order', async () => {
    await world.start();
    const urls = Array.from({ length: 20 }, (_, i) => `/v1/${i}`);
    world.handle = () => undefined;
    const client = await world.open(get('/v1/first'));
    await happens(() => world.exchanges.length === 1);
    client.socket.write(urls.map((url) => get(url)).join(''));
    await happens(() => world.accepted[0]!.bytesRead > 600);
    world.exchanges[0]!.send(200, [], [Buffer.from('first')]);
    await client.has('node /v1/19');
    expect([...client.text.matchAll(/first|node \/v1\/\d+/g)].map(([found]) => found)).toEqual(['first', ...urls.map((url) => `node ${url}`)]);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 1 });
  });

  it.each(['shared', 'its own'])('reads bodies of any size, and gives itself away with all its bytes, from %s memory', async (memory) => {
    await world.start({ maxBodyBytes: 1024 * KiB });
    if (memory === 'its own') world.server.prependListener('connection', (socket: Socket) => void ((socket as unknown as { _handle: { useUserBuffer?: unknown } })._handle.useUserBuffer = undefined));
    const client = await world.open();
    for (const size of [1, 100 * KiB, 256 * KiB, 600 * KiB]) {
      const body = Buffer.alloc(size, `${size} `).toString();
      client.text = '';
      client.socket.write(post('/v1/x', body), 'latin1');
      await client.until(() => client.text.endsWith(body));
    }
    client.socket.write(get('/v1/many') + get('/v1/two'), 'latin1');
    await client.has('node /v1/two');
    client.socket.write(post('/v1/again', 'x'.repeat(100 * KiB)), 'latin1');
    await client.has('node /v1/again');
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 1 });
  });

  it('reads no further when much waits', async () => {
    await world.start();
    world.handle = () => undefined;
    const client = await world.open(get('/v1/slow'));
    await happens(() => world.exchanges.length === 1);
    const flood = Buffer.alloc(8 * KiB * KiB, get('/v1/more'));
    client.socket.write(flood);
    await happens(() => world.accepted[0]!.isPaused());
    for (let i = 0; i < 50; i++) await turn();
    // What waits, and what Node's stream has read ahead.
    expect(world.accepted[0]!.bytesRead).toBeLessThan(512 * KiB);
    world.exchanges[0]!.send(200, [], []);
    await happens(() => world.overNode.length > 10);
  });

  it('is node:http\'s from the first request on that is not for the lane', async () => {
    await world.start();
    const client = await world.open(get('/v1/1'));
    await client.has('x-url: /v1/1');
    client.socket.write(post('/api', 'abc').slice(0, -2));
    await happens(() => world.overNode.length === 1);
    client.socket.write('bc');
    await client.has('node /api');
    client.socket.write(get('/v1/2'));
    await client.has('node /v1/2');
    expect(world.overNode).toEqual(['/api', '/v1/2']);
    expect(world.exchanges).toHaveLength(1);
    expect(world.accepted[0]!.listenerCount('data')).toBeLessThan(2);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 1 });
    const other = await world.open('BREW /v1/x HTTP/1.1\r\n\r\n');
    await other.end();
    expect(other.text).toMatch(/^HTTP\/1\.1 400 /);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 2 });
  });

  it('is not taken from a server that asks for more than the lane does', async () => {
    await world.start({}, (it) => (it.maxRequestsPerSocket = 10));
    const client = await world.open(get('/v1/1'));
    await client.has('node /v1/1');
    expect(world.lane.counts).toEqual({ served: 0, handedOver: 1 });
    world.server.maxRequestsPerSocket = 0;
    world.server.timeout = 60_000;
    const other = await world.open(get('/v1/2'));
    await other.has('node /v1/2');
    world.server.timeout = 0;
    const third = await world.open(get('/v1/3'));
    await third.has('x-url: /v1/3');
    // What only looks like a plain socket, TLS's for one.
    class Wrapped extends Socket {}
    const wrapped = new Wrapped();
    world.server.emit('connection', wrapped);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 3 });
    wrapped.destroy();
  });

  it('gives the same answers however its bytes are cut', async () => {
    await world.start();
    const requests = [post('/v1/one', 'first body'), post('/api/two', 'second'), get('/v1/three')];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: requests.join('').length }), { maxLength: 6 }), async (cuts) => {
        world.accepted.length = 0;
        const client = await world.open();
        await happens(() => world.accepted.length === 1);
        const text = requests.join('');
        let sent = 0;
        for (const cut of [...new Set(cuts), text.length].sort((a, b) => a - b)) {
          if (cut === sent) continue;
          client.socket.write(text.slice(sent, cut));
          sent = cut;
          await happens(() => world.accepted[0]!.bytesRead === sent);
        }
        await client.until(() => client.text.split('HTTP/1.1 200 OK').length === 4 && /three/.test(client.text) && client.text.includes('\r\n\r\n', client.text.lastIndexOf('HTTP/1.1 200 OK')));
        // Who serves a request depends on the cuts; that it is served, and when, does not.
        const answers = client.text.split('HTTP/1.1 200 OK').slice(1);
        expect(answers.map((answer) => /\/(?:v1|api)\/(\w+)/.exec(answer)?.[1])).toEqual(['one', 'two', 'three']);
        expect(answers[0]).toMatch(/\r\n\r\n(?:first body|node \/v1\/one)$/);
        client.socket.destroy();
      }),
      { numRuns: 60 },
    );
  });
});

describe('time', () => {
  it('is short for a client that says nothing, or not all', async () => {
    await world.start({ sweepMs: 5 }, (it) => {
      it.headersTimeout = 20;
      it.requestTimeout = 40;
    });
    const silent = await world.open();
    await silent.end();
    expect(silent.text).toBe('fault ERR_HTTP_REQUEST_TIMEOUT');
    const outcomes: string[] = [];
    world.handle = (exchange) => exchange.read(({ kind }) => outcomes.push(kind));
    const slow = await world.open(post('/v1/x', 'abc').slice(0, -1));
    await slow.end();
    expect(slow.text).toBe('fault ERR_HTTP_REQUEST_TIMEOUT');
    await happens(() => outcomes.length === 1);
    expect(outcomes).toEqual(['gone']);
    world.handle = (exchange) => exchange.send(200, [], [Buffer.from('early')]);
    const answered = await world.open(post('/v1/x', 'abc').slice(0, -1));
    await answered.end();
    expect(answered.text).toMatch(/earlyfault ERR_HTTP_REQUEST_TIMEOUT$/);
    world.handle = (exchange) => {
      exchange.head(200, []);
      exchange.write(Buffer.from('begun'));
    };
    const begun = await world.open(post('/v1/x', 'abc').slice(0, -1));
    await begun.end();
    expect(begun.text).toMatch(/begun\r\n$/);
  });

  it('does not matter to an answer, and ends an idle connection without a word', async () => {
    await world.start({ sweepMs: 5 }, (it) => {
      it.headersTimeout = it.requestTimeout = 10;
      it.keepAliveTimeout = 15;
      it.keepAliveTimeoutBuffer = 0;
    });
    world.handle = (exchange) => void setTimeout(() => echo(exchange), 100);
    const client = await world.open(get('/v1/x'));
    await client.end();
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\nx-url: \/v1\/x[^]*Keep-Alive: timeout=0\r\n\r\n$/);
  });
});

describe('the end of a server', () => {
  it('closes what is idle at once and what is busy after its answer', async () => {
    await world.start();
    const silent = await world.open();
    const idle = await world.open(get('/v1/idle'));
    await idle.has('/v1/idle');
    world.handle = (exchange) => {
      if (exchange.url === '/v1/begun') exchange.head(200, []);
    };
    const busy = await world.open(get('/v1/busy'));
    const begun = await world.open(get('/v1/begun'));
    await happens(() => world.exchanges.length === 3);
    const closed = once(world.server, 'close');
    world.server.close();
    await Promise.all([silent.end(), idle.end()]);
    expect([busy.ended, begun.ended]).toEqual([false, false]);
    for (const exchange of world.exchanges.slice(1)) {
      if (exchange.url === '/v1/begun') exchange.end(Buffer.from('done'));
      else exchange.send(200, [], [Buffer.from('done')]);
    }
    await Promise.all([busy.end(), begun.end(), closed]);
    expect(busy.text).toMatch(/Connection: close\r\n\r\ndone$/);
    expect(begun.text).toMatch(/done\r\n0\r\n\r\n$/);
  });

  it('closes what is idle when asked, and everything when asked', async () => {
    await world.start();
    const idle = await world.open(get('/v1/idle'));
    await idle.has('/v1/idle');
    world.handle = () => undefined;
    const busy = await world.open(get('/v1/busy'));
    await happens(() => world.exchanges.length === 2);
    world.server.closeIdleConnections();
    await idle.end();
    expect(busy.ended).toBe(false);
    world.server.closeAllConnections();
    await busy.end();
    await happens(() => world.exchanges[1]!.gone);
  });

  it('can be announced: each answer is then the last', async () => {
    await world.start();
    const client = await world.open(get('/v1/1'));
    await client.has('/v1/1');
    world.lane.retire();
    client.socket.write(get('/v1/2'));
    await client.end();
    expect(client.text.match(/Connection: .*/g)).toEqual(['Connection: keep-alive', 'Connection: close']);
  });
});
