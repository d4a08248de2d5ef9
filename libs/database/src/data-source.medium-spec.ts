import { once, type EventEmitter } from 'node:events';
import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { FreezingProxy } from '../../../test/support/freezing-proxy.js';
import { createTestDatabase, startOwnPostgres, type TestDatabase } from '../../../test/support/postgres.js';
import { until } from '../../../test/support/eventually.js';
import { createDataSource } from './data-source.js';
import { DatabaseModule } from './database.module.js';

// Servers are started; on a machine that is busy with other suites that takes its time.
jest.setTimeout(90_000);

describe('DatabaseModule', () => {
  let db: TestDatabase;
  beforeAll(async () => (db = await createTestDatabase()));
  afterAll(() => db.drop());

  it('provides a connected data source and closes it at the shutdown', async () => {
    const module = await Test.createTestingModule({ imports: [DatabaseModule.forRoot({ url: db.url, entities: [], migrations: [], applicationName: 'apex-test' })] }).compile();
    const dataSource = module.get(DataSource);
    expect(await dataSource.query('select application_name from pg_stat_activity where pid = pg_backend_pid()')).toEqual([{ application_name: 'apex-test' }]);
    await module.close();
    expect(dataSource.isInitialized).toBe(false);
  });
});

describe('createDataSource', () => {
  it('outlives an outage of Postgres: queries fail, the process does not, and afterwards they work', async () => {
    const postgres = await startOwnPostgres();
    const dataSource = await createDataSource({ url: postgres.url, entities: [], migrations: [] }).initialize();
    await postgres.stop();
    await expect(dataSource.query('select 1')).rejects.toThrow();
    await postgres.start();
    await until(() => dataSource.query('select 1').then(() => true, () => false), 'queries work again');
    await dataSource.destroy();
    await postgres.stop();
  });

  describe('with a limit for statements', () => {
    let db: TestDatabase;
    let proxy: FreezingProxy;
    let dataSource: DataSource;
    beforeEach(async () => {
      db = await createTestDatabase();
      proxy = await FreezingProxy.before(db.url);
      dataSource = await createDataSource({ url: proxy.url, entities: [], migrations: [], poolSize: 1, statementTimeoutMs: 200 }).initialize();
    });
    afterEach(async () => {
      proxy.thaw();
      await dataSource.destroy();
      await proxy.close();
      await db.drop();
    });
    const backend = async (): Promise<number> => (await dataSource.query<[{ pid: number }]>('select pg_backend_pid() as pid'))[0].pid;

    it('has the server cancel what takes longer, and keeps the connection', async () => {
      const before = await backend();
      await expect(dataSource.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      expect(await backend()).toBe(before);
    });

    it('gives up a connection whose server does not answer, with everything that waits for it, and takes another one', async () => {
      const before = await backend();
      proxy.freeze('answers');
      const transaction = dataSource.transaction(async (manager) => {
        await Promise.all([manager.query('select 1'), manager.query('select 2')]);
      });
      await expect(transaction).rejects.toMatchObject({ driverError: { code: 'ETIMEDOUT' } });
      proxy.thaw();
      expect(await backend()).not.toBe(before);
    });

    it('does not wait for ever for a connection to a server that does not answer', async () => {
      await dataSource.destroy();
      proxy.freeze('answers');
      await expect(dataSource.initialize()).rejects.toThrow(/timeout/);
      proxy.thaw();
      await dataSource.initialize();
    });

    it('leaves a connection alone that nobody asks anything of', async () => {
      const runner = dataSource.createQueryRunner();
      const pid = async (): Promise<unknown> => runner.query('select pg_backend_pid()');
      const before = await pid();
      const silence = once((await runner.connect() as { connection: { stream: EventEmitter } }).connection.stream, 'timeout');
      await silence;
      expect(await pid()).toEqual(before);
      await runner.release();
    });
  });
});
