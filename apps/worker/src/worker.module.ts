import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule, authEntities } from '@apex/auth';
import { BillingModule } from '@apex/billing';
import { DatabaseModule } from '@apex/database';
import { FlagsModule, flagEntities } from '@apex/flags';
import { KILL_SWITCHES, PolicyModule } from '@apex/policy';
import { QueueModule } from '@apex/queue';
import { AnalyticsModule, TelemetryModule } from '@apex/telemetry';
import { UsageModule } from '@apex/usage';
import { type ApiConfig, type ApiOptions, jobNamespace } from '../../api/src/api.config.js';
import { ClockModule } from '../../api/src/clock.module.js';
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
        ClockModule,
        DatabaseModule.forRoot({ url: options.databaseUrl, entities: [...authEntities, ...flagEntities], migrations: [], applicationName: 'apex-worker', ...config.database }),
        QueueModule.forRoot({ url: options.redis.url, namespace: jobNamespace(options.databaseUrl) }),
        TelemetryModule.forRoot(),
        AnalyticsModule.forRoot(config.analytics),
        UsageModule.forRoot({ home: options.home, sync: config.process.APEX_JOURNAL_SYNC }),
        // Statements need customers' terms and the experiment's secrets.
        AuthModule.forRoot(config.auth),
        FlagsModule.forRoot({ definitions: KILL_SWITCHES }),
        PolicyModule.forRoot(),
        BillingModule.forRoot({ jobs: { redisUrl: options.redis.url, runs: true } }),
      ],
      controllers: [HealthController],
      providers: [HealthService, { provide: REDIS_NOTE, useValue: { note: options.redis.note } }, { provide: ProcessGroup, useClass: Alone }],
    };
  }
}
