import { Logger } from '@nestjs/common';
import { createDataSource, runMigrations } from '@apex/database';
import { type DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { startOwnPostgres, type OwnServer } from '../../../test/support/postgres.js';
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
