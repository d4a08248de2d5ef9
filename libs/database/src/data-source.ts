import { envInt } from '@apex/common';
import type pg from 'pg';
import { DataSource, type DataSourceOptions, type EntitySchema, type MigrationInterface } from 'typeorm';
import { z } from 'zod';
import { limitStatements } from './limits.js';

export type EntityClass = (new () => object) | EntitySchema;
export type MigrationClass = new () => MigrationInterface;

const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;

/** This lib's part of the environment. */
export const databaseEnvSchema = z.object({
  APEX_DATABASE_TIMEOUT_MS: envInt
    .refine((ms) => ms <= 2_000_000_000, 'at most 2000000000')
    .default(DEFAULT_STATEMENT_TIMEOUT_MS)
    .describe('How long one statement may take; 0: as long as it likes, and a Postgres that is frozen is waited for.'),
});

export interface DatabaseConfig {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  readonly entities: readonly EntityClass[];
  readonly migrations: readonly MigrationClass[];
  /** Connections this process may hold; default 10. */
  readonly poolSize?: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /**
   * A statement that takes longer is cancelled, and a connection that does not even tell of that is given up 5 s later;
   * both reject. Default 30,000; 0: no limit, for migrations.
   */
  readonly statementTimeoutMs?: number;
  /** To connect, or to get a connection of the pool. Default 5,000: requests wait for it; a start may be more patient. */
  readonly connectTimeoutMs?: number;
}

/** A data source that is not connected yet. It never changes the schema by itself: migrations do, by `runMigrations`. */
export function createDataSource(config: DatabaseConfig): DataSource {
  const { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS } = config;
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
    connectTimeoutMS: config.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    // A connection that breaks while it is idle is not this process' end: the pool opens a new one.
    poolErrorHandler: () => undefined,
    extra: {
      keepAlive: true,
      idleTimeoutMillis: 30_000,
      ...(statementTimeoutMs > 0 ? { onConnect: (client: pg.Client) => limitStatements(client, statementTimeoutMs) } : {}),
    },
  };
  return new DataSource(options);
}
