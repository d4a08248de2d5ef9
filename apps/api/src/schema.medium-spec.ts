import { authEntities } from '@apex/auth';
import { flagEntities } from '@apex/flags';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';

/** Triggers, partitions and indexes on expressions are outside of what the schema builder sees. */
describe('the migrated schema', () => {
  let db: TestDatabase;
  beforeAll(async () => (db = await createTestDatabase({ entities: [...authEntities, ...flagEntities] })));
  afterAll(() => db.drop());

  it('is what the entities say: TypeORM would change nothing', async () => {
    const changes = await db.dataSource.driver.createSchemaBuilder().log();
    expect(changes.upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('is really compared: a column that no entity knows is seen', async () => {
    await db.dataSource.query('alter table customers add column stray integer');
    const changes = await db.dataSource.driver.createSchemaBuilder().log();
    expect(changes.upQueries.map(({ query }) => query).join()).toContain('"stray"');
  });
});
