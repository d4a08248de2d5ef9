import { z } from 'zod';
import { keyLimitsViewSchema } from '../limits/core/inputs.js';
import { SCOPES } from './scopes.js';
import { TIERS } from './tiers.js';

// What callers get to see. No view has a field for a secret or a hash; the few that show a secret once say so.

const instant = z.string().describe('ISO 8601, UTC');

/** A list; `next` continues it. */
export const listOf = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item), next: z.string().nullable() });
export interface ListOf<T> {
  readonly data: readonly T[];
  readonly next: string | null;
}

export const customerViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  tier: z.enum(TIERS),
  platformKeys: z.boolean(),
  suspended: z.boolean(),
  createdAt: instant,
});
export type CustomerView = z.output<typeof customerViewSchema>;

export const keyViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  status: z.enum(['active', 'expired', 'revoked']),
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
  rotatedFrom: z.string().nullable(),
  limits: keyLimitsViewSchema,
  createdBy: z.string(),
  createdAt: instant,
});
export type KeyView = z.output<typeof keyViewSchema>;

export const createdKeySchema = z.object({
  id: z.string(),
  key: z.string().describe('Shown this once; Apex keeps only its hash.'),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  expiresAt: instant.nullable(),
});
export type CreatedKey = z.output<typeof createdKeySchema>;

export const rotatedKeySchema = createdKeySchema.extend({ previous: z.object({ id: z.string(), expiresAt: instant }) });
export type RotatedKey = z.output<typeof rotatedKeySchema>;

export const userViewSchema = z.object({
  id: z.string(),
  customerId: z.string().nullable(),
  email: z.string(),
  name: z.string(),
  role: z.enum(['owner', 'member', 'admin']),
  tier: z.string().nullable(),
  disabled: z.boolean(),
  createdAt: instant,
});
export type UserView = z.output<typeof userViewSchema>;

export const providerKeyViewSchema = z.object({
  id: z.string(),
  provider: z.string(),
  owner: z.enum(['customer', 'platform']),
  hint: z.string().describe('The key\'s last four characters.'),
  createdAt: instant,
});
export type ProviderKeyView = z.output<typeof providerKeyViewSchema>;

export const operatorTokenViewSchema = z.object({ id: z.string(), name: z.string(), createdAt: instant, revokedAt: instant.nullable() });
export type OperatorTokenView = z.output<typeof operatorTokenViewSchema>;

export const createdOperatorTokenSchema = z.object({ id: z.string(), token: z.string().describe('Shown this once; Apex keeps only its hash.'), name: z.string() });
export type CreatedOperatorToken = z.output<typeof createdOperatorTokenSchema>;

export const resealedSchema = z.object({
  masterKey: z.string().describe('What the current master key is called by in ciphertexts; it tells nothing of the key.'),
  resealed: z.int().describe('Provider keys that an earlier master key had sealed'),
  current: z.int().describe('Provider keys that the current one had sealed already'),
  unreadable: z.array(z.object({ id: z.string(), owner: z.string(), provider: z.string(), masterKey: z.string().nullable() })).describe('Those that no master key here opens; set them anew'),
});
export type Resealed = z.output<typeof resealedSchema>;

export const auditEntryViewSchema = z.object({
  id: z.string(),
  at: instant,
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
  reason: z.string().nullable(),
});
export type AuditEntryView = z.output<typeof auditEntryViewSchema>;

export const signedInSchema = z.object({ token: z.string().describe('A session token, shown this once.'), expiresAt: instant, user: userViewSchema });
export type SignedIn = z.output<typeof signedInSchema>;

export const meSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('operator'), name: z.string() }),
  z.object({ kind: z.literal('key'), keyId: z.string(), customerId: z.string(), scopes: z.array(z.enum(SCOPES)) }),
  z.object({ kind: z.literal('user'), user: userViewSchema }),
]);
export type Me = z.output<typeof meSchema>;
