import { reasonSchema } from '@apex/common';
import { z } from 'zod';
import { TIERS } from '../../core/tiers.js';
import { LIMIT_NAMES } from './meter.js';

const MAX_COUNT = 1_000_000_000_000;
const MAX_MICRO_USD = 1_000_000_000_000_000;

const count = (what: string) => z.number().int().min(0).max(MAX_COUNT).nullable().describe(what);
const microUsd = (what: string) => z.number().int().min(0).max(MAX_MICRO_USD).nullable().describe(what);
const picodollars = z
  .string()
  .regex(/^\d{1,30}$/, 'picodollars, as decimal digits')
  .transform(BigInt)
  .nullable();

const limitFields = {
  requestsPerMinute: count('Requests in any 60 seconds.'),
  tokensPerMinute: count('Tokens, of prompts and answers, in any 60 seconds.'),
  concurrency: count('Requests under way at once.'),
};

/** A key's limits, beside its customer's. null, or left out: none. */
export const keyLimitsSchema = z.strictObject({
  requestsPerMinute: limitFields.requestsPerMinute.default(null),
  tokensPerMinute: limitFields.tokensPerMinute.default(null),
  concurrency: limitFields.concurrency.default(null),
  monthlyBudgetMicroUsd: microUsd('Micro-dollars in a billing month.').default(null),
});

export const updateKeySchema = z.strictObject({ limits: keyLimitsSchema, reason: reasonSchema });
export type UpdateKeyInput = z.output<typeof updateKeySchema>;

const saysSomething = ({ reason: _reason, ...changes }: Record<string, unknown>): boolean => Object.values(changes).some((value) => value !== undefined);

const termsFields = {
  platformFeePd: picodollars.describe('Picodollars in a billing month, as a decimal string.').optional(),
  vbpRatePpm: z.number().int().min(0).max(1_000_000).nullable().describe('Of billed savings, in parts per million.').optional(),
  requestsPerMinute: limitFields.requestsPerMinute.optional(),
  tokensPerMinute: limitFields.tokensPerMinute.optional(),
  concurrency: limitFields.concurrency.optional(),
  agentRunsPer5h: z.number().int().min(0).max(1_000_000_000).nullable().optional(),
};

/** What changes in a tier, for all who are on it and have agreed nothing else. null: no limit, or as agreed. */
export const setTierSchema = z
  .strictObject({ ...termsFields, vbpBilled: z.boolean().optional(), workbench: z.boolean().optional(), reason: reasonSchema })
  .refine(saysSomething, 'say what to change');
export type SetTierInput = z.output<typeof setTierSchema>;
export type TierChange = Omit<SetTierInput, 'reason'>;

/** What changes in what was agreed with one customer. null: as the tier has it; of a budget: none. */
export const setTermsSchema = z
  .strictObject({
    ...termsFields,
    vbpBilled: z.boolean().nullable().optional(),
    workbench: z.boolean().nullable().optional(),
    monthlyBudgetMicroUsd: microUsd('Micro-dollars in a billing month.').optional(),
    platformBudgetMicroUsd: microUsd('Micro-dollars that the platform\'s provider keys may spend in a billing month; holds whatever the flag says.').optional(),
    billingAnchorDay: z.number().int().min(1).max(28).optional(),
    reason: reasonSchema,
  })
  .refine(saysSomething, 'say what to change');
export type SetTermsInput = z.output<typeof setTermsSchema>;
export type TermsChange = Omit<SetTermsInput, 'reason'>;

const limitsView = z.object({ ...limitFields, monthlyBudgetMicroUsd: microUsd('Micro-dollars in a billing month.') });
/** A key's limits as they are; null: none. */
export const keyLimitsViewSchema = limitsView;

export const tierViewSchema = z.object({
  name: z.enum(TIERS),
  rank: z.int(),
  platformFeePd: z.string().nullable().describe('Picodollars in a billing month; null: agreed'),
  vbpRatePpm: z.int().nullable().describe('Parts per million of billed savings; null: agreed'),
  vbpBilled: z.boolean(),
  ...limitFields,
  agentRunsPer5h: z.int().nullable(),
  workbench: z.boolean(),
});
export type TierView = z.output<typeof tierViewSchema>;

export const termsViewSchema = z.object({
  tier: z.enum(TIERS),
  platformFeePd: z.string(),
  vbpRatePpm: z.int(),
  vbpBilled: z.boolean(),
  limits: limitsView,
  platformBudgetMicroUsd: microUsd('For the platform\'s provider keys; holds whatever the flag says.'),
  workbench: z.boolean(),
  agentRunsPer5h: z.int().nullable(),
  billingAnchorDay: z.int(),
});
export type TermsView = z.output<typeof termsViewSchema>;

export const limitUseSchema = z.object({
  name: z.enum(LIMIT_NAMES),
  scope: z.enum(['customer', 'key']),
  kind: z.enum(['window', 'gauge', 'total']),
  limit: z.int(),
  used: z.int().describe('In the last minute; of a budget in the billing month; of concurrency: under way'),
  remaining: z.int(),
  resetMs: z.int(),
  wouldHaveBeenLimited: z.int().describe('Requests of this billing month that it would have refused while limits were not enforced'),
});

export const limitsUseViewSchema = z.object({
  tier: z.enum(TIERS),
  enforced: z.boolean().describe('false: limits are counted, and refuse nobody but where the platform\'s provider keys pay'),
  limits: z.array(limitUseSchema),
});
export type LimitsUseView = z.output<typeof limitsUseViewSchema>;
