import { type DynamicModule, Injectable, Logger, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '@apex/common';
import { DataSource } from 'typeorm';
import { LeasedLimiter } from './adapters/leased-limiter.js';
import { LocalLimitStore } from './adapters/local-limit-store.js';
import { PostgresSpendBook } from './adapters/postgres-spend-book.js';
import { RedisLimitStore } from './adapters/redis-limit-store.js';
import { LimitStore } from './ports/limit-store.js';
import { Limiter } from './ports/limiter.js';
import { SpendBook } from './ports/spend-book.js';
import { TermsStore } from './ports/terms-store.js';

@Injectable()
class LimitsLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly limiter: LeasedLimiter,
    private readonly store: LimitStore,
  ) {}

  onApplicationBootstrap(): void {
    this.limiter.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.limiter.stop();
    await this.store.close();
  }
}

/** Limits of the data plane. Needs `TermsStore` (auth), `DataSource` and `Clock` from global modules, and is global itself. */
@Module({})
export class LimitsModule {
  /**
   * @param redisUrl null: this process is the only one
   * @param namespace whose limits they are, where several deployments share a Redis
   */
  static forRoot({ redisUrl, namespace }: { readonly redisUrl: string | null; readonly namespace: string }): DynamicModule {
    return {
      module: LimitsModule,
      global: true,
      providers: [
        {
          provide: LimitStore,
          inject: [Clock],
          useFactory: (clock: Clock): LimitStore => (redisUrl === null ? new LocalLimitStore(() => clock.now()) : new RedisLimitStore(redisUrl, namespace, () => clock.now())),
        },
        { provide: SpendBook, inject: [DataSource], useFactory: (dataSource: DataSource) => new PostgresSpendBook(dataSource) },
        {
          provide: LeasedLimiter,
          inject: [TermsStore, LimitStore, SpendBook, Clock],
          useFactory: (terms: TermsStore, store: LimitStore, book: SpendBook, clock: Clock) => {
            const log = new Logger('Limits');
            return new LeasedLimiter({ terms, store, book, now: () => clock.now(), onTrouble: (what, error) => log.error({ err: error }, what) });
          },
        },
        { provide: Limiter, useExisting: LeasedLimiter },
        LimitsLifecycle,
      ],
      exports: [Limiter],
    };
  }
}
