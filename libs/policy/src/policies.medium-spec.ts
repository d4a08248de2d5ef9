import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { AuditLog, ContentBox } from '@apex/auth';
import { FakeClock } from '@apex/common';
import { LocalBus, RedisBus } from '@apex/queue';
import { until } from '../../../test/support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { testRedisUrl } from '../../../test/support/redis.js';
import { DEFAULT_POLICY, type PolicyDocument } from './core/policy-document.js';
import { PoliciesService } from './policies.service.js';
import { PolicyDirectory } from './policy-directory.js';
import { POLICY_CHANNEL } from './policy.tokens.js';

const change = { actor: 'operator:root', reason: 'a test' };
const withTtl = (ttlSeconds: number): PolicyDocument => ({ ...DEFAULT_POLICY, mechanisms: { ...DEFAULT_POLICY.mechanisms, exact_cache: { enabled: true, ttlSeconds, sampled: false } } });

// Real: Postgres and Redis.
describe('policies', () => {
  let database: TestDatabase;
  const key = randomBytes(32);
  const clock = new FakeClock(Date.UTC(2026, 10, 22));
  const running: Array<{ stop(): Promise<void> }> = [];

  beforeEach(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    await database.dataSource.query(`insert into customers (id, name) values ('acme', 'Acme'), ('other', 'Other')`);
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await database.drop();
    Logger.overrideLogger(new Logger());
  });

  async function start({ bus = new LocalBus(), pollMs = 60_000 }: { bus?: LocalBus | RedisBus; pollMs?: number } = {}) {
    const directory = new PolicyDirectory({ dataSource: database.dataSource, box: new ContentBox(key).derive('experiment'), clock, pollMs, subscribe: (onMessage) => bus.subscribe(POLICY_CHANNEL, onMessage) });
    await directory.start();
    running.push(directory);
    return { directory, service: new PoliciesService(database.dataSource, new AuditLog(database.dataSource), bus, directory) };
  }

  it('are everybody’s default until a customer has one of its own', async () => {
    const { directory, service } = await start();
    expect(directory.of('acme').document).toEqual(DEFAULT_POLICY);
    const draft = await service.draft('acme', withTtl(60), change);
    expect(draft).toMatchObject({ customerId: 'acme', version: 1, status: 'draft' });
    await service.validate(draft.id, change);
    expect(directory.of('acme').customerId).toBeNull();
    await service.activate(draft.id, change);
    expect(directory.of('acme')).toMatchObject({ id: draft.id, version: 1, document: withTtl(60) });
    expect(directory.of('other').document).toEqual(DEFAULT_POLICY);

    const next = await service.draft('acme', withTtl(120), change);
    await service.validate(next.id, change);
    await service.activate(next.id, change);
    expect(directory.of('acme')).toMatchObject({ version: 2, document: withTtl(120) });
    expect((await service.get(draft.id)).status).toBe('retired');
    await service.retire(next.id, change);
    expect(directory.of('acme').document).toEqual(DEFAULT_POLICY);

    const audit = await database.dataSource.query<Array<{ action: string; actor: string; reason: string }>>('select action, actor, reason from audit_log order by id');
    expect(audit.map(({ action }) => action)).toEqual(['policy.draft', 'policy.validated', 'policy.active', 'policy.draft', 'policy.validated', 'policy.retired', 'policy.active', 'policy.retired']);
    expect(audit.every(({ actor, reason }) => actor === change.actor && reason === change.reason)).toBe(true);
  });

  it('refuse what does not validate, wrong steps, and a life without any policy', async () => {
    const { directory, service } = await start();
    await expect(service.draft('acme', { ...DEFAULT_POLICY, schema: 2 }, change)).rejects.toMatchObject({ code: 'invalid_policy', httpStatus: 400 });
    await expect(service.draft('nobody', DEFAULT_POLICY, change)).rejects.toMatchObject({ code: 'unknown_customer' });
    const draft = await service.draft(null, withTtl(5), change);
    expect(draft.version).toBe(2);
    await expect(service.activate(draft.id, change)).rejects.toMatchObject({ code: 'wrong_policy_status' });
    const everybodys = directory.of('acme').id;
    await expect(service.retire(everybodys, change)).rejects.toMatchObject({ code: 'wrong_policy_status' });
    await expect(service.get('01956c00-0000-7000-8000-000000000001')).rejects.toMatchObject({ code: 'unknown_policy' });
    await expect(database.dataSource.query(`update policies set document = '{}' where id = $1`, [draft.id])).rejects.toThrow('immutable');
    await expect(database.dataSource.query('delete from policies')).rejects.toThrow('immutable');
    await service.retire(draft.id, change);
    await expect(database.dataSource.query(`update policies set status = 'active' where id = $1`, [draft.id])).rejects.toThrow('does not go back');
  });

  it('number the versions of one customer one by one, however many draft at once', async () => {
    const { service } = await start();
    const drafts = await Promise.all(Array.from({ length: 8 }, (_, index) => service.draft('acme', withTtl(index + 1), change)));
    expect(drafts.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('are in force in every process, by message and by looking', async () => {
    const buses = [new RedisBus(testRedisUrl()), new RedisBus(testRedisUrl())] as const;
    running.push({ stop: async () => void (await Promise.all(buses.map((bus) => bus.close()))) });
    const one = await start({ bus: buses[0] });
    const listening = await start({ bus: buses[1] });
    const looking = await start({ pollMs: 20 });
    const draft = await one.service.draft('acme', withTtl(77), change);
    await one.service.validate(draft.id, change);
    await one.service.activate(draft.id, change);
    await until(() => [one, listening, looking].every(({ directory }) => directory.of('acme').id === draft.id), 'everywhere in force', 5_000);
  });

  it('share one secret per customer and period, which is there before the period begins', async () => {
    const [a, b] = [await start(), await start()];
    const secret = a.directory.secretAt('acme', clock.now());
    expect(secret).toHaveLength(32);
    expect(b.directory.secretAt('acme', clock.now())).toEqual(secret);
    expect(a.directory.secretAt('other', clock.now())).not.toEqual(secret);
    expect(a.directory.secretAt('acme', Date.UTC(2026, 11, 1))).not.toEqual(secret);
    expect(a.directory.secretAt('acme', Date.UTC(2026, 11, 1))).toHaveLength(32);
    expect(a.directory.secretAt('acme', Date.UTC(2027, 5, 1))).toBeNull();
  });

  it('stay in force when what is stored cannot be read', async () => {
    const { directory, service } = await start();
    const draft = await service.draft('acme', withTtl(60), change);
    await database.dataSource.query(`insert into policies (id, customer_id, version, document, status, created_by) values (gen_random_uuid(), 'other', 1, '{"schema": 9}', 'active', 'a newer release')`);
    await service.validate(draft.id, change);
    await service.activate(draft.id, change);
    expect(directory.of('other').document).toEqual(DEFAULT_POLICY);
    expect(directory.of('acme').document).toEqual(withTtl(60));
  });
});
