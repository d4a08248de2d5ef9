import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { parseEnv } from '@apex/common';
import { llmConfig, llmEnvSchema } from '../llm.config.js';
import { UpstreamClient, type UpstreamRequest } from './upstream-client.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';

function client(env: Record<string, string> = {}): UpstreamClient {
  const upstream = new UpstreamClient(llmConfig(parseEnv(llmEnvSchema, env)).upstream);
  closing.push(() => upstream.destroy());
  return upstream;
}

function call(upstream: UpstreamClient, request: Partial<UpstreamRequest>): Promise<string> {
  return new Promise((resolve) => {
    let body = '';
    upstream.call(
      { origin: 'http://127.0.0.1:1', path: '/v1/models', method: 'GET', headers: {}, body: null, firstByteTimeoutMs: 5_000, idleTimeoutMs: 5_000, ...request },
      { onHead: () => undefined, onData: (chunk) => (body += chunk.toString()), onEnd: () => resolve(body), onFailure: resolve },
    );
  });
}

describe('what HttpClient declines', () => {
  it('goes over undici, and counts in the same statistics', async () => {
    const requests: string[] = [];
    const port = await listen((socket) =>
      socket.on('data', (data) => {
        requests.push(data.toString());
        socket.write(OK);
      }),
    );
    const upstream = client();
    const origin = `http://127.0.0.1:${port}`;
    expect(await call(upstream, { origin })).toBe('hello');
    expect(await call(upstream, { origin, headers: { host: 'other.example.com' } })).toBe('hello');
    expect(requests[1]).toContain('host: other.example.com\r\n');
    expect(upstream.poolStats()[origin]).toMatchObject({ connected: 2, waiting: 0 });
    await upstream.close();
    expect(await call(upstream, { origin, headers: { host: 'other.example.com' } })).toBe('aborted');
  });

  it('fails as aborted after the end, even if it was never needed before', async () => {
    const upstream = client();
    await upstream.close();
    expect(await call(upstream, { headers: { host: 'x' } })).toBe('aborted');
    expect(await call(upstream, { origin: 'nonsense' })).toBe('aborted');
  });
});

describe('proxies', () => {
  /** Answers what is asked in its own name, and lets CONNECT through to `target`. */
  const proxyTo = async (target: number, refuses = false): Promise<{ port: number; asked: string[] }> => {
    const asked: string[] = [];
    const port = await listen((socket) =>
      socket.once('data', (data) => {
        const line = data.toString().split('\r\n')[0]!;
        asked.push(line);
        if (refuses) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
        if (!line.startsWith('CONNECT ')) return socket.write(OK);
        const tunnel = connect(target, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connected\r\n\r\n'));
        tunnel.on('error', () => socket.destroy());
        closing.push(() => Promise.resolve(tunnel.destroy()));
        socket.pipe(tunnel).pipe(socket);
      }),
    );
    return { port, asked };
  };

  it('goes to providers by way of HTTP_PROXY, with or without its scheme', async () => {
    const { port, asked } = await proxyTo(1);
    for (const value of [`http://127.0.0.1:${port}`, `127.0.0.1:${port}`]) {
      expect(await call(client({ HTTP_PROXY: value }), { origin: 'http://provider.invalid' })).toBe('hello');
    }
    expect(asked).toEqual(['GET http://provider.invalid/v1/models HTTP/1.1', 'GET http://provider.invalid/v1/models HTTP/1.1']);
  });

  it('asks HTTPS_PROXY for a tunnel to providers at https:', async () => {
    const port = await listen((socket) => socket.once('data', () => socket.end('not TLS')));
    const proxy = await proxyTo(port);
    expect(await call(client({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }), { origin: 'https://provider.invalid' })).toBe('connect_failed');
    expect(proxy.asked).toEqual(['CONNECT provider.invalid:443 HTTP/1.1']);
  });

  it('connect_failed: the proxy refuses', async () => {
    const { port } = await proxyTo(1, true);
    expect(await call(client({ HTTPS_PROXY: `http://127.0.0.1:${port}` }), { origin: 'https://provider.invalid' })).toBe('connect_failed');
  });

  it('does not ask a proxy for this machine, for what NO_PROXY names, nor for the other scheme', async () => {
    const { port, asked } = await proxyTo(1);
    const env = { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: 'other.invalid,.internal.invalid' };
    const direct = await listen((socket) => socket.on('data', () => socket.write(OK)));
    expect(await call(client(env), { origin: `http://127.0.0.1:${direct}` })).toBe('hello');
    expect(await call(client(env), { origin: 'http://other.invalid' })).toBe('connect_failed');
    expect(await call(client(env), { origin: 'http://a.internal.invalid' })).toBe('connect_failed');
    expect(await call(client(env), { origin: 'https://provider.invalid' })).toBe('connect_failed');
    expect(asked).toEqual([]);
  });

  it('prefers the lower-case names, and refuses what is no proxy without repeating it', () => {
    const { upstream } = llmConfig(parseEnv(llmEnvSchema, { HTTP_PROXY: 'http://upper', http_proxy: 'lower:3128', HTTPS_PROXY: 'https://u:p@upper', no_proxy: 'a', NO_PROXY: 'b' }));
    expect(upstream.proxies).toEqual({ http: 'http://lower:3128', https: 'https://u:p@upper', except: 'a' });
    expect(llmConfig(parseEnv(llmEnvSchema, { NO_PROXY: '*' })).upstream.proxies).toBeUndefined();
    expect(() => parseEnv(llmEnvSchema, { HTTP_PROXY: 'socks5://secret:1080' })).toThrow(/HTTP_PROXY/);
    expect(() => parseEnv(llmEnvSchema, { HTTP_PROXY: 'socks5://secret:1080' })).not.toThrow(/secret/);
  });
});
