import { type DynamicModule, Inject, Injectable, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ContentSealer, KeyStore, Limiter } from '@apex/auth';
import { Clock } from '@apex/common';
import { FlagsService, TrafficRouter } from '@apex/flags';
import { PriceBook, ProviderRegistry, UpstreamClient } from '@apex/llm';
import { ActivePolicies, DecisionLayer } from '@apex/policy';
import { Bus } from '@apex/queue';
import { UsageRecorder } from '@apex/usage';
import { CombinedIdempotencyStore } from './adapters/combined-idempotency-store.js';
import { MemoryIdempotencyStore } from './adapters/memory-idempotency-store.js';
import { ModelCatalogue } from './adapters/model-catalogue.js';
import { RedisIdempotencyStore } from './adapters/redis-idempotency-store.js';
import { openResponseCache, OpenedResponseCache } from './adapters/open-response-cache.js';
import { estimateUsage } from './adapters/usage-estimator.js';
import { ExactCache } from './core/cache/exact-cache.js';
import { RequestLimits } from './core/limits/request-limits.js';
import { Pipeline } from './core/pipeline.js';
import { PromptCaching } from './core/prompt-cache/prompt-caching.js';
import { TargetBoard } from './core/resilience/target-board.js';
import { type GatewayConfig } from './gateway.config.js';
import { DataPlane } from './http/data-plane.js';
import { IdempotencyStore } from './ports/idempotency-store.js';
import { ResponseCache } from './ports/response-cache.js';
import { RequestObserver } from './ports/request-observer.js';

const SHARED_KEYS = Symbol('SHARED_KEYS');

/** Runs something later; the result cancels it. */
function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

@Injectable()
class SharedKeysLifecycle implements OnApplicationShutdown {
  constructor(
    @Inject(SHARED_KEYS) private readonly shared: RedisIdempotencyStore | null,
    private readonly answers: OpenedResponseCache,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.shared?.close();
    await this.answers.close();
  }
}

/** The data plane. Nest builds it once; no request ever meets Nest. `RequestObserver` comes from the app. */
@Module({})
export class GatewayModule {
  /** @param redisUrl null: this process is the only one */
  static forRoot(config: GatewayConfig, redisUrl: string | null, imports: NonNullable<DynamicModule['imports']> = []): DynamicModule {
    return {
      module: GatewayModule,
      imports,
      providers: [
        {
          provide: SHARED_KEYS,
          inject: [ContentSealer],
          useFactory: (sealer: ContentSealer) => (redisUrl === null ? null : new RedisIdempotencyStore(redisUrl, sealer.boxFor('kept answers'))),
        },
        SharedKeysLifecycle,
        {
          provide: IdempotencyStore,
          inject: [SHARED_KEYS, Clock],
          useFactory: (shared: RedisIdempotencyStore | null, clock: Clock): IdempotencyStore => {
            const local = new MemoryIdempotencyStore(() => clock.now());
            return shared === null ? local : new CombinedIdempotencyStore(local, shared);
          },
        },
        {
          provide: OpenedResponseCache,
          inject: [ContentSealer, Bus, Clock],
          useFactory: (sealer: ContentSealer, bus: Bus, clock: Clock) => openResponseCache({ redisUrl, box: sealer.boxFor('cached answers'), bus, now: () => clock.now(), memoryBytes: config.APEX_CACHE_MEMORY_BYTES, sharedBytes: config.APEX_CACHE_SHARED_BYTES }),
        },
        { provide: ResponseCache, inject: [OpenedResponseCache], useFactory: ({ cache }: OpenedResponseCache) => cache },
        {
          provide: ExactCache,
          inject: [ResponseCache, Clock],
          useFactory: (cache: ResponseCache, clock: Clock) => {
            const log = new Logger('ExactCache');
            return new ExactCache({ cache, now: () => clock.now(), after, maxTtlMs: config.APEX_CACHE_MAX_TTL_SECONDS * 1_000, defer: (run) => void setImmediate(run), onDefect: (error) => log.error(error) });
          },
        },
        { provide: TargetBoard, useFactory: () => new TargetBoard() },
        {
          provide: RequestLimits,
          inject: [Limiter, FlagsService, PriceBook],
          useFactory: (limiter: Limiter, flags: FlagsService, prices: PriceBook) =>
            new RequestLimits({ limiter, enforced: (customerId) => flags.isEnabled('usage_limits_enforced', { customerId }), prices }),
        },
        {
          provide: Pipeline,
          inject: [KeyStore, ProviderRegistry, TrafficRouter, ActivePolicies, DecisionLayer, UpstreamClient, UsageRecorder, PriceBook, RequestObserver, IdempotencyStore, ExactCache, TargetBoard, RequestLimits, Clock],
          useFactory: (
            keys: KeyStore,
            providers: ProviderRegistry,
            traffic: TrafficRouter,
            policies: ActivePolicies,
            decisions: DecisionLayer,
            upstream: UpstreamClient,
            recorder: UsageRecorder,
            prices: PriceBook,
            observer: RequestObserver,
            idempotency: IdempotencyStore,
            cache: ExactCache,
            board: TargetBoard,
            requestLimits: RequestLimits,
            clock: Clock,
          ) => {
            const log = new Logger('Gateway');
            return new Pipeline({
              keys,
              providers,
              traffic,
              policies,
              decisions,
              upstream,
              board,
              recorder,
              prices,
              observer,
              idempotency,
              requestLimits,
              cache,
              promptCache: new PromptCaching({ prices, now: () => clock.now(), sole: redisUrl === null }),
              estimateUsage,
              now: () => clock.now(),
              random: Math.random,
              after,
              limits: {
                maxAttempts: config.APEX_MAX_ATTEMPTS,
                firstByteTimeoutMs: config.APEX_FIRST_BYTE_TIMEOUT_MS,
                idleTimeoutMs: config.APEX_IDLE_TIMEOUT_MS,
                maxResponseBytes: config.APEX_MAX_RESPONSE_BYTES,
              },
              requestTimeoutMs: config.APEX_REQUEST_TIMEOUT_MS,
              maxInFlight: config.APEX_MAX_IN_FLIGHT,
              onDefect: (error, { requestId, trace }) => log.error({ err: error, requestId, ...(trace === null ? {} : { traceId: trace.traceId }) }),
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
          inject: [Pipeline, ModelCatalogue, RequestObserver, Clock],
          useFactory: (pipeline: Pipeline, models: ModelCatalogue, observer: RequestObserver, clock: Clock) =>
            new DataPlane({ pipeline, models, observer, clock, maxBodyBytes: config.APEX_MAX_BODY_BYTES, fastLane: config.APEX_FAST_LANE }),
        },
      ],
      exports: [DataPlane, Pipeline, ExactCache, OpenedResponseCache, ResponseCache, TargetBoard],
    };
  }
}
