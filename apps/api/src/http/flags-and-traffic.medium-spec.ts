import { Global, Module, type INestApplication } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { AuditLog, AuthGuard, CallerAuthenticator, TermsStore, type CallerContext, findUndeclaredRoutes } from '@apex/auth';
import { ApexError, Clock, SystemClock } from '@apex/common';
import { flagEntities, FlagsModule, TrafficRouter } from '@apex/flags';
import { Bus, LocalBus } from '@apex/queue';
import { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres.js';
import { FlagsController } from './flags.controller.js';
import { ApexErrorFilter } from './support/apex-error.filter.js';
import { TrafficController } from './traffic.controller.js';

const CALLERS: Record<string, CallerContext> = {
  operator: { kind: 'operator', name: 'root' },
  owner: { kind: 'user', customerId: 'c', userId: 'u1', role: 'owner' },
};

class FakeCallers extends CallerAuthenticator {
  override async authenticate(token: string): Promise<CallerContext> {
    const caller = CALLERS[token];
    if (!caller) throw new ApexError('unknown_token', 401, 'No such token.');
    return caller;
  }
}

describe('flags and traffic over HTTP', () => {
  let db: TestDatabase;
  let app: INestApplication;
  let base: string;

  beforeEach(async () => {
    db = await createTestDatabase({ entities: flagEntities });
    @Global()
    @Module({
      providers: [{ provide: DataSource, useValue: db.dataSource }, { provide: Bus, useClass: LocalBus }, { provide: Clock, useClass: SystemClock }, AuditLog],
      exports: [DataSource, Bus, Clock, AuditLog],
    })
    class Stores {}
    const module = await Test.createTestingModule({
      imports: [Stores, FlagsModule.forRoot()],
      controllers: [FlagsController, TrafficController],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: CallerAuthenticator, useClass: FakeCallers },
        { provide: TermsStore, useValue: {} },
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalFilters(new ApexErrorFilter());
    await app.listen(0, '127.0.0.1');
    base = `${await app.getUrl()}/api/admin`;
  });
  afterEach(async () => {
    await app.close();
    await db.drop();
  });

  const send = async (method: string, path: string, body?: unknown, token = 'operator'): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const audit = (): Promise<{ actor: string; reason: string }[]> => db.dataSource.query('select actor, reason from audit_log order by id');

  it('turns a flag on and off, in force at once', async () => {
    expect(await send('GET', '/flags/gateway_enabled')).toMatchObject({ status: 200, body: { name: 'gateway_enabled', enabled: false, alsoFor: [], updatedBy: 'default' } });
    expect(await send('PUT', '/flags/gateway_enabled', { enabled: true, reason: 'launch' })).toMatchObject({ status: 200, body: { enabled: true, updatedBy: 'operator:root' } });
    expect(await send('PUT', '/flags/gateway_enabled', { enabled: true, reason: 'launch, again' })).toMatchObject({ status: 200, body: { enabled: true } });
    expect(app.get(TrafficRouter).assign({ customerId: 'a', keyId: 'k', session: null })).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
    expect(await send('PUT', '/traffic', { gatewayPercentage: 100, reason: 'all' })).toMatchObject({ status: 200 });
    expect(app.get(TrafficRouter).assign({ customerId: 'a', keyId: 'k', session: null })).toEqual({ cohort: 'gateway' });
    expect(await audit()).toEqual(['launch', 'launch, again', 'all'].map((reason) => ({ actor: 'operator:root', reason })));
  });

  it('lists all flags with what they mean', async () => {
    const { body } = await send('GET', '/flags');
    expect(body).toMatchObject({ data: ['gateway_enabled', 'billing_enabled', 'usage_limits_enforced', 'validation_workbench'].map((name) => ({ name, enabled: false, description: expect.any(String) })) });
  });

  it('shows the percentage, its complement and what came of it', async () => {
    expect(await send('PUT', '/traffic', { gatewayPercentage: 10, stickiness: 'session', reason: 'first step' })).toMatchObject({ status: 200 });
    expect(await send('GET', '/traffic')).toEqual({
      status: 200,
      body: {
        gatewayPercentage: 10,
        legacyPercentage: 90,
        stickiness: 'session',
        authority: 'apex',
        alsoFor: [],
        realised: { windowMinutes: 15, requests: 0, gatewayRequests: 0, share: null },
        updatedBy: 'operator:root',
        updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    });
  });

  it.each([
    ['/flags/gateway_enabled', { enabled: 'yes', reason: 'x' }, 'enabled'],
    ['/flags/gateway_enabled', { enabled: true }, 'reason'],
    ['/flags/gateway_enabled', { enabled: true, reason: '  ' }, 'reason'],
    ['/traffic', { gatewayPercentage: 101, reason: 'x' }, 'gatewayPercentage'],
    ['/traffic', { gatewayPercentage: -1, reason: 'x' }, 'gatewayPercentage'],
    ['/traffic', { gatewayPercentage: 10.5, reason: 'x' }, 'gatewayPercentage'],
    ['/traffic', { gatewayPercentage: '10', reason: 'x' }, 'gatewayPercentage'],
    ['/traffic', { gatewayPercentage: 10, stickiness: 'moon', reason: 'x' }, 'stickiness'],
    ['/traffic', { gatewayPercentage: 10 }, 'reason'],
  ])('refuses PUT %s %j', async (path, body, param) => {
    expect(await send('PUT', path, body)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', param } } });
    expect(await audit()).toEqual([]);
  });

  it('refuses what is read-only, rather than ignoring it', async () => {
    expect(await send('PUT', '/traffic', { gatewayPercentage: 10, legacyPercentage: 10, reason: 'x' })).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
  });

  it('knows no flags but those defined', async () => {
    for (const answer of [await send('GET', '/flags/nope'), await send('PUT', '/flags/nope', { enabled: true, reason: 'x' }), await send('GET', '/flags/__proto__')]) {
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'unknown_flag' } } });
    }
  });

  it('is for operators only, on every route', async () => {
    expect(findUndeclaredRoutes(app)).toEqual([]);
    for (const [method, path, body] of [['GET', '/flags'], ['GET', '/traffic'], ['GET', '/flags/gateway_enabled'], ['PUT', '/flags/gateway_enabled', { enabled: true, reason: 'x' }], ['PUT', '/traffic', { gatewayPercentage: 1, reason: 'x' }]] as const) {
      expect([path, (await send(method, path, body, 'owner')).status, (await send(method, path, body, 'nobody')).status]).toEqual([path, 403, 401]);
    }
    expect(await audit()).toEqual([]);
  });

  it('is described in OpenAPI', () => {
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
    expect(Object.keys(paths)).toEqual(['/api/admin/flags', '/api/admin/flags/{name}', '/api/admin/traffic']);
    expect(paths['/api/admin/traffic']?.put?.requestBody).toMatchObject({ content: { 'application/json': { schema: { required: ['gatewayPercentage', 'reason'] } } } });
  });
});
