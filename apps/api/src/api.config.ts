import { authEnvSchema, type AuthConfig } from '@apex/auth';
import { stripeConfig, type StripeConfig, stripeEnvSchema } from '@apex/billing';
import { parseEnv } from '@apex/common';
import { databaseEnvSchema } from '@apex/database';
import { flagsEnvSchema, unleashConfig, type UnleashConfig } from '@apex/flags';
import { gatewayConfigSchema, type GatewayConfig } from '@apex/gateway';
import { llmConfig, llmEnvSchema, type LlmConfig } from '@apex/llm';
import { analyticsConfig, type AnalyticsConfig, analyticsEnvSchema, telemetryConfig, telemetryEnvSchema, type TelemetryConfig } from '@apex/telemetry';
import { z } from 'zod';
import { edgeEnvSchema, type EdgeConfig } from './http/edge/edge.config.js';
import { type ProcessGroup } from './process-group.js';

/** What one API process is started with. Stores are up and migrated by then. */
export interface ApiOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  /** APEX_HOME. */
  readonly home: string;
  readonly databaseUrl: string;
  /** `note` says why there is none, for `/health`. */
  readonly redis: { readonly url: string | null; readonly note: string | null };
  readonly role: 'all' | 'api' | 'worker';
  /** The simulated provider's base URL, when it stands in for a real one. */
  readonly simulatorUrl: string | null;
  /** Whether the demo customer, its key and its admin token are made, in `home/credentials.json`. */
  readonly demo: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** The processes that share the port with this one; absent for one that is alone. */
  readonly group?: ProcessGroup;
}

const processSchema = z.object({
  APEX_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** When a record is safe from power loss: within a second, or before its answer leaves. */
  APEX_JOURNAL_SYNC: z.enum(['second', 'always']).default('second'),
});

const apiEnvSchema = processSchema.extend(gatewayConfigSchema.shape).extend(llmEnvSchema.shape).extend(authEnvSchema.shape).extend(telemetryEnvSchema.shape).extend(analyticsEnvSchema.shape).extend(databaseEnvSchema.shape).extend(edgeEnvSchema.shape).extend(stripeEnvSchema.shape);

export interface ApiConfig {
  readonly process: z.infer<typeof processSchema>;
  readonly database: { readonly statementTimeoutMs: number };
  readonly edge: EdgeConfig;
  readonly gateway: GatewayConfig;
  readonly llm: LlmConfig;
  readonly auth: AuthConfig;
  readonly telemetry: TelemetryConfig;
  /** null: flags come from Postgres alone. */
  readonly unleash: UnleashConfig | null;
  readonly analytics: AnalyticsConfig;
  readonly stripe: StripeConfig;
}

/** Every lib's part of the environment, parsed once. @throws ConfigError naming the variables that are wrong */
export function readApiConfig(options: ApiOptions): ApiConfig {
  const simulated = options.simulatorUrl === null ? {} : simulatedProviders(options.simulatorUrl);
  const env = parseEnv(apiEnvSchema, { ...options.env, ...simulated });
  const llm = llmConfig(env);
  const platformKeys: Record<string, string> = {};
  for (const { name, apiKeyEnv } of llm.providers) {
    const key = apiKeyEnv === null ? undefined : options.env[apiKeyEnv];
    if (key !== undefined && key !== '') platformKeys[name] = key;
  }
  if (options.simulatorUrl !== null) for (const name of ['openai', 'anthropic', 'gemini']) platformKeys[name] = 'simulated';
  return {
    process: env,
    database: { statementTimeoutMs: env.APEX_DATABASE_TIMEOUT_MS },
    edge: env,
    gateway: env,
    llm,
    auth: { home: options.home, platformKeys, encryptionKey: env.APEX_ENCRYPTION_KEY, oldEncryptionKeys: env.APEX_ENCRYPTION_KEYS_OLD, adminToken: env.APEX_ADMIN_TOKEN, failuresPerMinute: env.APEX_AUTH_FAILURES_PER_MINUTE },
    telemetry: telemetryConfig(env),
    unleash: unleashConfig(parseEnv(flagsEnvSchema, options.env)),
    // Beside a worker, processes that serve leave it to the worker.
    analytics: analyticsConfig(env, options.role !== 'api'),
    stripe: stripeConfig(env),
  };
}

/** The simulated provider speaks every protocol at one address; base URLs are as each SDK has them. */
function simulatedProviders(url: string): Record<string, string> {
  const { origin } = new URL(url);
  return { OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: origin, GEMINI_BASE_URL: origin };
}

/** Names this deployment's jobs on a Redis that others may use as well: those who work on one database share their jobs. */
export const jobNamespace = (databaseUrl: string): string => URL.parse(databaseUrl)?.pathname.replace(/^\/+/, '') || 'apex';
