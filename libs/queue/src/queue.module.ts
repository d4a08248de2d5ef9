import { type DynamicModule, Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Bus } from './bus.js';
import { LocalBus } from './local-bus.js';
import { RedisBus } from './redis-bus.js';

export interface QueueConfig {
  /** null: there is no Redis; this process is the only one. */
  readonly url: string | null;
}

@Injectable()
class BusLifecycle implements OnApplicationShutdown {
  constructor(private readonly bus: Bus) {}

  onApplicationShutdown(): void {
    if (this.bus instanceof RedisBus) this.bus.close();
  }
}

/** Provides `Bus` to the whole application. */
@Global()
@Module({})
export class QueueModule {
  static forRoot(config: QueueConfig): DynamicModule {
    return {
      module: QueueModule,
      providers: [{ provide: Bus, useFactory: (): Bus => (config.url === null ? new LocalBus() : new RedisBus(config.url)) }, BusLifecycle],
      exports: [Bus],
    };
  }
}
