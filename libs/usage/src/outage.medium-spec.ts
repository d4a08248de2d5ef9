import { Logger } from '@nestjs/common';
import { createDataSource, runMigrations } from '@apex/database';
import { type DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { until } from '../../../test/support/eventually.js';
import { FreezingProxy } from '../../../test/support/freezing-proxy.js';
import { createTestDatabase, startOwnPostgres, type OwnServer, type TestDatabase } from '../../../test/support/postgres.js';
import { close } from '../test/journal-files.js';
import { closedRequest } from '../test/rows.js';
import { TemporaryHome } from '../test/temporary-home.js';

// Real: a Postgres that is taken away and given back.
describe('recording while Postgres is away', () => {
  let server: OwnServer;
  let dataSource: DataSource;
  let home: TemporaryHome;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    server = await startOwnPostgres();
    dataSource = await createDataSource({ url: server.url, entities: [], migrations, poolSize: 3 }).initialize();
    await runMigrations(dataSource);
    home = new TemporaryHome();
  }, 60_000);
  afterAll(async () => {
    await home.remove();
    await dataSource.destroy();
    await server.stop();
    Logger.overrideLogger(new Logger());
  }, 60_000);

  it('keeps records in the journal, says so, and stores them all when it is back', async () => {
    const service = await home.open(dataSource);
    await service.start();
    const requests = Array.from({ length: 300 }, () => closedRequest());
    await Promise.all(requests.slice(0, 100).map((request) => close(service.recorder, request)));
    await service.flush();

    await server.stop();
    await Promise.all(requests.slice(100, 200).map((request) => close(service.recorder, request)));
    await expect(service.flushWithin(500)).rejects.toMatchObject({ code: 'records_waiting', httpStatus: 503 });
    expect(service.statistics()).toMatchObject({ insertedRecords: 100, lastError: expect.any(String) });
    expect(service.statistics().backlogBytes).toBeGreaterThan(0);
    await Promise.all(requests.slice(200).map((request) => close(service.recorder, request)));

    await server.start();
    await service.flush();
    expect(service.statistics()).toMatchObject({ insertedRecords: 300, rejectedRecords: 0, backlogBytes: 0, lastError: null });
    const stored = await dataSource.query<Array<{ request_id: string }>>('select request_id from usage_records order by 1');
    expect(stored.map((row) => row.request_id)).toEqual(requests.map(({ record }) => record.request_id).sort());
  }, 60_000);
});

// Real: a Postgres behind a proxy that freezes, and thaws with everything that it had held.
describe('recording while Postgres hangs', () => {
  let database: TestDatabase;
  let proxy: FreezingProxy;
  let dataSource: DataSource;
  let home: TemporaryHome;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    proxy = await FreezingProxy.before(database.url);
    dataSource = await createDataSource({ url: proxy.url, entities: [], migrations: [], poolSize: 2, statementTimeoutMs: 100 }).initialize();
    home = new TemporaryHome();
  });
  afterEach(async () => {
    proxy.thaw();
    await home.remove();
    await dataSource.destroy();
    await proxy.close();
    await database.drop();
    Logger.overrideLogger(new Logger());
  });

  it.each([
    ['is deaf', ['requests']],
    // Every batch is committed, and nobody learns of it.
    ['is mute', ['answers']],
    ['is both', ['requests', 'answers']],
  ] as const)('gives up a connection to one that %s, goes on when it answers again, and stores everything once', async (_how, what) => {
    const service = await home.open(dataSource);
    await service.start();
    const requests = Array.from({ length: 300 }, () => closedRequest());
    await Promise.all(requests.slice(0, 100).map((request) => close(service.recorder, request)));
    await service.flush();

    proxy.freeze(...what);
    await Promise.all(requests.slice(100, 200).map((request) => close(service.recorder, request)));
    await until(() => service.statistics().lastError !== null, 'the batcher gives up');
    expect(service.statistics().backlogBytes).toBeGreaterThan(0);
    await Promise.all(requests.slice(200).map((request) => close(service.recorder, request)));

    proxy.thaw();
    await service.flush();
    expect(service.statistics()).toMatchObject({ rejectedRecords: 0, backlogBytes: 0, lastError: null });
    const stored = await database.dataSource.query<Array<{ request_id: string }>>('select request_id from usage_records order by 1');
    expect(stored.map((row) => row.request_id)).toEqual(requests.map(({ record }) => record.request_id).sort());
    expect(await database.dataSource.query('select count(*)::int as n from attempts')).toEqual([{ n: 300 }]);
  }, 60_000);
});
