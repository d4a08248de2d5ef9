import { Controller, Get, HttpCode, Logger, Post, type INestApplication } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { jest } from '@jest/globals';
import { z } from 'zod';
import { AdminOnly, AuthGuard, Authenticated, Caller, CallerAuthenticator, CustomerAccess, CustomerId, Public, TermsStore, actorOf, findUndeclaredRoutes, type CallerContext, type Scope } from '@apex/auth';
import { ApexError, conflict, customerIdSchema, instantSchema, notFound } from '@apex/common';
import { ApexErrorFilter } from './apex-error.filter.js';
import { ZodBody, ZodParam, ZodQuery } from './zod-params.js';
import { ZodResponse } from './zod-response.js';

const bodySchema = z.object({ name: z.string().min(1), tags: z.array(z.string()).default([]) });
const querySchema = z.object({ from: instantSchema.optional(), groupBy: z.enum(['day', 'model']).optional() });

@Controller('kit')
class KitController {
  @Post('echo')
  @HttpCode(200)
  @Public('a test')
  @ZodResponse(200, bodySchema)
  echo(@ZodBody(bodySchema) body: z.output<typeof bodySchema>): unknown {
    return body;
  }

  @Get('range')
  @Public('a test')
  range(@ZodQuery(querySchema) query: z.output<typeof querySchema>): unknown {
    return { isDate: query.from instanceof Date, ...query };
  }

  @Get('customers/:id')
  @Public('a test')
  one(@ZodParam('id', customerIdSchema) id: string): string {
    if (id === 'known') throw conflict('customer_exists', 'There is one.');
    if (id === 'broken') throw new Error('the password is hunter2');
    if (id === 'timeout') throw Object.assign(new Error('canceling statement due to statement timeout'), { driverError: { code: '57014' } });
    if (id === 'silent') throw Object.assign(new Error('no answer'), { driverError: Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }) });
    if (id === 'away') throw Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
    if (id === 'nul') throw Object.assign(new Error('invalid byte sequence'), { driverError: { code: '22021' } });
    if (id === 'slow') throw new ApexError('login_throttled', 429, 'Later.', { details: { retryAfterSeconds: 1.2 } });
    throw notFound('customer');
  }

  @Get('admin')
  @AdminOnly()
  admin(@Caller() caller: CallerContext): string {
    return actorOf(caller);
  }

  @Get('me')
  @Authenticated()
  me(@Caller() caller: CallerContext): string {
    return actorOf(caller);
  }

  @Get('usage')
  @CustomerAccess('usage:read')
  usage(@CustomerId() customerId: string): string {
    return customerId;
  }

  @Get('forgotten')
  forgotten(): string {
    return 'never seen';
  }
}

const key = (customerId: string, ...scopes: Scope[]): CallerContext => ({ kind: 'key', customerId, keyId: 'k1', scopes: new Set(scopes) });
const CALLERS: Record<string, CallerContext> = {
  operator: { kind: 'operator', name: 'root' },
  admin: { kind: 'user', customerId: null, userId: 'u0', role: 'admin' },
  owner: { kind: 'user', customerId: 'a', userId: 'u1', role: 'owner' },
  reader: key('a', 'usage:read'),
  caller: key('a', 'inference'),
};

class FakeCallers extends CallerAuthenticator {
  override async authenticate(token: string): Promise<CallerContext> {
    const caller = CALLERS[token];
    if (!caller) throw new ApexError('unknown_token', 401, 'No such token.');
    return caller;
  }
}

describe('the HTTP kit', () => {
  let app: INestApplication;
  let base: string;
  const errors = jest.fn();

  beforeAll(async () => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(errors);
    const module = await Test.createTestingModule({
      controllers: [KitController],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: CallerAuthenticator, useClass: FakeCallers },
        { provide: TermsStore, useValue: {} },
      ],
    }).compile();
    app = module.createNestApplication<NestExpressApplication>({ logger: false }).useBodyParser('json', { limit: '1kb' });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = (await app.getUrl()) + '/kit';
  });
  afterAll(async () => {
    await app.close();
    jest.restoreAllMocks();
  });
  beforeEach(() => errors.mockClear());

  const send = async (path: string, init?: RequestInit): Promise<{ status: number; body: unknown; headers: Headers }> => {
    const response = await fetch(base + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  const post = (path: string, body: string): ReturnType<typeof send> => send(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  const as = (path: string, token: string): ReturnType<typeof send> => send(path, { headers: { authorization: `Bearer ${token}` } });

  it('hands on what the schema makes of body, query and path', async () => {
    expect(await post('/echo', '{"name":"x","more":1}')).toMatchObject({ status: 200, body: { name: 'x', tags: [] } });
    expect(await send('/range?from=2026-11-01&groupBy=day')).toMatchObject({ body: { isDate: true, from: '2026-11-01T00:00:00.000Z', groupBy: 'day' } });
  });

  it('names the field that is wrong', async () => {
    expect(await post('/echo', '{"name":"x","tags":["a",3]}')).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', param: 'tags.1' } } });
    expect(await send('/range?groupBy=moon')).toMatchObject({ status: 400, body: { error: { param: 'groupBy' } } });
    expect(await send('/customers/..%2Fetc')).toMatchObject({ status: 400, body: { error: { param: 'id' } } });
    expect(await send('/echo', { method: 'POST' })).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', param: 'name' } } });
    expect(await post('/echo', '[1]')).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
  });

  it('answers broken and too large bodies without quoting them', async () => {
    const broken = await post('/echo', '{"name":"topsecret"');
    expect(broken).toMatchObject({ status: 400, body: { error: { code: 'malformed_json' } } });
    expect(JSON.stringify(broken.body)).not.toContain('topsecret');
    expect(await post('/echo', JSON.stringify({ name: 'x'.repeat(2000) }))).toMatchObject({ status: 413, body: { error: { code: 'body_too_large' } } });
  });

  it('maps expected errors, keeps inner detail inside and logs what is ours', async () => {
    expect(await send('/customers/known')).toMatchObject({ status: 409, body: { error: { code: 'customer_exists' } } });
    expect(await send('/customers/nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await send('/nowhere')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await send('/customers/nul')).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
    const slow = await send('/customers/slow');
    expect([slow.status, slow.headers.get('retry-after')]).toEqual([429, '2']);
    expect(errors).not.toHaveBeenCalled();

    const unknown = await send('/customers/broken');
    expect(unknown).toMatchObject({ status: 500, body: { error: { code: 'internal_error' } } });
    expect(JSON.stringify(unknown.body)).not.toContain('hunter2');
    const away = await send('/customers/away');
    expect(away).toMatchObject({ status: 503, body: { error: { code: 'store_unavailable' } } });
    expect(JSON.stringify(away.body)).not.toContain('10.0.0.1');
    expect(errors).toHaveBeenCalledTimes(2);
    expect(await send('/customers/timeout')).toMatchObject({ status: 503, body: { error: { code: 'store_too_slow' } } });
    expect(await send('/customers/silent')).toMatchObject({ status: 503, body: { error: { code: 'store_unavailable' } } });
  });

  it('lets in only whom a route names', async () => {
    const statuses = async (path: string): Promise<Record<string, number>> =>
      Object.fromEntries(await Promise.all(['nobody', ...Object.keys(CALLERS)].map(async (token) => [token, (await as(path, token)).status] as const)));
    expect(await statuses('/admin')).toEqual({ nobody: 401, operator: 200, admin: 200, owner: 403, reader: 403, caller: 403 });
    expect(await statuses('/me')).toEqual({ nobody: 401, operator: 200, admin: 200, owner: 200, reader: 200, caller: 200 });
    expect(await statuses('/usage')).toEqual({ nobody: 401, operator: 400, admin: 400, owner: 200, reader: 200, caller: 403 });
    expect(await statuses('/usage?customerId=b')).toEqual({ nobody: 401, operator: 200, admin: 200, owner: 403, reader: 403, caller: 403 });
    expect((await as('/usage?customerId=b', 'operator')).body).toBe('b');
    expect((await as('/usage?customerId=a', 'reader')).body).toBe('a');
    const bare = await send('/me');
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  it('keeps a route closed that does not say who may use it, and the structural test finds it', async () => {
    expect(await as('/forgotten', 'operator')).toMatchObject({ status: 403, body: { error: { code: 'route_without_access' } } });
    expect(findUndeclaredRoutes(app)).toEqual(['KitController.forgotten']);
  });

  it('tells OpenAPI about bodies, queries, paths, answers and access', () => {
    const document = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
    const echo = document.paths['/kit/echo']?.post;
    expect(echo?.requestBody).toMatchObject({ content: { 'application/json': { schema: { type: 'object', required: ['name'] } } } });
    expect(echo?.responses['200']).toMatchObject({ content: { 'application/json': { schema: { type: 'object' } } } });
    expect(document.paths['/kit/range']?.get?.parameters).toMatchObject([
      { name: 'from', in: 'query', required: false },
      { name: 'groupBy', in: 'query', schema: { enum: ['day', 'model'] } },
    ]);
    expect(document.paths['/kit/customers/{id}']?.get?.parameters).toMatchObject([{ name: 'id', in: 'path', schema: { type: 'string' } }]);
    expect(document.paths['/kit/usage']?.get).toMatchObject({ security: [{ bearer: [] }], parameters: [{ name: 'customerId', required: false }] });
  });
});
