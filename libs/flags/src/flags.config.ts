import { z } from 'zod';

/** Where toggles come from when it is not from our own tables alone. */
export interface UnleashConfig {
  /** Up to and with `/api`, without a slash at the end. */
  readonly url: string;
  /** A secret: never logged. */
  readonly token: string;
  /** Keeps apart what different environments said last; constraints on `environment` see it as well. */
  readonly environment: string;
  /** Milliseconds between two questions. */
  readonly refreshMs: number;
}

export const flagsEnvSchema = z.object({
  UNLEASH_URL: z.url({ protocol: /^https?$/, error: 'an http(s) URL' }).optional(),
  UNLEASH_API_TOKEN: z.string().optional(),
  UNLEASH_ENVIRONMENT: z.string().max(100).optional(),
  UNLEASH_REFRESH_MS: z.coerce.number().int().min(100).max(600_000).default(5_000),
}).superRefine((env, context) => {
  if (env.UNLEASH_URL === undefined) return;
  if (env.UNLEASH_API_TOKEN === undefined) return context.addIssue({ code: 'custom', path: ['UNLEASH_API_TOKEN'], message: 'UNLEASH_URL needs a client token' });
  const named = environmentOf(env.UNLEASH_API_TOKEN);
  if (env.UNLEASH_ENVIRONMENT !== undefined && named !== null && named !== env.UNLEASH_ENVIRONMENT) {
    context.addIssue({ code: 'custom', path: ['UNLEASH_ENVIRONMENT'], message: 'is not the environment that UNLEASH_API_TOKEN is for' });
  }
});

/** Unleash's own configuration; null without `UNLEASH_URL`. */
export function unleashConfig(env: z.infer<typeof flagsEnvSchema>): UnleashConfig | null {
  const { UNLEASH_URL: url, UNLEASH_API_TOKEN: token } = env;
  if (url === undefined || token === undefined) return null;
  const base = url.replace(/\/+$/, '');
  return {
    url: base.endsWith('/api') ? base : `${base}/api`,
    token,
    environment: env.UNLEASH_ENVIRONMENT ?? environmentOf(token) ?? 'default',
    refreshMs: env.UNLEASH_REFRESH_MS,
  };
}

/** A client token reads `project:environment.secret`; the server answers for that environment. */
const environmentOf = (token: string): string | null => /^[^:]+:([^.]+)\./.exec(token)?.[1] ?? null;
