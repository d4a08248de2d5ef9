import { DataSource, type DataSourceOptions, type EntitySchema, type MigrationInterface } from 'typeorm';

export type EntityClass = (new () => object) | EntitySchema;
export type MigrationClass = new () => MigrationInterface;

export interface DatabaseConfig {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  readonly entities: readonly EntityClass[];
  readonly migrations: readonly MigrationClass[];
  /** Connections this process may hold; default 10. */
  readonly poolSize?: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
}

/** A data source that is not connected yet. It never changes the schema by itself: migrations do, by `runMigrations`. */
export function createDataSource(config: DatabaseConfig): DataSource {
  const options: DataSourceOptions = {
    type: 'postgres',
    url: config.url,
    entities: [...config.entities],
    migrations: [...config.migrations],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    installExtensions: false,
    poolSize: config.poolSize ?? 10,
    applicationName: config.applicationName ?? 'apex',
    connectTimeoutMS: 5_000,
    // A connection that breaks while it is idle is not this process' end: the pool opens a new one.
    poolErrorHandler: () => undefined,
    extra: { keepAlive: true, idleTimeoutMillis: 30_000 },
  };
  return new DataSource(options);
}
