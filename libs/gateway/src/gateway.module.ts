import { type DynamicModule, Logger, Module } from '@nestjs/common';
import { KeyStore } from '@apex/auth';
import { Clock } from '@apex/common';
import { TrafficRouter } from '@apex/flags';
import { PriceBook, ProviderRegistry, UpstreamClient } from '@apex/llm';
import { UsageRecorder } from '@apex/usage';
import { ModelCatalogue } from './adapters/model-catalogue.js';
import { estimateUsage } from './adapters/usage-estimator.js';
import { Pipeline } from './core/pipeline.js';
import { TargetBoard } from './core/resilience/target-board.js';
import { type GatewayConfig } from './gateway.config.js';
import { DataPlane } from './http/data-plane.js';
import { RequestObserver } from './ports/request-observer.js';

/** The data plane. Nest builds it once; no request ever meets Nest. `RequestObserver` comes from the app. */
@Module({})
export class GatewayModule {
  static forRoot(config: GatewayConfig, imports: NonNullable<DynamicModule['imports']> = []): DynamicModule {
    return {
      module: GatewayModule,
      imports,
      providers: [
        {
          provide: Pipeline,
          inject: [KeyStore, ProviderRegistry, TrafficRouter, UpstreamClient, UsageRecorder, PriceBook, RequestObserver, Clock],
          useFactory: (
            keys: KeyStore,
            providers: ProviderRegistry,
            traffic: TrafficRouter,
            upstream: UpstreamClient,
            recorder: UsageRecorder,
            prices: PriceBook,
            observer: RequestObserver,
            clock: Clock,
          ) => {
            const log = new Logger('Gateway');
            return new Pipeline({
              keys,
              providers,
              traffic,
              upstream,
              board: new TargetBoard(),
              recorder,
              prices,
              observer,
              estimateUsage,
              now: () => clock.now(),
              random: Math.random,
              after: (ms, run) => {
                const timer = setTimeout(run, ms);
                return () => clearTimeout(timer);
              },
              limits: {
                maxAttempts: config.APEX_MAX_ATTEMPTS,
                firstByteTimeoutMs: config.APEX_FIRST_BYTE_TIMEOUT_MS,
                idleTimeoutMs: config.APEX_IDLE_TIMEOUT_MS,
                maxResponseBytes: config.APEX_MAX_RESPONSE_BYTES,
              },
              requestTimeoutMs: config.APEX_REQUEST_TIMEOUT_MS,
              maxInFlight: config.APEX_MAX_IN_FLIGHT,
              onDefect: (error) => log.error(error instanceof Error ? (error.stack ?? error.message) : String(error)),
            });
          },
        },
        {
          provide: ModelCatalogue,
          inject: [KeyStore, ProviderRegistry, UpstreamClient, Clock],
          useFactory: (keys: KeyStore, providers: ProviderRegistry, upstream: UpstreamClient, clock: Clock) => new ModelCatalogue(keys, providers, upstream, clock),
        },
        {
          provide: DataPlane,
          inject: [Pipeline, KeyStore, ModelCatalogue, Clock],
          useFactory: (pipeline: Pipeline, keys: KeyStore, models: ModelCatalogue, clock: Clock) =>
            new DataPlane({ pipeline, keys, models, clock, maxBodyBytes: config.APEX_MAX_BODY_BYTES }),
        },
      ],
      exports: [DataPlane, Pipeline],
    };
  }
}
