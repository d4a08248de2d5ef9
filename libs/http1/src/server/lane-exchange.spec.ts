import { type Socket } from 'node:net';
import { KiB, LaneWorld, echo, get, happens, post, turn } from './lane-world.fakes.js';

let world: LaneWorld;

beforeEach(() => {
  world = new LaneWorld();
});

afterEach(() => world.close());

describe('an answer', () => {
  it('is what node:http would have sent', async () => {
    await world.start();
    const client = await world.open(post('/v1/x', '{"a":1}'));
    await client.has('{"a":1}');
    expect(client.text.replace(/Date: .* GMT/, 'Date: -')).toBe('HTTP/1.1 200 OK\r\nx-url: /v1/x\r\ncontent-length: 7\r\nDate: -\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n{"a":1}');
    expect(Math.abs(Date.parse(/Date: (.*)\r/.exec(client.text)![1]!) - Date.now())).toBeLessThan(5_000);
    expect(world.lane.counts).toEqual({ served: 1, handedOver: 0 });
  });

  it('is one write, small or streamed in one turn; and a stream begins with its first bytes', async () => {
    await world.start();
    world.handle = (exchange) => {
      if (exchange.url === '/v1/whole') return exchange.send(200, [], [Buffer.from('a'), Buffer.from('b')]);
      exchange.head(200, ['content-type', 'text/event-stream']);
      for (const part of ['one ', 'two ', 'three ']) exchange.write(Buffer.from(part));
      setImmediate(() => exchange.end(Buffer.from('four')));
    };
    const client = await world.open(get('/v1/whole'));
    await client.has('ab');
    const writes: unknown[] = [];
    const [socket] = world.accepted;
    const original = socket!.write.bind(socket) as (...args: unknown[]) => boolean;
    socket!.write = ((...args: unknown[]) => {
      writes.push(args[0]);
      return original(...args);
    }) as Socket['write'];
    client.socket.write(get('/v1/whole'));
    await client.until(() => client.text.split('ab').length === 3);
    expect(writes).toHaveLength(1);
    client.socket.write(get('/v1/stream'));
    await client.has('0\r\n\r\n');
    expect(writes).toHaveLength(3);
    expect(client.text.endsWith('Transfer-Encoding: chunked\r\n\r\ne\r\none two three \r\n4\r\nfour\r\n0\r\n\r\n')).toBe(true);
  });
});

describe('a large or odd answer', () => {
  it('is told to the byte, whatever its size', async () => {
    await world.start();
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256));
    world.handle = (exchange) => {
      if (exchange.url === '/v1/whole') return exchange.send(200, [], [bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
      exchange.head(200, []);
      exchange.write(bytes.subarray(0, 20_000));
      exchange.end(bytes.subarray(20_000, 40_000));
    };
    const client = await world.open(get('/v1/whole'));
    await client.until(() => client.text.length >= 300_000 && client.text.endsWith(bytes.toString('latin1').slice(-50)));
    expect(client.text.slice(client.text.indexOf('\r\n\r\n') + 4)).toBe(bytes.toString('latin1'));
    client.text = '';
    client.socket.write(get('/v1/stream'));
    await client.has('\r\n0\r\n\r\n');
    expect(client.text.slice(client.text.indexOf('\r\n\r\n') + 4)).toBe(`9c40\r\n${bytes.toString('latin1', 0, 40_000)}\r\n0\r\n\r\n`);
  });

  it('has no body where its status allows none', async () => {
    await world.start();
    world.handle = (exchange) => {
      if (exchange.url === '/v1/204') return exchange.send(204, [], [Buffer.from('none')]);
      exchange.head(304, []);
      exchange.write(Buffer.from('none'));
      exchange.end(Buffer.from('none'));
    };
    const client = await world.open(get('/v1/204'));
    await client.has('\r\n\r\n');
    client.socket.write(get('/v1/304'));
    await client.has('304 Not Modified');
    await client.until(() => client.text.endsWith('\r\n\r\n'));
    expect(client.text).not.toContain('none');
    expect(client.text).not.toContain('chunked');
  });

  it.each([['x-a', 'a\r\nx-evil: 1'], ['x-a', 'a\nb'], ['x-a', 'a\0b'], ['x-a', 'a\u010ab'], ['x-a', '\u30e2'], ['x a', 'b'], ['', 'b'], ['x-a\r\nx-evil', 'b']])('is not sent with the header %j: %j', async (name, value) => {
    await world.start();
    const thrown: unknown[] = [];
    world.handle = (exchange) => {
      for (const attempt of [() => exchange.send(200, [name, value], []), () => exchange.head(200, [name, value])]) {
        try {
          attempt();
        } catch (error) {
          thrown.push(error);
        }
      }
      exchange.send(500, ['x-fine', 'caf\xe9\t1'], [Buffer.from('sorry')]);
    };
    const client = await world.open(get('/v1/x'));
    await client.has('sorry');
    expect(thrown).toEqual([expect.any(TypeError), expect.any(TypeError)]);
    expect(client.text).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\nx-fine: caf\xe9\t1\r\n/);
    expect(client.text).not.toContain('evil');
  });

  it('is the only one: a second one is ignored, and one into a stream breaks it off', async () => {
    await world.start();
    world.handle = (exchange) => {
      if (exchange.url === '/v1/twice') {
        exchange.send(200, [], [Buffer.from('first')]);
        exchange.send(200, [], [Buffer.from('second')]);
        exchange.head(200, []);
        exchange.end();
        return;
      }
      exchange.head(200, []);
      exchange.write(Buffer.from('begun'));
      setImmediate(() => exchange.send(500, [], []));
    };
    const client = await world.open(get('/v1/twice'));
    await client.has('first');
    client.socket.write(get('/v1/broken'));
    await client.end();
    expect(client.text).not.toContain('second');
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(2);
    expect(client.text).not.toContain('0\r\n\r\n');
  });
});

describe('a body', () => {
  it('comes whole, in however many pieces', async () => {
    await world.start();
    const body = 'x'.repeat(200 * KiB);
    const text = post('/v1/x', body);
    const client = await world.open(text.slice(0, 1_000));
    client.socket.write(text.slice(1_000, 70_000));
    client.socket.write(text.slice(70_000));
    await client.until(() => client.text.length > body.length);
    expect(client.text.endsWith(`\r\n\r\n${body}`)).toBe(true);
  });

  it('that announces too much is refused before it comes', async () => {
    await world.start();
    const client = await world.open(post('/v1/x', '').replace('content-length: 0', `content-length: ${256 * KiB + 1}`));
    await client.has('too_large');
    expect(client.ended).toBe(false);
  });

  it('that nobody wants is let in, up to a mebibyte', async () => {
    await world.start();
    world.handle = (exchange) => {
      exchange.discard();
      exchange.send(401, [], [Buffer.from('no')]);
    };
    const client = await world.open(post('/v1/x', 'y'.repeat(900 * KiB)) + get('/v1/next'));
    await client.until(() => client.text.split('401 Unauthorized').length === 3);
    expect(world.lane.counts.handedOver).toBe(0);
    const endless = await world.open(post('/v1/x', '').replace('content-length: 0', 'content-length: 100000000000'));
    await endless.has('401');
    const piece = Buffer.alloc(64 * KiB);
    const more = (): void => void endless.socket.write(piece, (error) => error ?? setImmediate(more));
    more();
    await endless.end();
    expect(world.accepted[1]!.bytesRead).toBeLessThan(2 * KiB * KiB);
  });

  it('is not read before it is wanted, and then is', async () => {
    await world.start();
    world.handle = () => undefined;
    const client = await world.open(post('/v1/x', 'z'.repeat(250 * KiB)));
    await happens(() => world.exchanges.length === 1 && world.accepted[0]!.isPaused());
    expect(world.accepted[0]!.bytesRead).toBeLessThan(240 * KiB);
    echo(world.exchanges[0]!);
    await client.until(() => client.text.endsWith('z'.repeat(250 * KiB)));
  });

  it('is passed over if the answer did not need it', async () => {
    await world.start();
    world.handle = (exchange) => exchange.send(200, ['x-url', exchange.url], []);
    const client = await world.open(post('/v1/1', 'a'.repeat(1_000)).slice(0, 500));
    await client.has('/v1/1');
    client.socket.write(post('/v1/1', 'a'.repeat(1_000)).slice(500));
    await happens(() => world.accepted[0]!.bytesRead === post('/v1/1', 'a'.repeat(1_000)).length);
    client.socket.write(get('/v1/2'));
    await client.has('/v1/2');
    expect(world.exchanges).toHaveLength(2);
  });

  it('that breaks off is told as gone', async () => {
    await world.start();
    const outcomes: string[] = [];
    world.handle = (exchange) => exchange.read(({ kind }) => outcomes.push(kind));
    const reset = await world.open(post('/v1/x', 'abc').slice(0, -1));
    await happens(() => world.exchanges.length === 1);
    reset.socket.resetAndDestroy();
    await happens(() => outcomes.length === 1);
    const half = await world.open(post('/v1/x', 'abc').slice(0, -1));
    half.socket.end();
    await half.end();
    expect(half.text).toBe('fault HPE_INVALID_EOF_STATE');
    await happens(() => outcomes.length === 2);
    expect(outcomes).toEqual(['gone', 'gone']);
    expect(world.exchanges.map(({ gone }) => gone)).toEqual([true, true]);
  });
});

describe('a client that leaves', () => {
  it.each([
    ['by a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['by closing', (socket: Socket) => socket.destroy()],
    ['by half-closing, as with node:http', (socket: Socket) => socket.end()],
  ])('%s is noticed once, and nothing more is written', async (_name, leave) => {
    await world.start();
    let told = 0;
    world.handle = (exchange) => {
      exchange.onGone(() => told++);
      exchange.onGone(() => (told += 10));
      exchange.head(200, []);
      exchange.write(Buffer.from('begun'));
    };
    const client = await world.open(get('/v1/x'));
    await client.has('begun');
    expect(world.exchanges[0]!.gone).toBe(false);
    leave(client.socket);
    await happens(() => told > 0);
    const [exchange] = world.exchanges;
    expect(exchange!.gone).toBe(true);
    expect(exchange!.write(Buffer.from('x'))).toBe(true);
    exchange!.end(Buffer.from('x'));
    exchange!.send(200, [], []);
    await turn();
    expect(told).toBe(11);
    expect(client.text.endsWith('begun\r\n')).toBe(true);
  });

  it('after its answer is not gone', async () => {
    await world.start();
    let told = 0;
    world.handle = (exchange) => {
      exchange.onGone(() => told++);
      echo(exchange);
    };
    const client = await world.open(get('/v1/x'));
    await client.has('/v1/x');
    client.socket.destroy();
    await happens(() => world.accepted[0]!.destroyed);
    await turn();
    expect([told, world.exchanges[0]!.gone]).toEqual([0, false]);
  });

  it('that reads slowly makes the writer wait', async () => {
    await world.start();
    world.handle = () => undefined;
    const client = await world.open(get('/v1/x'));
    await happens(() => world.exchanges.length === 1);
    client.socket.pause();
    const [exchange] = world.exchanges;
    exchange!.head(200, []);
    const piece = Buffer.alloc(64 * KiB, '~');
    let written = 0;
    let drained = 0;
    while (written < 100 * KiB * KiB) {
      written += piece.length;
      if (exchange!.write(piece)) await turn();
      else {
        let free = false;
        exchange!.onDrain(() => ((free = true), drained++));
        await turn();
        await turn();
        if (!free) break;
      }
    }
    expect(written).toBeLessThan(64 * KiB * KiB);
    const before = drained;
    client.socket.resume();
    await happens(() => drained > before);
    exchange!.end();
    await client.has('0\r\n\r\n');
    expect(client.text.split('~').length - 1).toBe(written);
  });
});
