import { z } from 'zod';
import { MASTER_KEY_BYTES } from './core/content-box.js';

const masterKeySchema = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === MASTER_KEY_BYTES && Buffer.from(text, 'base64').toString('base64') === text, `base64 of ${MASTER_KEY_BYTES} bytes`);

/** This lib's part of the environment. */
export const authEnvSchema = z.object({
  APEX_ENCRYPTION_KEY: masterKeySchema.optional().describe('Master key for provider keys at rest; without it APEX_HOME/secret.key.'),
  APEX_ENCRYPTION_KEYS_OLD: z
    .string()
    .transform((text) => text.split(',').map((key) => key.trim()))
    .pipe(z.array(masterKeySchema))
    .optional()
    .describe('Earlier master keys, comma-separated: they open what they sealed.'),
});

export interface AuthConfig {
  /** APEX_HOME: where `secret.key` lives. */
  readonly home: string;
  readonly encryptionKey?: string;
  readonly oldEncryptionKeys?: readonly string[];
  /** The platform's provider keys from the environment, by provider. A platform key set over the API goes before. */
  readonly platformKeys: Readonly<Record<string, string>>;
  /** How often changes of other processes are looked for, in ms; default 500. */
  readonly pollMs?: number;
}

export const AUTH_CONFIG = Symbol('AUTH_CONFIG');
