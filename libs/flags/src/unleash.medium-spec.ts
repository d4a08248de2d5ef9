import { once } from 'node:events';
import { LocalBus } from '@apex/queue';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { until } from '../../../test/support/eventually.js';
import { type OwnUnleash, startOwnUnleash } from '../../../test/support/unleash.js';
import { FlagsProcess } from '../test/flags-process.js';
import { MemoryFlags, trafficOf } from '../test/memory-flags.js';
import { flagEntities } from './entities/index.js';
import { type FlagsConfig } from './flags.module.js';

const ADMIN = { actor: 'operator:root', reason: 'a test' };
const IDS = Array.from({ length: 20_000 }, (_, i) => `tenant-${i}`);

describe('flags from a real Unleash server', () => {
  let db: TestDatabase;
  let first: TestDatabase;
  let unleash: OwnUnleash;
  const running: FlagsProcess[] = [];
  const start = async (environment: 'development' | 'production' = 'development'): Promise<FlagsProcess> => {
    const config: FlagsConfig = { unleash: { url: `${unleash.url}/api`, token: unleash.token(environment), environment, refreshMs: 200 } };
    const process = await FlagsProcess.start(db.url, new LocalBus(), config);
    running.push(process);
    return process;
  };
  const toggle = async (name: string, environment: string, strategy: unknown): Promise<void> => {
    await unleash.admin('POST', `/projects/default/features/${name}/environments/${environment}/strategies`, strategy);
    await unleash.admin('POST', `/projects/default/features/${name}/environments/${environment}/on`);
  };
  const rollout = (percentage: number): unknown => ({ name: 'flexibleRollout', parameters: { rollout: String(percentage), stickiness: 'default', groupId: 'gateway-rollout' }, constraints: [] });
  const inside = (flags: FlagsProcess): string[] => IDS.filter((customerId) => flags.traffic.assign({ customerId, keyId: 'k', session: null }).cohort === 'gateway');
  const expected = async (gatewayPercentage: number): Promise<string[]> => {
    const own = new MemoryFlags(trafficOf({ gatewayPercentage }));
    await own.router.start();
    const ids = IDS.filter((customerId) => own.router.assign({ customerId, keyId: 'k', session: null }).cohort === 'gateway');
    own.router.stop();
    return ids;
  };

  beforeAll(async () => {
    first = await createTestDatabase({ migrated: false });
    unleash = await startOwnUnleash(first.url);
    for (const name of ['gateway_enabled', 'gateway-rollout']) await unleash.admin('POST', '/projects/default/features', { name, type: 'release' });
    for (const environment of ['development', 'production']) await toggle('gateway_enabled', environment, { name: 'default', parameters: {}, constraints: [] });
    await toggle('gateway-rollout', 'development', rollout(25));
    await toggle('gateway-rollout', 'production', rollout(100));
  }, 300_000);
  afterAll(async () => {
    await unleash?.stop();
    await first?.drop();
  });
  beforeEach(async () => {
    db = await createTestDatabase({ entities: flagEntities });
  });
  afterEach(async () => {
    for (const process of running.splice(0)) await process.stop();
    await db.drop();
  });

  it('puts 20,000 customers where our own percentage puts them, and says who decides', async () => {
    const flags = await start();
    await until(() => flags.service.isEnabled('gateway_enabled'), 'the toggles arrive');
    await until(() => flags.router.rollout().gatewayPercentage === 25, 'the percentage arrives');
    expect(inside(flags)).toEqual(await expected(25));
    expect(await flags.service.traffic()).toMatchObject({ gatewayPercentage: 25, legacyPercentage: 75, stickiness: 'customer', authority: 'unleash', updatedBy: 'unleash' });
    expect(await flags.service.get('gateway_enabled')).toMatchObject({ enabled: true, authority: 'unleash' });
    await expect(flags.service.set('gateway_enabled', false, ADMIN)).rejects.toMatchObject({ code: 'set_in_unleash', httpStatus: 409 });
    await expect(flags.service.setTraffic({ gatewayPercentage: 0 }, ADMIN)).rejects.toMatchObject({ code: 'set_in_unleash', httpStatus: 409 });
    expect(await flags.service.set('billing_enabled', true, ADMIN)).toMatchObject({ enabled: true, authority: 'apex' });
  });

  it('has the states of another environment for another environment', async () => {
    const [development, production] = [await start('development'), await start('production')];
    await until(() => production.router.rollout().gatewayPercentage === 100, 'production arrives');
    await until(() => development.router.rollout().gatewayPercentage === 25, 'development arrives');
    await production.repository.refresh();
    expect(inside(production)).toHaveLength(20_000);
    expect(inside(development)).toEqual(await expected(25));
  });

  it('takes in a change, and loses none of it to an outage, a restart in the outage, or an empty server', async () => {
    const flags = await start();
    await until(() => flags.router.rollout().gatewayPercentage === 25, 'the first percentage');
    const arrived = once(flags.repository, 'changed');
    await unleash.admin('POST', '/projects/default/features/gateway-rollout/environments/development/strategies', rollout(50));
    await arrived;
    expect(inside(flags)).toEqual(await expected(50));

    await until(async () => (await db.dataSource.query(`select 1 from unleash_toggles where toggle->'strategies'->1->'parameters'->>'rollout' = '50'`)).length === 1, 'the change is kept');
    await unleash.stop();
    const restarted = await start();
    for (const one of [flags, restarted]) {
      expect(inside(one)).toEqual(await expected(50));
      await expect(one.service.setTraffic({ gatewayPercentage: 0 }, ADMIN)).rejects.toMatchObject({ code: 'set_in_unleash' });
    }

    const empty = await createTestDatabase({ migrated: false });
    try {
      await unleash.start(empty.url);
      await until(() => [flags, restarted].every((one) => one.repository.authority('gateway-rollout') === 'unleash_last_known'), 'the empty server has answered');
      for (const one of [flags, restarted]) expect(inside(one)).toEqual(await expected(50));
      expect(await flags.service.traffic()).toMatchObject({ gatewayPercentage: 50, authority: 'unleash_last_known' });
      await flags.service.setTraffic({ gatewayPercentage: 10 }, ADMIN);
      await restarted.repository.refresh();
      for (const one of [flags, restarted]) expect(inside(one)).toEqual(await expected(10));
      expect(await flags.service.traffic()).toMatchObject({ gatewayPercentage: 10, authority: 'apex' });
    } finally {
      await unleash.stop();
      await empty.drop();
    }
  });
});
