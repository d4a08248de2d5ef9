import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { createTestDatabase, startOwnPostgres, type TestDatabase } from '../../../test/support/postgres.js';
import { until } from '../../../test/support/program.js';
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
});
