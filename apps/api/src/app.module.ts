import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AuthModule, authEntities } from '@apex/auth';
import { Clock, SystemClock } from '@apex/common';
import { DatabaseModule } from '@apex/database';
import { FlagsModule, flagEntities } from '@apex/flags';
import { GatewayModule, RequestObserver } from '@apex/gateway';
import { LlmModule } from '@apex/llm';
import { KILL_SWITCHES, PolicyModule } from '@apex/policy';
import { QueueModule } from '@apex/queue';
import { AnalyticsModule, GatewayMetrics, TelemetryModule, Tracing } from '@apex/telemetry';
import { UsageModule } from '@apex/usage';
import { type ApiConfig, type ApiOptions } from './api.config.js';
import { HealthService, REDIS_NOTE } from './health.service.js';
import { AdminCustomersController } from './http/admin-customers.controller.js';
import { AnalyticsController } from './http/analytics.controller.js';
import { AuditController } from './http/audit.controller.js';
import { AuthController } from './http/auth.controller.js';
import { DecideController } from './http/decide.controller.js';
import { FlagsController } from './http/flags.controller.js';
import { HealthController } from './http/health.controller.js';
import { KeysController } from './http/keys.controller.js';
import { OperatorTokensController } from './http/operator-tokens.controller.js';
import { PlatformKeysController } from './http/platform-keys.controller.js';
import { PoliciesController } from './http/policies.controller.js';
import { ReconcileController } from './http/reconcile.controller.js';
import { SavingsController } from './http/savings.controller.js';
import { TelemetryController } from './http/telemetry.controller.js';
import { TrafficController } from './http/traffic.controller.js';
import { UsageController } from './http/usage.controller.js';
import { MetricsObserver } from './metrics-observer.js';
import { Alone, ProcessGroup } from './process-group.js';

/** Time, for everybody. */
@Global()
@Module({ providers: [{ provide: Clock, useClass: SystemClock }], exports: [Clock] })
class ClockModule {}

@Module({})
class ObserverModule {
  static forRoot(logsRequests: boolean): DynamicModule {
    const observer = { provide: RequestObserver, useFactory: (metrics: GatewayMetrics, tracing: Tracing) => new MetricsObserver(metrics, tracing, logsRequests), inject: [GatewayMetrics, Tracing] };
    return { module: ObserverModule, providers: [observer], exports: [RequestObserver] };
  }
}

/** The API process: data plane and control plane. */
@Module({})
export class AppModule {
  static forRoot(options: ApiOptions, config: ApiConfig): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ClockModule,
        DatabaseModule.forRoot({ url: options.databaseUrl, entities: [...authEntities, ...flagEntities], migrations: [], applicationName: `apex-${options.role}`, ...config.database }),
        QueueModule.forRoot({ url: options.redis.url }),
        TelemetryModule.forRoot(config.telemetry, Object.fromEntries(config.llm.providers.map(({ name, origin }) => [name, origin]))),
        AnalyticsModule.forRoot(config.analytics),
        UsageModule.forRoot({ home: options.home, sync: config.process.APEX_JOURNAL_SYNC }),
        LlmModule.forRoot(config.llm),
        AuthModule.forRoot(config.auth),
        FlagsModule.forRoot({ definitions: KILL_SWITCHES, unleash: config.unleash }),
        PolicyModule.forRoot(),
        GatewayModule.forRoot(config.gateway, options.redis.url, [ObserverModule.forRoot(config.process.APEX_LOG_LEVEL === 'debug')]),
      ],
      controllers: [HealthController, AuthController, KeysController, UsageController, AnalyticsController, TelemetryController, ReconcileController, AdminCustomersController, PlatformKeysController, OperatorTokensController, FlagsController, TrafficController, PoliciesController, SavingsController, DecideController, AuditController],
      providers: [HealthService, { provide: REDIS_NOTE, useValue: { note: options.redis.note } }, { provide: ProcessGroup, useValue: options.group ?? new Alone() }],
    };
  }
}
