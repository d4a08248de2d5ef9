import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule, authEntities, LimitsModule } from '@apex/auth';
import { BillingAdminModule, BillingModule, StripeModule } from '@apex/billing';
import { DatabaseModule } from '@apex/database';
import { FlagsModule, flagEntities } from '@apex/flags';
import { GatewayModule, RequestObserver } from '@apex/gateway';
import { LlmModule } from '@apex/llm';
import { KILL_SWITCHES, PolicyModule } from '@apex/policy';
import { QueueModule } from '@apex/queue';
import { AnalyticsModule, GatewayMetrics, TelemetryModule, Tracing } from '@apex/telemetry';
import { UsageModule } from '@apex/usage';
import { type ApiConfig, type ApiOptions, jobNamespace } from './api.config.js';
import { ClockModule } from './clock.module.js';
import { HealthService, REDIS_NOTE } from './health.service.js';
import { AdminCustomersController } from './http/admin-customers.controller.js';
import { AnalyticsController } from './http/analytics.controller.js';
import { AuditController } from './http/audit.controller.js';
import { AuthController } from './http/auth.controller.js';
import { BillingAdminController } from './http/billing-admin.controller.js';
import { BillingController } from './http/billing.controller.js';
import { CacheController } from './http/cache.controller.js';
import { DecideController } from './http/decide.controller.js';
import { FlagsController } from './http/flags.controller.js';
import { HealthController } from './http/health.controller.js';
import { KeysController } from './http/keys.controller.js';
import { LimitsController } from './http/limits.controller.js';
import { OperatorTokensController } from './http/operator-tokens.controller.js';
import { PlatformKeysController } from './http/platform-keys.controller.js';
import { PoliciesController } from './http/policies.controller.js';
import { QueuesController } from './http/queues.controller.js';
import { ReconcileController } from './http/reconcile.controller.js';
import { RollupsController } from './http/rollups.controller.js';
import { SavingsController } from './http/savings.controller.js';
import { StripeAdminController } from './http/stripe-admin.controller.js';
import { StripeWebhookController } from './http/stripe-webhook.controller.js';
import { StatementsController } from './http/statements.controller.js';
import { TelemetryController } from './http/telemetry.controller.js';
import { TermsController } from './http/terms.controller.js';
import { TrafficController } from './http/traffic.controller.js';
import { UsageController } from './http/usage.controller.js';
import { MetricsObserver } from './metrics-observer.js';
import { Alone, ProcessGroup } from './process-group.js';

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
        QueueModule.forRoot({ url: options.redis.url, namespace: jobNamespace(options.databaseUrl) }),
        TelemetryModule.forRoot(config.telemetry, Object.fromEntries(config.llm.providers.map(({ name, origin }) => [name, origin]))),
        AnalyticsModule.forRoot(config.analytics),
        UsageModule.forRoot({ home: options.home, sync: config.process.APEX_JOURNAL_SYNC }),
        LlmModule.forRoot(config.llm),
        AuthModule.forRoot(config.auth),
        LimitsModule.forRoot({ redisUrl: options.redis.url, namespace: jobNamespace(options.databaseUrl) }),
        FlagsModule.forRoot({ definitions: KILL_SWITCHES, unleash: config.unleash }),
        PolicyModule.forRoot(),
        // Beside a worker, processes that serve leave jobs to the worker.
        BillingModule.forRoot({ jobs: { redisUrl: options.redis.url, runs: options.role !== 'api' } }),
        BillingAdminModule.forRoot(),
        StripeModule.forRoot(config.stripe),
        GatewayModule.forRoot(config.gateway, options.redis.url, [ObserverModule.forRoot(config.process.APEX_LOG_LEVEL === 'debug')]),
      ],
      controllers: [HealthController, AuthController, KeysController, UsageController, AnalyticsController, TelemetryController, ReconcileController, AdminCustomersController, TermsController, LimitsController, PlatformKeysController, OperatorTokensController, FlagsController, TrafficController, PoliciesController, SavingsController, CacheController, DecideController, BillingController, BillingAdminController, StripeAdminController, StripeWebhookController, StatementsController, RollupsController, QueuesController, AuditController],
      providers: [HealthService, { provide: REDIS_NOTE, useValue: { note: options.redis.note } }, { provide: ProcessGroup, useValue: options.group ?? new Alone() }],
    };
  }
}
