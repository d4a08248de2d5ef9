import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Caller, type CallerContext, CustomerAccess } from '@apex/auth';
import { customerIdSchema, instantSchema, invalid } from '@apex/common';
import { type Analytics, ANALYTICS_GROUPINGS, INTERVAL_MS, type Interval, TelemetryStore } from '@apex/telemetry';
import { z } from 'zod';
import { customerScope } from './support/customer-scope.js';
import { ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const DEFAULT_PERIOD_MS = 30 * 86_400_000;
/** Groups times points: what an answer may hold at most. */
const MOST_POINTS = 50_000;

const INTERVALS = Object.keys(INTERVAL_MS) as [Interval, ...Interval[]];
/** Postgres stores neither, so nothing that is stored has them. */
const textSchema = z.string().max(500).regex(/^[^\0\p{Cs}]*$/u, 'no NUL, no half characters');

const querySchema = z.object({
  from: instantSchema.optional().describe('Inclusive; default: 30 days before `to`'),
  to: instantSchema.optional().describe('Exclusive; default: now'),
  groupBy: z.enum(ANALYTICS_GROUPINGS).default('model').describe('model: the requested one'),
  interval: z.enum(INTERVALS).optional().describe('Adds a time series to the total and to each group; days and hours are those of UTC'),
  limit: z.coerce.number().pipe(z.int().min(1).max(1_000)).default(20).describe('Groups at most, the largest; the total covers all'),
  model: textSchema.optional().describe('Only requests for this model'),
  key: z.uuid().toLowerCase().optional().describe('Only requests with this API key'),
  status: z.enum(['final', 'failed', 'denied', 'aborted', 'interrupted']).optional(),
  cohort: textSchema.optional(),
  tag: textSchema.optional().describe('Only requests with this tag'),
  customerId: customerIdSchema.optional().describe('For operators: one customer; without it, all of them'),
});

const latencySchema = z.object({ p50: z.int(), p90: z.int(), p95: z.int(), p99: z.int(), max: z.int() }).nullable();

const sumsSchema = z.object({
  requests: z.int(),
  byStatus: z.object({ final: z.int(), failed: z.int(), denied: z.int(), aborted: z.int(), interrupted: z.int() }),
  promptTokens: z.int(),
  cachedTokens: z.int(),
  cacheWriteTokens: z.int(),
  completionTokens: z.int(),
  reasoningTokens: z.int(),
  costPicodollars: z.string().describe('10^-12 USD, a decimal string'),
  unpriced: z.int().describe('Requests with usage that no price is known for; not in costPicodollars'),
  unknownAttempts: z.int().describe('Attempts whose bill is not known yet; while not 0, the sums are lower bounds'),
  duration: latencySchema.describe('Milliseconds from arrival to the last byte, of final requests; nearest-rank percentiles, so each is a time that was measured'),
  firstByte: latencySchema.describe('The same to the first byte'),
});

const seriesSchema = sumsSchema.extend({
  points: z.array(sumsSchema.extend({ at: z.iso.datetime() })).optional().describe('With an interval: in the order of time, without those that have no requests'),
});

const analyticsSchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  groupBy: z.enum(ANALYTICS_GROUPINGS),
  interval: z.enum(INTERVALS).nullable(),
  total: seriesSchema,
  groups: z.array(seriesSchema.extend({ key: z.string().nullable() })).describe('Largest first; by tag, a request counts in each of its tags'),
  truncated: z.boolean().describe('There are more groups'),
});

@ApiTags('usage')
@Controller('api/analytics')
@CustomerAccess('usage:read')
export class AnalyticsController {
  constructor(private readonly telemetry: TelemetryStore) {}

  /** Counts, tokens, cost and latency of a period by group and over time: the caller's own, or for an operator one customer's or everybody's. */
  @Get()
  @ZodResponse(200, analyticsSchema)
  analyze(@ZodQuery(querySchema) query: z.output<typeof querySchema>, @Caller() caller: CallerContext): Promise<Analytics> {
    const { groupBy, interval = null, limit, model, key, status, cohort, tag } = query;
    const to = query.to ?? new Date();
    const from = query.from ?? new Date(to.getTime() - DEFAULT_PERIOD_MS);
    if (from > to) throw invalid('from is after to.', 'from');
    if (interval !== null) {
      const points = (Math.ceil((to.getTime() - from.getTime()) / INTERVAL_MS[interval]) + 1) * (groupBy === 'none' ? 1 : limit + 1);
      if (points > MOST_POINTS) throw invalid(`That may be ${points} points, and ${MOST_POINTS} are the most: ask for a longer interval, a shorter period or fewer groups.`, 'interval');
    }
    const where = { ...(model !== undefined && { model }), ...(key !== undefined && { key }), ...(status !== undefined && { status }), ...(cohort !== undefined && { cohort }), ...(tag !== undefined && { tag }) };
    return this.telemetry.analyze({ customerId: customerScope(caller, query.customerId), from, to, groupBy, interval, where, limit });
  }
}
