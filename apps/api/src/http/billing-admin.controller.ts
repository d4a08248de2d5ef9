import { Controller, Get, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, type CallerContext } from '@apex/auth';
import { type CustomerMargin, Credits, type GrantedCredit, type MonthlyRevenue, RevenueReports } from '@apex/billing';
import { Clock, customerIdSchema, instantSchema, invalid, reasonSchema } from '@apex/common';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

/** $1,000,000: more is a slip of the finger. */
const MAX_CREDIT_CENTS = 100_000_000;
const DEFAULT_PERIOD_MS = 30 * 86_400_000;

const sourceIdSchema = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'up to 200 printable ASCII characters');
const picodollars = z.string().describe('10^-12 USD, a decimal string');

const creditSchema = z.strictObject({
  amountCents: z.int().positive().max(MAX_CREDIT_CENTS),
  sourceId: sourceIdSchema.optional().describe('What the credit is for, once: a ticket, an incident. Without it, the Idempotency-Key header names the credit'),
  reason: reasonSchema,
});
const grantedSchema = z.object({
  id: z.uuid(),
  customerId: z.string(),
  sourceId: z.string(),
  amountPicodollars: picodollars,
  created: z.boolean().describe('false: it had been granted before'),
  creditPicodollars: picodollars.describe('What the customer has left of all credits'),
});

const periodSchema = z.object({ from: instantSchema.optional().describe('Exclusive; default: 30 days before `to`'), to: instantSchema.optional().describe('Inclusive; default: now') });
const marginSchema = z.object({
  customerId: z.string(),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  statements: z.int().describe('Closed statements whose period ended in the time asked for; revenue and cost are theirs'),
  revenue: z.object({ platformPicodollars: picodollars, vbpPicodollars: picodollars, bvmPicodollars: picodollars, passthroughPicodollars: picodollars }),
  providerCostPicodollars: picodollars.describe('What the platform’s keys paid providers in these periods'),
  marginPicodollars: picodollars,
});
const mrrSchema = z.object({
  asOf: z.iso.datetime(),
  customers: z.int().describe('Not suspended'),
  platformPicodollars: picodollars.describe('Platform fees a month, by the terms of now'),
  statements: z.int().describe('Of each customer the last one, where it was closed within the trailing month'),
  vbpPicodollars: picodollars,
  bvmPicodollars: picodollars,
  mrrPicodollars: picodollars,
});

@ApiTags('admin')
@Controller('api/admin')
@AdminOnly()
export class BillingAdminController {
  constructor(
    private readonly credits: Credits,
    private readonly revenue: RevenueReports,
    private readonly clock: Clock,
  ) {}

  /** Money that the customer does not have to pay. The same credit asked for again changes nothing. */
  @Post('customers/:id/credits')
  @HttpCode(200)
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'Names the credit where the body has no sourceId' })
  @ZodResponse(200, grantedSchema)
  grant(
    @ZodParam('id', customerIdSchema) customerId: string,
    @ZodBody(creditSchema) { amountCents, sourceId, reason }: z.output<typeof creditSchema>,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Caller() caller: CallerContext,
  ): Promise<GrantedCredit> {
    const named = sourceIdSchema.safeParse(sourceId ?? idempotencyKey);
    if (!named.success) throw invalid('A credit needs a sourceId or an Idempotency-Key of up to 200 printable characters, so that it is given once.', 'sourceId');
    return this.credits.grant({ customerId, amountCents, sourceId: named.data, reason, actor: actorOf(caller) });
  }

  /** What was earned with a customer, less what the platform's keys paid providers for it. */
  @Get('customers/:id/margin')
  @ZodResponse(200, marginSchema)
  margin(@ZodParam('id', customerIdSchema) customerId: string, @ZodQuery(periodSchema) query: z.output<typeof periodSchema>): Promise<CustomerMargin> {
    const to = query.to ?? new Date(this.clock.now());
    const from = query.from ?? new Date(to.getTime() - DEFAULT_PERIOD_MS);
    if (from > to) throw invalid('from is after to.', 'from');
    return this.revenue.margin(customerId, from, to);
  }

  /** Monthly recurring revenue: platform fees, and VBP and BVM as they were last billed. */
  @Get('mrr')
  @ZodResponse(200, mrrSchema)
  mrr(): Promise<MonthlyRevenue> {
    return this.revenue.monthly();
  }
}
