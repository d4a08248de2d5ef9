import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Caller, CustomerAccess, type CallerContext } from '@apex/auth';
import { customerIdSchema, instantSchema, invalid } from '@apex/common';
import { GROUPINGS, UsageQuery, type UsageSummary } from '@apex/usage';
import { customerScope } from './support/customer-scope.js';
import { ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const querySchema = z.object({
  from: instantSchema.optional().describe('Inclusive; default: 30 days before `to`'),
  to: instantSchema.optional().describe('Exclusive; default: now'),
  groupBy: z.enum(GROUPINGS).default('model'),
  customerId: customerIdSchema.optional().describe('For operators: one customer; without it, all of them'),
});

const totalsSchema = z.object({
  requests: z.int(),
  promptTokens: z.int(),
  cachedTokens: z.int(),
  cacheWriteTokens: z.int(),
  completionTokens: z.int(),
  reasoningTokens: z.int(),
  costPicodollars: z.string().describe('10^-12 USD, a decimal string'),
  byStatus: z.object({ final: z.int(), failed: z.int(), denied: z.int(), aborted: z.int(), interrupted: z.int() }),
  unpriced: z.int().describe('Requests with usage that no price is known for; not in costPicodollars'),
  unknownAttempts: z.int().describe('Attempts whose bill is not known yet; while not 0, the sums are lower bounds'),
});

const summarySchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  total: totalsSchema,
  groups: z.array(totalsSchema.extend({ key: z.string().nullable() })).describe('Largest first; by tag, a request counts in each of its tags'),
  truncated: z.boolean(),
});

@ApiTags('usage')
@Controller('api/usage')
@CustomerAccess('usage:read')
export class UsageController {
  constructor(private readonly usage: UsageQuery) {}

  /** What was used in a period: the caller's own, or for an operator one customer's or everybody's. */
  @Get()
  @ZodResponse(200, summarySchema)
  summarize(@ZodQuery(querySchema) query: z.output<typeof querySchema>, @Caller() caller: CallerContext): Promise<UsageSummary> {
    const { from, to, groupBy } = query;
    if (from && to && from > to) throw invalid('from is after to.', 'from');
    return this.usage.summarize({ customerId: customerScope(caller, query.customerId), groupBy, ...(from && { from }), ...(to && { to }) });
  }
}
