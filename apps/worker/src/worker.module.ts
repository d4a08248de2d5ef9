import { type DynamicModule, Module } from '@nestjs/common';
import { DatabaseModule } from '@apex/database';
import { QueueModule } from '@apex/queue';
import { AnalyticsModule, TelemetryModule } from '@apex/telemetry';
import { UsageModule } from '@apex/usage';
import { type ApiConfig, type ApiOptions } from '../../api/src/api.config.js';
import { HealthService, REDIS_NOTE } from '../../api/src/health.service.js';
import { HealthController } from '../../api/src/http/health.controller.js';
import { Alone, ProcessGroup } from '../../api/src/process-group.js';

/** What works in the background, without a door for customers. */
@Module({})
export class WorkerModule {
  static forRoot(options: ApiOptions, config: ApiConfig): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        DatabaseModule.forRoot({ url: options.databaseUrl, entities: [], migrations: [], applicationName: 'apex-worker', ...config.database }),
        QueueModule.forRoot({ url: options.redis.url }),
        TelemetryModule.forRoot(),
        AnalyticsModule.forRoot(config.analytics),
        UsageModule.forRoot({ home: options.home, sync: config.process.APEX_JOURNAL_SYNC }),
      ],
      controllers: [HealthController],
      providers: [HealthService, { provide: REDIS_NOTE, useValue: { note: options.redis.note } }, { provide: ProcessGroup, useClass: Alone }],
    };
  }
}
