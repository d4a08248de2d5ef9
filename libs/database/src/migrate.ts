import { type DataSource } from 'typeorm';

/** Any number, but the same in all processes: the key of the advisory lock that migrations run under. */
const LOCK_KEY = 4_157_320_118;

/**
 * Brings the schema up to date. Several processes may call it at once: one works, the others wait and find it done.
 * Waiting and migrating may take long: give it a data source without a `statementTimeoutMs` (0).
 * @returns the names of the migrations that this call has run.
 */
export async function runMigrations(dataSource: DataSource): Promise<string[]> {
  // The lock belongs to a connection of its own: the server gives it back should this process die in the middle.
  const guard = dataSource.createQueryRunner();
  await guard.connect();
  try {
    await guard.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    try {
      const run = await dataSource.runMigrations();
      return run.map((migration) => migration.name);
    } finally {
      await guard.query('select pg_advisory_unlock($1)', [LOCK_KEY]);
    }
  } finally {
    await guard.release();
  }
}
