import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DatabaseModule } from '@apex/database';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { closedRequest } from '../test/rows.js';
import { TemporaryHome } from '../test/temporary-home.js';
import { UsageRecorder } from './ports/usage-recorder.js';
import { Reconciler } from './reconciler.service.js';
import { UsageModule } from './usage.module.js';
import { UsageQuery } from './usage-query.service.js';

describe('UsageModule', () => {
  let database: TestDatabase;
  let home: TemporaryHome;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    home = new TemporaryHome();
  });
  afterAll(async () => {
    await home.remove();
    await database.drop();
    Logger.overrideLogger(new Logger());
  });

  const application = async () => {
    const module = await Test.createTestingModule({
      imports: [UsageModule.forRoot({ home: home.path, sync: 'always' }), DatabaseModule.forRoot({ url: database.url, entities: [], migrations: [], poolSize: 2 })],
    }).compile();
    module.useLogger(false);
    return module.init();
  };

  it('records from the start to the very end of the application, and the next one finds it all', async () => {
    const first = await application();
    const { record, attempts } = closedRequest();
    const written = new Promise<void>((resolve, reject) => first.get(UsageRecorder).close(record, attempts, (error) => (error ? reject(error) : resolve())));
    await written;
    await first.close();
    expect(await database.dataSource.query('select request_id, status from usage_records')).toEqual([{ request_id: record.request_id, status: 'final' }]);

    const second = await application();
    expect(await second.get(UsageQuery).summarize({ customerId: 'demo', groupBy: 'model', to: new Date(Date.now() + 1_000) })).toMatchObject({ total: { requests: 1, costPicodollars: '33000000' }, groups: [{ key: 'gpt-4o-mini' }] });
    expect(second.get(Reconciler)).toBeInstanceOf(Reconciler);
    await second.close();
  });
});
