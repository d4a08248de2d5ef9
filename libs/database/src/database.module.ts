import { type DynamicModule, Global, Injectable, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { createDataSource, type DatabaseConfig } from './data-source.js';

/** Closes the pool when everything that might still write has been shut down. */
@Injectable()
class DataSourceLifecycle implements OnApplicationShutdown {
  constructor(private readonly dataSource: DataSource) {}

  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

/** Provides TypeORM's `DataSource`, connected, to the whole application. The schema must have been migrated before. */
@Global()
@Module({})
export class DatabaseModule {
  private static readonly log = new Logger('Database');

  static forRoot(config: DatabaseConfig): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: DataSource,
          useFactory: async (): Promise<DataSource> => {
            const dataSource = await createDataSource(config).initialize();
            DatabaseModule.log.debug(`connected, pool of ${config.poolSize ?? 10}`);
            return dataSource;
          },
        },
        DataSourceLifecycle,
      ],
      exports: [DataSource],
    };
  }
}
