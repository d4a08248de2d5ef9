import { Body, Controller, Get, HttpCode, Ip, Post, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { type Server } from 'node:http';
import { AdminOnly, AuthGuard, CallerAuthenticator, Public, TermsStore, type CallerContext } from '@apex/auth';
import { ApexError, parseEnv } from '@apex/common';
import { ApexErrorFilter } from '../support/apex-error.filter.js';
import { LargeJsonBody } from '../support/large-json-body.guard.js';
import { EdgeAdapter } from './edge-adapter.js';
import { edgeEnvSchema } from './edge.config.js';
import { harden } from './harden.js';

const MiB = 1024 * 1024;

@Controller('api')
class EdgeController {
  @Get('address')
  @Public('a test')
  address(@Ip() address: string): { address: string } {
    return { address };
  }

  @Post('echo')
  @HttpCode(200)
  @Public('a test')
  echo(@Body() body: unknown): { type: string } {
    return { type: typeof body };
  }

  @Post('admin/reconcile')
  @HttpCode(200)
  @AdminOnly()
  @UseGuards(LargeJsonBody(2 * MiB))
  large(@Body() body: { rows: string }): { length: number } {
    return { length: body.rows.length };
  }
}

class OneOperator extends CallerAuthenticator {
  override async authenticate(token: string): Promise<CallerContext> {
    if (token !== 'good') throw new ApexError('unknown_token', 401, 'No.');
    return { kind: 'operator', name: 'root' };
  }
}

describe('edgeEnvSchema', () => {
  const trust = (value: string): unknown => parseEnv(edgeEnvSchema, { APEX_TRUST_PROXY: value }).APEX_TRUST_PROXY;

  it('trusts a number of proxies, or named ones', () => {
    expect([trust('1'), trust('10.0.0.0/8, 192.0.2.7'), trust('loopback,uniquelocal'), trust('2001:db8::/32')]).toEqual([1, ['10.0.0.0/8', '192.0.2.7'], ['loopback', 'uniquelocal'], ['2001:db8::/32']]);
    expect(parseEnv(edgeEnvSchema, {}).APEX_TRUST_PROXY).toBeUndefined();
  });

  it.each(['true', '0', '99', '*', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.0/8/8', 'proxy.example.com', ',', '-1'])('never everybody, nor nonsense: %s', (value) => expect(() => trust(value)).toThrow(/APEX_TRUST_PROXY/));

  it.each(['*', 'null', 'https://a.example/', 'https://a.example/path', 'a.example', 'file:///x', 'https://a.example, *', 'HTTPS://A.example'])('takes no origin like %s', (value) => {
    expect(() => parseEnv(edgeEnvSchema, { APEX_CORS_ORIGINS: value })).toThrow(/APEX_CORS_ORIGINS/);
  });
});

describe('the edge', () => {
  const running: NestExpressApplication[] = [];
  afterEach(async () => {
    for (const app of running.splice(0)) {
      // A client's connection that is kept alive must not be waited for.
      (app.getHttpServer() as Server).closeAllConnections();
      await app.close();
    }
  });

  async function start(env: Record<string, string> = {}): Promise<{ app: NestExpressApplication; base: string }> {
    const edge = parseEnv(edgeEnvSchema, env);
    const module = await Test.createTestingModule({
      controllers: [EdgeController],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: CallerAuthenticator, useClass: OneOperator },
        { provide: TermsStore, useValue: {} },
      ],
    }).compile();
    const app = module.createNestApplication<NestExpressApplication>(new EdgeAdapter(edge), { bodyParser: false, logger: false });
    harden(app, edge);
    app.useGlobalFilters(new ApexErrorFilter());
    SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, new DocumentBuilder().build()), { jsonDocumentUrl: 'docs-json' });
    await app.listen(0, '127.0.0.1');
    running.push(app);
    return { app, base: await app.getUrl() };
  }

  it('gives every answer the headers of what no browser should touch', async () => {
    const { base } = await start();
    for (const path of ['/api/address', '/api/nothing', '/docs-json']) {
      const { headers } = await fetch(base + path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringContaining('max-age='),
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect(headers.has('x-powered-by')).toBe(false);
    }
  });

  it('lets the page of the API\'s description load what it needs, and nothing else', async () => {
    const { base } = await start();
    const page = await fetch(`${base}/docs`);
    const html = await page.text();
    const policy = Object.fromEntries(page.headers.get('content-security-policy')!.split(';').map((part) => [part.split(' ')[0]!, part.split(' ').slice(1)]));
    expect(policy).toMatchObject({ 'default-src': ["'none'"], 'script-src': ["'self'"], 'connect-src': ["'self'"] });
    const scripts = [...html.matchAll(/<script\b([^>]*)>([^<]*)/g)].map(([, attributes = '', code = '']) => ({ src: /src="([^"]+)"/.exec(attributes)?.[1], code: code.trim() }));
    expect(scripts.length).toBeGreaterThan(0);
    for (const { src, code } of scripts) {
      expect([code, src]).toEqual(['', expect.not.stringMatching(/^(?:https?:)?\/\//)]);
      const response = await fetch(new URL(src!, `${base}/docs`));
      expect([src, response.status, response.headers.get('content-type')]).toEqual([src, 200, expect.stringContaining('javascript')]);
    }
    for (const [, href] of html.matchAll(/<link\b[^>]*href="([^"]+)"/g)) expect([href, (await fetch(new URL(href!, `${base}/docs`))).status]).toEqual([href, 200]);
    expect(html).not.toMatch(/\son\w+=/);
    for (const path of ['/docs/package.json', '/docs/index.js', '/DOCS/package.json', '/docs/%70ackage.json', '/docs//package.json', '/docs/swagger-ui.js']) {
      const { status, headers } = await fetch(base + path);
      expect([path, status, headers.get('x-content-type-options')]).toEqual([path, 404, 'nosniff']);
    }
  });

  it('gives no browser of another origin anything, unless it is named', async () => {
    const preflight = (base: string, origin: string): Promise<Response> =>
      fetch(`${base}/api/echo`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } });
    const allowed = (response: Response): string[] => [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
    const closed = await start();
    expect(allowed(await preflight(closed.base, 'https://a.example'))).toEqual([]);
    expect(allowed(await fetch(`${closed.base}/api/address`, { headers: { origin: 'https://a.example' } }))).toEqual([]);

    const open = await start({ APEX_CORS_ORIGINS: 'https://a.example,https://b.example' });
    const granted = await preflight(open.base, 'https://b.example');
    expect([granted.status, granted.headers.get('access-control-allow-origin'), granted.headers.get('access-control-allow-credentials')]).toEqual([204, 'https://b.example', null]);
    for (const origin of ['https://c.example', 'https://a.example.evil', 'http://a.example', 'null']) expect((await preflight(open.base, origin)).headers.get('access-control-allow-origin')).toBeNull();
    const answer = await fetch(`${open.base}/api/address`, { headers: { origin: 'https://a.example' } });
    expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual(['https://a.example', expect.stringContaining('Origin')]);
  });

  it('believes x-forwarded-for of proxies that it was told of, and of nobody else', async () => {
    const seen = async (base: string, forwarded: string): Promise<string> => ((await (await fetch(`${base}/api/address`, { headers: { 'x-forwarded-for': forwarded } })).json()) as { address: string }).address;
    expect(await seen((await start()).base, '203.0.113.9')).toBe('127.0.0.1');
    expect(await seen((await start({ APEX_TRUST_PROXY: '10.0.0.0/8' })).base, '203.0.113.9')).toBe('127.0.0.1');
    const behindOne = (await start({ APEX_TRUST_PROXY: '1' })).base;
    expect(await seen(behindOne, '203.0.113.9')).toBe('203.0.113.9');
    // What a client writes itself stands to the left of what the proxy adds.
    expect(await seen(behindOne, '198.51.100.1, 203.0.113.9')).toBe('203.0.113.9');
    expect(await seen((await start({ APEX_TRUST_PROXY: 'loopback,192.0.2.0/24' })).base, '198.51.100.1, 203.0.113.9, 192.0.2.44')).toBe('203.0.113.9');
  });

  describe('bodies', () => {
    const post = async (url: string, body: string, headers: Record<string, string> = {}): Promise<[number, unknown]> => {
      const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
      return [response.status, await response.json()];
    };
    const rows = (length: number): string => JSON.stringify({ rows: 'x'.repeat(length) });

    it('are small before it is known who sends them', async () => {
      const { base } = await start();
      expect(await post(`${base}/api/echo`, rows(200_000))).toEqual([200, { type: 'object' }]);
      expect(await post(`${base}/api/echo`, rows(300_000))).toMatchObject([413, { error: { code: 'body_too_large' } }]);
      expect(await post(`${base}/api/echo`, rows(10), { 'content-encoding': 'gzip' })).toMatchObject([415, { error: { code: 'unsupported_media_type' } }]);
    });

    it('may be large where the route says so, for those whom it lets in', async () => {
      const { base } = await start();
      const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
      expect(await post(`${base}/api/admin/reconcile`, rows(1_500_000), as('good'))).toEqual([200, { length: 1_500_000 }]);
      expect(await post(`${base}/api/admin/reconcile`, rows(2_500_000), as('good'))).toMatchObject([413, { error: { code: 'body_too_large' } }]);
      expect(await post(`${base}/api/admin/reconcile`, '{"rows":"topsecret', as('good'))).toEqual([400, { error: { code: 'malformed_json', message: expect.not.stringContaining('topsecret') as string } }]);
      expect(await post(`${base}/api/admin/reconcile`, rows(10), { ...as('good'), 'content-type': 'text/plain' })).toMatchObject([415, {}]);
      expect(await post(`${base}/api/admin/reconcile?x=1`, rows(600_000), as('good'))).toMatchObject([200, {}]);
      // Reached by another spelling it is an ordinary body.
      expect(await post(`${base}/api/admin/reconcile/`, rows(10), as('good'))).toEqual([200, { length: 10 }]);
      expect(await post(`${base}/API/admin/reconcile`, rows(600_000), as('good'))).toMatchObject([413, {}]);
    });

    it('of strangers are not read where they may be large', async () => {
      const { base } = await start();
      let sent = 0;
      const endless = new ReadableStream({
        pull: (controller) => {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536));
          if (sent > 64 * MiB) controller.close();
        },
      });
      const outcome = await fetch(`${base}/api/admin/reconcile`, { method: 'POST', body: endless, duplex: 'half', headers: { 'content-type': 'application/json', authorization: 'Bearer bad' } } as RequestInit).then(
        (response) => response.status,
        () => 'cut off',
      );
      expect([401, 'cut off']).toContain(outcome);
    });

    it('that never end are refused when they are too large', async () => {
      const { base } = await start();
      const pieces = new ReadableStream({ pull: (controller) => controller.enqueue(new TextEncoder().encode('"'.padEnd(65_536, ' '))) });
      const outcome = await fetch(`${base}/api/admin/reconcile`, { method: 'POST', body: pieces, duplex: 'half', headers: { 'content-type': 'application/json', authorization: 'Bearer good' } } as RequestInit).then(
        (response) => response.status,
        () => 'cut off',
      );
      expect([413, 'cut off']).toContain(outcome);
    });
  });

  it('has a server with the limits that it was given', async () => {
    const { app } = await start({ APEX_HEADERS_TIMEOUT_MS: '700', APEX_BODY_TIMEOUT_MS: '900', APEX_KEEP_ALIVE_TIMEOUT_MS: '1100', APEX_MAX_CONNECTIONS: '12' });
    const server = app.getHttpServer() as Server;
    expect([server.headersTimeout, server.requestTimeout, server.keepAliveTimeout, server.maxConnections]).toEqual([700, 900, 1_100, 12]);
    expect((await start()).app.getHttpServer() as Server).toMatchObject({ headersTimeout: 20_000, requestTimeout: 120_000, keepAliveTimeout: 75_000 });
  });
});
