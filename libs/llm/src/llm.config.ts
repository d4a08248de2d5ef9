import { envInt } from '@apex/common';
import { z } from 'zod';
import { type UpstreamClientOptions } from './adapters/upstream-client.js';
import { type ProxySettings } from './core/upstream-proxies.js';
import { type ProviderConfig, type RoutesConfig, baseUrlSchema, ownProvider, providersSchema, routesSchema } from './core/providers.js';

/** An address, with or without `http://` before it. */
const proxyUrl = z
  .string()
  .trim()
  .transform((text) => (text.includes('://') ? text : `http://${text}`))
  .pipe(z.url({ protocol: /^https?$/, error: 'has to be the http:// or https:// address of a proxy' }))
  .optional();

/** The environment's part that is this lib's. An app composes it with the others' and parses once, at boot. */
export const llmEnvSchema = z.object({
  /** The default provider's address, with `/v1`. */
  OPENAI_BASE_URL: baseUrlSchema.prefault('https://api.openai.com/v1'),
  /** Anthropic's address, without `/v1`. */
  ANTHROPIC_BASE_URL: baseUrlSchema.prefault('https://api.anthropic.com'),
  /** Gemini's address, without a version. */
  GEMINI_BASE_URL: baseUrlSchema.prefault('https://generativelanguage.googleapis.com'),
  /** JSON array of further providers: `[{ "name", "kind"?, "baseUrl", "apiKeyEnv", "models"?, "streamUsage"?, "priceAs"?, "maxConcurrent"? }]`. */
  APEX_PROVIDERS: providersSchema.prefault('[]'),
  /** JSON object of models with more than one place to go. */
  APEX_ROUTES: routesSchema.prefault('{}'),
  /** Connections per provider and process at the most; each carries one request at a time, so it bounds the calls under way. */
  APEX_UPSTREAM_CONNECTIONS: envInt.pipe(z.int().min(1).max(65_536)).prefault('4096'),
  APEX_UPSTREAM_CONNECT_TIMEOUT_MS: envInt.pipe(z.int().min(1)).prefault('5000'),
  /** The proxy to providers at `http:` and `https:` addresses; written either way, as everywhere, and in lower case first. */
  HTTP_PROXY: proxyUrl,
  http_proxy: proxyUrl,
  HTTPS_PROXY: proxyUrl,
  https_proxy: proxyUrl,
  /** Hosts that are asked directly all the same. This machine always is. */
  NO_PROXY: z.string().optional(),
  no_proxy: z.string().optional(),
});

export interface LlmConfig {
  /** The default provider first. */
  readonly providers: readonly ProviderConfig[];
  readonly routes: RoutesConfig;
  readonly upstream: UpstreamClientOptions;
}

function proxiesOf(env: z.infer<typeof llmEnvSchema>): ProxySettings | undefined {
  const http = env.http_proxy ?? env.HTTP_PROXY;
  const https = env.https_proxy ?? env.HTTPS_PROXY;
  return http === undefined && https === undefined ? undefined : { http, https, except: env.no_proxy ?? env.NO_PROXY ?? '' };
}

export const llmConfig = (env: z.infer<typeof llmEnvSchema>): LlmConfig => ({
  // The providers of APEX_PROVIDERS claim their models before Anthropic and Gemini claim theirs.
  providers: [ownProvider('openai', env.OPENAI_BASE_URL), ...env.APEX_PROVIDERS, ownProvider('anthropic', env.ANTHROPIC_BASE_URL), ownProvider('gemini', env.GEMINI_BASE_URL)],
  routes: env.APEX_ROUTES,
  upstream: { connections: env.APEX_UPSTREAM_CONNECTIONS, connectTimeoutMs: env.APEX_UPSTREAM_CONNECT_TIMEOUT_MS, proxies: proxiesOf(env) },
});
