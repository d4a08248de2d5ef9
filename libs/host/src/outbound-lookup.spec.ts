import { type LookupAddress, type LookupOptions } from 'node:dns';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { type OutboundPolicy } from '@apex/common';
import { Agent, request } from 'undici';
import { guardedLookup, type ResolveAll } from './outbound-lookup.js';

const resolver = (...answers: string[][]): ResolveAll => {
  let asked = 0;
  return (_hostname, _options, done) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)]!.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
    queueMicrotask(() => done(null, addresses));
  };
};

const look = (policy: OutboundPolicy, resolve: ResolveAll, options: LookupOptions = { all: true }): Promise<unknown> =>
  new Promise((done, fail) => guardedLookup(policy, resolve)('some.example', options, (error, address, family) => (error ? fail(error) : done(options.all === true ? address : [address, family]))));

describe('guardedLookup', () => {
  it('hands on what may be reached, in the form that was asked for', async () => {
    expect(await look('public_only', resolver(['8.8.8.8', '2606:4700::1111']))).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
    expect(await look('public_only', resolver(['8.8.8.8', '1.1.1.1']), {})).toEqual(['8.8.8.8', 4]);
  });

  it.each(['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '0.0.0.0', '100.100.100.200', '224.0.0.1'])('refuses a name that leads to %s, whoever named it', async (address) => {
    for (const policy of ['operator', 'public_only'] as const) await expect(look(policy, resolver([address]))).rejects.toMatchObject({ code: 'EADDRFORBIDDEN', hostname: 'some.example', address });
  });

  it.each(['127.0.0.1', '10.0.0.1', '192.168.0.1', '::1', 'fd00::1', '100.64.0.1'])('leaves a name that leads to %s to operators', async (address) => {
    expect(await look('operator', resolver([address]))).toHaveLength(1);
    await expect(look('public_only', resolver([address]))).rejects.toMatchObject({ code: 'EADDRFORBIDDEN' });
  });

  it('refuses a name with one forbidden address among good ones', async () => {
    await expect(look('public_only', resolver(['8.8.8.8', '127.0.0.1']))).rejects.toMatchObject({ address: '127.0.0.1' });
    await expect(look('public_only', resolver(['8.8.8.8', '127.0.0.1']), {})).rejects.toMatchObject({ address: '127.0.0.1' });
  });

  it('tells of a name that is not there as the resolver does, and of one without addresses', async () => {
    await expect(look('operator', (_name, _options, done) => done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []))).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(look('operator', resolver([]))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it("asks the system's resolver by default", async () => {
    await new Promise<void>((done) =>
      guardedLookup('public_only')('localhost', { all: true }, (error) => {
        expect(error).toMatchObject({ code: 'EADDRFORBIDDEN' });
        done();
      }),
    );
  });

  describe('under a socket', () => {
    let server: Server;
    let port: number;
    let connections = 0;

    beforeAll(async () => {
      server = createServer((socket) => {
        connections++;
        socket.on('error', () => undefined);
        socket.resume();
        socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    });
    afterAll(async () => {
      server.close();
      await once(server, 'close');
    });
    beforeEach(() => (connections = 0));

    it('opens no connection to what is refused', async () => {
      const socket = connect({ host: 'some.example', port, lookup: guardedLookup('public_only', resolver(['127.0.0.1'])) });
      const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [unknown];
      expect([error, connections]).toMatchObject([{ code: 'EADDRFORBIDDEN' }, 0]);
    });

    it('connects to the address that it has checked, not to what the name leads to a moment later', async () => {
      // Rebinding: the first answer is good, and every later one is not.
      const lookup = guardedLookup('operator', resolver(['127.0.0.1'], ['169.254.169.254']));
      const agent = new Agent({ connect: { lookup } });
      try {
        const first = await request(`http://some.example:${port}/`, { dispatcher: agent });
        await first.body.dump();
        expect([first.statusCode, connections]).toEqual([204, 1]);
        await expect(request(`http://some.example:${port}/`, { dispatcher: agent })).rejects.toMatchObject({ code: 'EADDRFORBIDDEN' });
        expect(connections).toBe(1);
      } finally {
        await agent.destroy();
      }
    });
  });
});
