export { createDataSource, databaseEnvSchema, type DatabaseConfig, type EntityClass, type MigrationClass } from './data-source.js';
export { runMigrations } from './migrate.js';
export { DatabaseModule } from './database.module.js';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded/embedded-postgres.js';
export { acquireLock, LockedError, type FileLock } from '@apex/host';
