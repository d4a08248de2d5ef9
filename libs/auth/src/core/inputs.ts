import { customerIdSchema, instantSchema, reasonSchema } from '@apex/common';
import { z } from 'zod';
import { keyLimitsSchema } from '../limits/core/inputs.js';
import { SCOPES } from './scopes.js';
import { TIERS } from './tiers.js';

/** One line of text. Postgres would refuse NUL and half of a surrogate pair; the other control characters are no name. */
const lineSchema = z.string().trim().max(254).regex(/^[^\p{Cc}\p{Cs}]*$/u, 'one line of plain text');
const nameSchema = lineSchema.min(1, 'say a name').max(200);
const optionalReason = reasonSchema.optional();

/** Why, for requests that have no body. */
export const reasonQuerySchema = z.object({ reason: optionalReason });
export type ReasonQuery = z.output<typeof reasonQuerySchema>;

/** A page of a list: `after` is the last id of the page before. */
export const pageSchema = z.object({
  after: z.string().regex(/^[\w-]{1,64}$/, 'an id').optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
export type Page = z.output<typeof pageSchema>;

export const createCustomerSchema = z.object({
  id: customerIdSchema.optional().describe('Made by Apex when left out.'),
  name: nameSchema,
  tier: z.enum(TIERS).default('free'),
  platformKeys: z.boolean().default(false).describe('May this customer use the platform\'s provider keys?'),
  reason: optionalReason,
});
export type CreateCustomerInput = z.output<typeof createCustomerSchema>;

export const updateCustomerSchema = z
  .object({
    name: nameSchema.optional(),
    tier: z.enum(TIERS).optional(),
    platformKeys: z.boolean().optional(),
    suspended: z.boolean().optional().describe('A suspended customer\'s keys and users are refused.'),
    reason: reasonSchema,
  })
  .refine(({ reason: _reason, ...changes }) => Object.values(changes).some((value) => value !== undefined), 'say what to change');
export type UpdateCustomerInput = z.output<typeof updateCustomerSchema>;

export const createKeySchema = z.object({
  name: nameSchema.default('default'),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .default(['inference'])
    .transform((scopes) => [...new Set(scopes)]),
  expiresAt: instantSchema.nullable().default(null),
  limits: keyLimitsSchema.optional().describe('Beside the customer\'s own; without them those are all.'),
  reason: optionalReason,
});
export type CreateKeyInput = z.output<typeof createKeySchema>;

const DAY_SECONDS = 24 * 60 * 60;

export const rotateKeySchema = z.object({
  graceSeconds: z.number().int().min(0).max(90 * DAY_SECONDS).default(DAY_SECONDS).describe('How long the old key goes on working.'),
  reason: optionalReason,
});
export type RotateKeyInput = z.output<typeof rotateKeySchema>;

/** Long enough to be worth a memory-hard hash, short enough that hashing it is no attack. */
const passwordSchema = z.string().min(10, 'at least 10 characters').max(200);

export const createUserSchema = z.object({
  email: z.email().max(254),
  name: nameSchema,
  role: z.enum(['owner', 'member']).default('member'),
  password: passwordSchema.optional().describe('Without one the user cannot sign in.'),
  reason: optionalReason,
});
export type CreateUserInput = z.output<typeof createUserSchema>;

export const updateUserSchema = z
  .object({
    role: z.enum(['owner', 'member']).optional(),
    disabled: z.boolean().optional().describe('A disabled user is refused, signed in or not.'),
    password: passwordSchema.optional(),
    reason: reasonSchema,
  })
  .refine(({ reason: _reason, ...changes }) => Object.values(changes).some((value) => value !== undefined), 'say what to change');
export type UpdateUserInput = z.output<typeof updateUserSchema>;

export const createOperatorTokenSchema = z.object({
  name: nameSchema.describe('Who or what it is for: the audit log names its bearer so.'),
  reason: optionalReason,
});
export type CreateOperatorTokenInput = z.output<typeof createOperatorTokenSchema>;

export const resealSchema = z.object({ reason: reasonSchema });
export type ResealInput = z.output<typeof resealSchema>;

export const providerNameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'lower-case letters, digits, _ and -, at most 64');

export const setProviderKeySchema = z.object({
  // It goes into a header: anything but visible ASCII could only be a mistake or an injection.
  apiKey: z.string().regex(/^[\x21-\x7e]{1,512}$/, 'visible ASCII, at most 512 characters'),
  reason: optionalReason,
});
export type SetProviderKeyInput = z.output<typeof setProviderKeySchema>;

export const loginSchema = z.object({ email: lineSchema.min(1), password: z.string().min(1).max(200) });
export type LoginInput = z.output<typeof loginSchema>;

export const auditQuerySchema = z.object({
  from: instantSchema.optional(),
  to: instantSchema.optional(),
  before: z.uuid().optional().describe('`next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
