import { Test } from '@nestjs/testing';
import { UpstreamClient } from './adapters/upstream-client.js';
import { ProviderRegistry } from './core/providers.js';
import { llmConfig, llmEnvSchema } from './llm.config.js';
import { LlmModule } from './llm.module.js';
import { PriceBook } from './ports/price-book.js';

describe('LlmModule', () => {
  it('provides prices, providers and the client, and closes the client at shutdown', async () => {
    const module = await Test.createTestingModule({ imports: [LlmModule.forRoot(llmConfig(llmEnvSchema.parse({ OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' })))] }).compile();
    const usage = { promptTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, completionTokens: 0, reasoningTokens: 0 };
    expect(module.get(PriceBook).price('openai', 'gpt-4o', usage, Date.now())).toMatchObject({ pricing: 'priced', costPicodollars: 2_500_000 });
    expect(module.get(ProviderRegistry).resolve('gpt-4o')?.provider.origin).toBe('http://127.0.0.1:1');
    await module.close();
    const failure = await new Promise((resolve) => {
      const nothing = () => undefined;
      module
        .get(UpstreamClient)
        .call(
          { origin: 'http://127.0.0.1:1', path: '/', method: 'GET', headers: {}, body: null, firstByteTimeoutMs: 1_000, idleTimeoutMs: 1_000 },
          { onHead: nothing, onData: nothing, onEnd: nothing, onFailure: resolve },
        );
    });
    expect(failure).toBe('aborted');
  });
});
