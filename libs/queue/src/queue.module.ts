import { type DynamicModule, Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { BullModule } from '@nestjs/bullmq';
import { Bus } from './bus.js';
import { JobQueues } from './jobs/job-queues.js';
import { LocalBus } from './local-bus.js';
import { RedisBus } from './redis-bus.js';

export interface QueueConfig {
  /** null: there is no Redis; this process is the only one. */
  readonly url: string | null;
  /** What tells this deployment's jobs from those of others on the same Redis; default: `apex`. */
  readonly namespace?: string;
}

@Injectable()
class BusLifecycle implements OnApplicationShutdown {
  constructor(private readonly bus: Bus) {}

  onApplicationShutdown(): void {
    if (this.bus instanceof RedisBus) this.bus.close();
  }
}

/** Provides `Bus` and `JobQueues` to the whole application. */
@Global()
@Module({})
export class QueueModule {
  static forRoot(config: QueueConfig): DynamicModule {
    return {
      module: QueueModule,
      imports: config.url === null ? [] : [BullModule.forRootAsync({ useFactory: ({ connection, prefix }: JobQueues) => ({ connection: connection!, prefix }), inject: [JobQueues] })],
      providers: [
        { provide: JobQueues, useFactory: () => new JobQueues(config.url, `apex:jobs:${config.namespace ?? 'apex'}`) },
        { provide: Bus, useFactory: (): Bus => (config.url === null ? new LocalBus() : new RedisBus(config.url)) },
        BusLifecycle,
      ],
      exports: [Bus, JobQueues],
    };
  }
}
