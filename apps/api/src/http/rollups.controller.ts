import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, Caller, type CallerContext } from '@apex/auth';
import { RollupAdmin, type RollupStatus } from '@apex/billing';
import { instantSchema, invalid, reasonSchema } from '@apex/common';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const MAX_DAYS = 100;
const DAY_MS = 86_400_000;

const sum = z.string().describe('A whole number: sums have no upper bound');
const sumsSchema = z.object({
  requests: sum,
  promptTokens: sum,
  cachedTokens: sum,
  cacheWriteTokens: sum,
  completionTokens: sum,
  reasoningTokens: sum,
  costPicodollars: sum,
  unpriced: sum,
  unknownAttempts: sum,
});
const statusSchema = z.object({
  markedAt: z.iso.datetime().nullable().describe('When it was last seen what there is to recompute'),
  waiting: z.int().describe('Hours of customers that wait to be recomputed'),
  checkedAt: z.iso.datetime().nullable().describe('When rollups were last compared with their records'),
  differing: z.int().describe('Hours and days of customers whose rollups are not what their records add up to. It must be 0'),
  differences: z
    .array(z.object({ granularity: z.enum(['hour', 'day']), bucket: z.iso.datetime(), customerId: z.string(), recorded: sumsSchema, rolledUp: sumsSchema, foundAt: z.iso.datetime() }))
    .describe('The first hundred'),
});
const periodSchema = z.strictObject({ from: instantSchema, to: instantSchema, reason: reasonSchema });

@ApiTags('admin')
@Controller('api/admin/rollups')
@AdminOnly()
export class RollupsController {
  constructor(private readonly rollups: RollupAdmin) {}

  /** How far rollups are, and where they are not what their records add up to. */
  @Get()
  @ZodResponse(200, statusSchema)
  status(): Promise<RollupStatus> {
    return this.rollups.status();
  }

  /** Has all days that touch the period made again from the records, within a minute or so. */
  @Post('recompute')
  @HttpCode(202)
  @ZodResponse(202, statusSchema)
  recompute(@ZodBody(periodSchema) { from, to, reason }: z.output<typeof periodSchema>, @Caller() caller: CallerContext): Promise<RollupStatus> {
    if (from >= to) throw invalid('from is not before to.', 'from');
    if (to.getTime() - from.getTime() > MAX_DAYS * DAY_MS) throw invalid(`A period of at most ${MAX_DAYS} days, please.`, 'to');
    return this.rollups.recompute(from, to, actorOf(caller), reason);
  }
}
