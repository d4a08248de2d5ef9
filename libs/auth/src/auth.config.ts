import { envInt } from '@apex/common';
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
  APEX_AUTH_FAILURES_PER_MINUTE: envInt.pipe(z.int().min(1)).default(30).describe('Tokens and passwords of one address that may be wrong in a minute; more are refused with 429.'),
  APEX_ADMIN_TOKEN: z
    .string()
    // What starts like an API key or a session is looked for among those.
    .regex(/^(?!apexs?_)[\x21-\x7e]{32,256}$/, 'at least 32 visible characters, e.g. of: openssl rand -base64 32')
    .optional()
    .describe('An admin token that is good for as long as it stands here: the first one of a deployment.'),
});

export interface AuthConfig {
  /** APEX_HOME: where `secret.key` lives. */
  readonly home: string;
  readonly encryptionKey?: string;
  readonly oldEncryptionKeys?: readonly string[];
  /** A token of the environment's that makes its bearer an operator; it is stored nowhere. */
  readonly adminToken?: string;
  /** Tokens of one address that may be wrong in a minute; default 30. */
  readonly failuresPerMinute?: number;
  /** The platform's provider keys from the environment, by provider. A platform key set over the API goes before. */
  readonly platformKeys: Readonly<Record<string, string>>;
  /** How often changes of other processes are looked for, in ms; default 500. */
  readonly pollMs?: number;
}

export const AUTH_CONFIG = Symbol('AUTH_CONFIG');
