import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { envBoolean, parseEnv } from '@apex/common';
import { z } from 'zod';

const startEnvSchema = z.object({
  NODE_ENV: z.string().optional(),
  PORT: z
    .string()
    .regex(/^\d+$/, 'a port number; 0 picks a free one')
    .transform(Number)
    .pipe(z.int().max(65_535, 'a port number; 0 picks a free one'))
    .default(8080),
  APEX_HOST: z.string().default('127.0.0.1'),
  APEX_HOME: z.string().default('.apex'),
  APEX_CACHE: z.string().default('.cache'),
  APEX_WORKERS: z
    .union([z.literal('auto').transform(() => availableParallelism()), z.string().regex(/^[1-9]\d?$/).transform(Number)], 'a number from 1 to 99, or auto: one for each processor')
    .default(1),
  APEX_DEMO: envBoolean.optional(),
  APEX_ROLE: z.enum(['all', 'api', 'worker'], 'all, api or worker').default('all'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a URL that starts with postgres://').optional(),
  REDIS_URL: z.string().regex(/^rediss?:\/\//, 'a URL that starts with redis:// or rediss://').optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  ANTHROPIC_BASE_URL: z.string().optional(),
  GEMINI_API_KEY: z.string().optional(),
  GEMINI_BASE_URL: z.string().optional(),
});

export interface StartConfig {
  readonly production: boolean;
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly home: string;
  /** Where a Redis that had to be fetched is kept; absolute. */
  readonly cacheDir: string;
  readonly role: 'all' | 'api' | 'worker';
  /** Data-plane processes behind the one port; 1: this process is all. The background worker has no data plane and is always one. */
  readonly workers: number;
  /** Whether there is a demo customer, with credentials in `home`; unless told otherwise, not in production. */
  readonly demo: boolean;
  /** null: the embedded one. */
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  /** Whether the simulated provider stands in for a real one; never in production. */
  readonly simulate: boolean;
}

/** Any of these says that there is a real provider. */
const PROVIDER_VARIABLES = ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL', 'GEMINI_API_KEY', 'GEMINI_BASE_URL'] as const;

/** @throws ConfigError */
export function readStartConfig(env: NodeJS.ProcessEnv): StartConfig {
  const parsed = parseEnv(startEnvSchema, env);
  return {
    production: parsed.NODE_ENV === 'production',
    port: parsed.PORT,
    host: parsed.APEX_HOST,
    home: resolve(parsed.APEX_HOME),
    cacheDir: resolve(parsed.APEX_CACHE),
    role: parsed.APEX_ROLE,
    workers: parsed.APEX_ROLE === 'worker' ? 1 : parsed.APEX_WORKERS,
    demo: parsed.APEX_DEMO ?? parsed.NODE_ENV !== 'production',
    databaseUrl: parsed.DATABASE_URL ?? null,
    redisUrl: parsed.REDIS_URL ?? null,
    simulate: parsed.NODE_ENV !== 'production' && PROVIDER_VARIABLES.every((name) => parsed[name] === undefined),
  };
}
