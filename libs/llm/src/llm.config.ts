import { envInt } from '@apex/common';
import { z } from 'zod';
import { type UpstreamClientOptions } from './adapters/upstream-client.js';
import { type ProviderConfig, baseUrlSchema, defaultProvider, providersSchema } from './core/providers.js';

/** The environment's part that is this lib's. An app composes it with the others' and parses once, at boot. */
export const llmEnvSchema = z.object({
  /** The default provider's address, with `/v1`. */
  OPENAI_BASE_URL: baseUrlSchema.prefault('https://api.openai.com/v1'),
  /** JSON array of further providers: `[{ "name", "baseUrl", "apiKeyEnv", "models"?, "streamUsage"?, "priceAs"? }]`. */
  APEX_PROVIDERS: providersSchema.prefault('[]'),
  /** Connections per provider and process at the most; each carries one request at a time, so it bounds the calls under way. */
  APEX_UPSTREAM_CONNECTIONS: envInt.pipe(z.int().min(1).max(65_536)).prefault('4096'),
  APEX_UPSTREAM_CONNECT_TIMEOUT_MS: envInt.pipe(z.int().min(1)).prefault('5000'),
});

export interface LlmConfig {
  /** The default provider first. */
  readonly providers: readonly ProviderConfig[];
  readonly upstream: UpstreamClientOptions;
}

export const llmConfig = (env: z.infer<typeof llmEnvSchema>): LlmConfig => ({
  providers: [defaultProvider(env.OPENAI_BASE_URL), ...env.APEX_PROVIDERS],
  upstream: { connections: env.APEX_UPSTREAM_CONNECTIONS, connectTimeoutMs: env.APEX_UPSTREAM_CONNECT_TIMEOUT_MS },
});
