import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import { GenaiPriceBook } from './adapters/genai-price-book.js';
import { UpstreamClient } from './adapters/upstream-client.js';
import { ProviderRegistry } from './core/providers.js';
import { type LlmConfig } from './llm.config.js';
import { PriceBook } from './ports/price-book.js';

@Module({})
export class LlmModule implements OnApplicationShutdown {
  constructor(private readonly upstream: UpstreamClient) {}

  static forRoot(config: LlmConfig): DynamicModule {
    return {
      module: LlmModule,
      global: true,
      providers: [
        { provide: PriceBook, useClass: GenaiPriceBook },
        { provide: ProviderRegistry, useFactory: () => new ProviderRegistry(config.providers, config.routes) },
        { provide: UpstreamClient, useFactory: () => new UpstreamClient(config.upstream) },
      ],
      exports: [PriceBook, ProviderRegistry, UpstreamClient],
    };
  }

  /** The last step of a shutdown: requests that could be finished are. */
  async onApplicationShutdown(): Promise<void> {
    await this.upstream.destroy();
  }
}
