import { ConfigError } from '@apex/common';
import { z } from 'zod';
import { modeOfKey } from '../core/stripe/prices.js';

export const stripeEnvSchema = z.object({
  STRIPE_SECRET_KEY: z.string().refine((key) => modeOfKey(key) !== null, 'a secret or restricted key of Stripe: sk_test_..., sk_live_..., rk_test_... or rk_live_...').optional(),
  /** Where Stripe's API is, if not at its own address: a proxy, or a stand-in for tests. */
  STRIPE_API_BASE: z.url({ protocol: /^https?$/ }).optional(),
  /** The signing secret of the webhook endpoint; several, comma-separated, while one replaces the other. */
  STRIPE_WEBHOOK_SECRET: z.string().transform((text) => text.split(',').map((one) => one.trim())).pipe(z.array(z.string().min(16, 'whsec_..., one or several, comma-separated')).min(1)).optional(),
});

export interface StripeConfig {
  /** Null: Apex runs without Stripe. Everything is computed, and nothing can be sent. */
  readonly account: { readonly key: string; readonly livemode: boolean; readonly base: URL | null } | null;
  readonly webhookSecrets: readonly string[];
  /** Milliseconds between two looks for what is to be done; 0: only when somebody calls. */
  readonly lookEveryMs: number;
}

const LOOK_EVERY_MS = 2_000;

/** @throws ConfigError where the variables do not go together */
export function stripeConfig(env: z.output<typeof stripeEnvSchema>): StripeConfig {
  const { STRIPE_SECRET_KEY: key, STRIPE_API_BASE: base, STRIPE_WEBHOOK_SECRET: webhookSecrets } = env;
  const livemode = key !== undefined && modeOfKey(key) === 'live';
  if (livemode && base !== undefined && !base.startsWith('https:')) throw new ConfigError(['STRIPE_API_BASE'], 'STRIPE_API_BASE: a live key goes out over https only');
  return { account: key === undefined ? null : { key, livemode, base: base === undefined ? null : new URL(base) }, webhookSecrets: webhookSecrets ?? [], lookEveryMs: LOOK_EVERY_MS };
}
