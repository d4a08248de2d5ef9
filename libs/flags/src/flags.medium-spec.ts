import { randomBytes } from 'node:crypto';
import { createDataSource, runMigrations } from '@apex/database';
import { LocalBus, RedisBus } from '@apex/queue';
import { migrations } from '../../../migrations/index.js';
import { createTestDatabase, startOwnPostgres, type OwnServer, type TestDatabase } from '../../../test/support/postgres.js';
import { startOwnRedis, testRedisUrl } from '../../../test/support/redis.js';
import { flagEntities } from './entities/index.js';
import { FlagsProcess } from '../test/flags-process.js';
import { type TrafficSubject } from './ports/traffic-router.js';

const ADMIN = { actor: 'operator:root', reason: 'a test' };
const HOUR = 3_600_000;
const subject = (customerId: string): TrafficSubject => ({ customerId, keyId: 'k', session: null });

describe('flags over real stores', () => {
  let db: TestDatabase;
  const running: FlagsProcess[] = [];
  const start = async (...args: Parameters<typeof FlagsProcess.start>): Promise<FlagsProcess> => {
    const process = await FlagsProcess.start(...args);
    running.push(process);
    return process;
  };
  beforeEach(async () => {
    db = await createTestDatabase({ entities: flagEntities });
  });
  afterEach(async () => {
    for (const process of running.splice(0)) await process.stop();
    await db.drop();
  });
  const auditRows = (): Promise<unknown[]> => db.dataSource.query('select actor, action, target, before, after, reason from audit_log order by id');

  it('has entities that match the migration', async () => {
    const log = await db.dataSource.driver.createSchemaBuilder().log();
    expect(log.upQueries.map((query) => query.query)).toEqual([]);
  });

  it('makes the rows that are missing and leaves the others', async () => {
    await db.dataSource.query(`insert into feature_flags (name, enabled, updated_by) values ('billing_enabled', true, 'operator:x')`);
    const one = await start(db.url, new LocalBus(), { definitions: [{ name: 'exact_cache_off', description: 'No exact cache.' }] });
    const flags = await one.service.list();
    expect(flags.map(({ name, enabled }) => [name, enabled])).toEqual([
      ['gateway_enabled', false],
      ['billing_enabled', true],
      ['usage_limits_enforced', false],
      ['validation_workbench', false],
      ['exact_cache_off', false],
    ]);
    expect(one.service.isEnabled('billing_enabled')).toBe(true);
    expect(one.service.isEnabled('exact_cache_off', { customerId: 'a' })).toBe(false);
    expect(await one.service.traffic()).toMatchObject({ gatewayPercentage: 0, legacyPercentage: 100, stickiness: 'customer', alsoFor: [], updatedBy: 'default' });
  });

  it('is in force where it was changed when the call returns', async () => {
    const one = await start(db.url, new LocalBus(), { pollMs: HOUR });
    expect(await one.service.set('gateway_enabled', true, ADMIN)).toMatchObject({ enabled: true, updatedBy: 'operator:root' });
    expect(one.service.isEnabled('gateway_enabled')).toBe(true);
    expect(one.traffic.assign(subject('a'))).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
    await one.service.setTraffic({ gatewayPercentage: 36 }, ADMIN);
    expect(one.traffic.assign(subject('a'))).toEqual({ cohort: 'gateway' });
    expect(one.traffic.assign(subject('tenant-42'))).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
    await one.service.setTraffic({ gatewayPercentage: 36, stickiness: 'session' }, ADMIN);
    expect(one.traffic.assign(subject('a'))).toEqual({ cohort: 'direct', reason: 'no_stickiness_id' });
    expect(await one.service.setTraffic({ gatewayPercentage: 40 }, ADMIN)).toMatchObject({ gatewayPercentage: 40, legacyPercentage: 60, stickiness: 'session' });
  });

  it('reaches another process by message alone', async () => {
    const prefix = `test:${randomBytes(6).toString('hex')}:`;
    const buses = [new RedisBus(testRedisUrl(), prefix), new RedisBus(testRedisUrl(), prefix)] as const;
    const one = await start(db.url, buses[0], { pollMs: HOUR });
    const two = await start(db.url, buses[1], { pollMs: HOUR });
    await buses[1].settled();
    for (const enabled of [true, false]) {
      const arrived = two.changed();
      await one.service.set('billing_enabled', enabled, ADMIN);
      await arrived;
      expect(two.service.isEnabled('billing_enabled')).toBe(enabled);
    }
  });

  it('reaches another process by looking alone, while Redis is away', async () => {
    const redis = await startOwnRedis();
    try {
      const one = await start(db.url, new RedisBus(redis.url));
      const two = await start(db.url, new RedisBus(redis.url));
      await redis.stop();
      const arrived = two.changed();
      await one.service.set('billing_enabled', true, ADMIN);
      await arrived;
      expect(two.service.isEnabled('billing_enabled')).toBe(true);
    } finally {
      await redis.stop();
    }
  });

  it('takes in what somebody wrote straight into the table', async () => {
    const one = await start(db.url, new LocalBus());
    const arrived = one.changed();
    await db.dataSource.query(`update feature_flags set enabled = true where name = 'validation_workbench'`);
    await arrived;
    expect(one.service.isEnabled('validation_workbench')).toBe(true);
  });

  describe('the audit log', () => {
    it('has every change, also one to the same value', async () => {
      const one = await start(db.url, new LocalBus());
      await one.service.set('gateway_enabled', true, ADMIN);
      await one.service.set('gateway_enabled', true, { actor: 'user:u1', reason: 'again' });
      await one.service.setTraffic({ gatewayPercentage: 10, stickiness: 'key' }, ADMIN);
      const on = { enabled: true, alsoFor: [] };
      expect(await auditRows()).toEqual([
        { actor: 'operator:root', action: 'flag.set', target: 'flag:gateway_enabled', before: { enabled: false, alsoFor: [] }, after: on, reason: 'a test' },
        { actor: 'user:u1', action: 'flag.set', target: 'flag:gateway_enabled', before: on, after: on, reason: 'again' },
        {
          actor: 'operator:root',
          action: 'traffic.set',
          target: 'traffic',
          before: { gatewayPercentage: 0, stickiness: 'customer', alsoFor: [] },
          after: { gatewayPercentage: 10, stickiness: 'key', alsoFor: [] },
          reason: 'a test',
        },
      ]);
    });

    it('has an unbroken chain of before and after when many write at once', async () => {
      const one = await start(db.url, new LocalBus());
      const two = await start(db.url, new LocalBus());
      const written = Array.from({ length: 20 }, (_, i) => i + 1);
      await Promise.all(written.map((gatewayPercentage) => (gatewayPercentage % 2 ? one : two).service.setTraffic({ gatewayPercentage }, ADMIN)));
      // Two processes make the ids, so before and after tell the order, not they.
      const rows = await db.dataSource.query<{ before: { gatewayPercentage: number }; after: { gatewayPercentage: number } }[]>('select before, after from audit_log');
      const next = new Map(rows.map((row) => [row.before.gatewayPercentage, row.after.gatewayPercentage]));
      const chain = [0];
      for (let after = next.get(0); after !== undefined; after = next.get(after)) chain.push(after);
      expect([...chain].sort((x, y) => x - y)).toEqual([0, ...written]);
      expect((await one.service.traffic()).gatewayPercentage).toBe(chain.at(-1));
    });

    it('has no row for a change that failed, and the change is not made', async () => {
      const one = await start(db.url, new LocalBus());
      await db.dataSource.query('alter table audit_log add constraint refuse check (action is null) not valid');
      await expect(one.service.set('gateway_enabled', true, ADMIN)).rejects.toThrow(/refuse/);
      await expect(one.service.setTraffic({ gatewayPercentage: 10 }, ADMIN)).rejects.toThrow(/refuse/);
      expect(await one.service.get('gateway_enabled')).toMatchObject({ enabled: false, updatedBy: 'default' });
      expect(await one.service.traffic()).toMatchObject({ gatewayPercentage: 0, updatedBy: 'default' });
    });

    it('refuses flags that nobody defined', async () => {
      const one = await start(db.url, new LocalBus());
      await expect(one.service.get('nope')).rejects.toMatchObject({ code: 'unknown_flag', httpStatus: 404 });
      await expect(one.service.set('nope', true, ADMIN)).rejects.toMatchObject({ code: 'unknown_flag' });
      expect(() => one.service.isEnabled('nope')).toThrow(/no flag 'nope'/);
      expect(await auditRows()).toEqual([]);
    });
  });

  describe('the quick start', () => {
    const demo = { cohort: 'gateway' };
    const quickStarts = (target: string): unknown => expect.objectContaining({ actor: 'quick-start', action: 'quick_start', target });

    it('turns the gateway on for its own customer alone, once', async () => {
      const one = await start(db.url, new LocalBus());
      await one.service.quickStartFor('demo');
      expect(one.traffic.assign(subject('demo'))).toEqual(demo);
      expect(one.traffic.assign(subject('a'))).toEqual({ cohort: 'direct', reason: 'flag_off' });
      expect(one.service.isEnabled('gateway_enabled', { customerId: 'demo' })).toBe(true);
      expect(one.service.isEnabled('gateway_enabled')).toBe(false);
      expect(await one.service.get('gateway_enabled')).toMatchObject({ enabled: false, alsoFor: ['demo'], updatedBy: 'default' });
      expect(await one.service.traffic()).toMatchObject({ gatewayPercentage: 0, alsoFor: ['demo'], updatedBy: 'default' });
      await one.service.quickStartFor('demo');
      expect(await auditRows()).toEqual([quickStarts('flag:gateway_enabled'), quickStarts('traffic')]);
    });

    it('gives way to an admin who sets the flag, then and for ever', async () => {
      const one = await start(db.url, new LocalBus());
      await one.service.quickStartFor('demo');
      await one.service.set('gateway_enabled', false, ADMIN);
      await one.service.quickStartFor('demo');
      expect(await one.service.get('gateway_enabled')).toMatchObject({ enabled: false, alsoFor: [] });
      expect(await one.service.traffic()).toMatchObject({ alsoFor: ['demo'] });
      expect(one.traffic.assign(subject('demo'))).toEqual({ cohort: 'direct', reason: 'flag_off' });
    });

    it('gives way to an admin who sets the traffic, and to nothing else', async () => {
      const one = await start(db.url, new LocalBus());
      await one.service.setTraffic({ gatewayPercentage: 0 }, ADMIN);
      await one.service.quickStartFor('demo');
      expect(await one.service.traffic()).toMatchObject({ alsoFor: [], updatedBy: 'operator:root' });
      expect(await one.service.get('gateway_enabled')).toMatchObject({ alsoFor: ['demo'], updatedBy: 'default' });
      expect(one.traffic.assign(subject('demo'))).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
      expect(await auditRows()).toEqual([expect.objectContaining({ action: 'traffic.set' }), quickStarts('flag:gateway_enabled')]);
    });
  });

  it('shows the share that was realised: recent, and only what came in on /v1', async () => {
    const one = await start(db.url, new LocalBus());
    const record = (minutesAgo: number, path: string, cohort: string, reason: string | null): Promise<unknown> =>
      db.dataSource.query(
        `insert into usage_records (request_id, customer_id, key_id, surface, path, cohort, cohort_reason, status, usage_source, pricing, started_at)
         values ((lpad(to_hex((extract(epoch from now()) * 1000)::bigint - $1::bigint * 60000), 12, '0') || '7000' || '8000' || left(md5(random()::text), 12))::uuid,
           'c', gen_random_uuid(), 'chat.completions', $2, $3, $4, 'final', 'provider', 'priced', now())`,
        [minutesAgo, path, cohort, reason],
      );
    expect((await one.service.traffic()).realised).toEqual({ windowMinutes: 15, requests: 0, gatewayRequests: 0, share: null });
    await record(1, 'gateway', 'gateway', null);
    await record(14, 'gateway', 'direct', 'not_in_percentage');
    await record(1, 'gateway', 'direct', 'flag_off');
    await record(1, 'gateway', 'control', null);
    await record(1, 'direct', 'direct', 'direct_path');
    await record(16, 'gateway', 'gateway', null);
    expect((await one.service.traffic()).realised).toEqual({ windowMinutes: 15, requests: 4, gatewayRequests: 1, share: 0.25 });
  });
});

describe('flags while Postgres is away', () => {
  let postgres: OwnServer;
  beforeEach(async () => {
    postgres = await startOwnPostgres();
    const dataSource = await createDataSource({ url: postgres.url, entities: [], migrations }).initialize();
    await runMigrations(dataSource);
    await dataSource.destroy();
  });
  afterEach(() => postgres.stop());

  it('serves the last state, and goes on with the next when Postgres is back', async () => {
    const one = await FlagsProcess.start(postgres.url, new LocalBus(), { pollMs: 50 });
    const two = await FlagsProcess.start(postgres.url, new LocalBus(), { pollMs: 50 });
    try {
      const arrived = two.changed();
      await one.service.set('gateway_enabled', true, ADMIN);
      await one.service.setTraffic({ gatewayPercentage: 36 }, ADMIN);
      await arrived;
      await two.repository.refresh();
      await postgres.stop();
      await two.repository.refresh();
      await expect(one.service.setTraffic({ gatewayPercentage: 0 }, ADMIN)).rejects.toThrow();
      for (const customer of ['a', 'never-seen-before']) {
        expect(two.service.isEnabled('gateway_enabled', { customerId: customer })).toBe(true);
      }
      expect(two.traffic.assign(subject('a'))).toEqual({ cohort: 'gateway' });
      expect(two.traffic.assign(subject('tenant-42'))).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
      await postgres.start();
      const again = two.changed();
      await one.service.setTraffic({ gatewayPercentage: 35 }, ADMIN);
      await again;
      expect(two.traffic.assign(subject('a'))).toEqual({ cohort: 'direct', reason: 'not_in_percentage' });
    } finally {
      await one.stop();
      await two.stop();
    }
  });
});
