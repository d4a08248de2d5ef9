import { type ServerResponse } from 'node:http';
import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, Caller, CustomerAccess, CustomerId, type CallerContext } from '@apex/auth';
import { ApexError, Clock, instantSchema, invalid } from '@apex/common';
import { ActivePolicies, periodAt, secretHash } from '@apex/policy';
import { claimedSavings, estimateSaving, Experiments, MECHANISMS, Receipts, SavingsQuery, type ReceiptView, type SavingsSummary } from '@apex/usage';
import { experimentSchema, experimentView, type ExperimentView } from './support/experiment-view.js';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const picodollars = z.string().describe('10^-12 USD, a decimal string');
const sumsSchema = z.object({
  receipts: z.int(),
  void: z.int().describe('Receipts that claim nothing, and count what they cost'),
  baselinePicodollars: picodollars,
  actualPicodollars: picodollars,
  savingPicodollars: picodollars,
  overheadPicodollars: picodollars,
  mechanisms: z.object(Object.fromEntries(MECHANISMS.map((mechanism) => [mechanism, z.object({ receipts: z.int(), savingPicodollars: picodollars })]))),
});
const summarySchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  total: sumsSchema,
  arms: z.object({ treated: sumsSchema, control: sumsSchema }),
  models: z.array(sumsSchema.extend({ model: z.string() })),
  experiment: experimentSchema.extend({ period: z.string(), secretHash: z.string().nullable().describe('SHA-256 of the secret that assigns this period’s arms; the secret itself comes with the statement') }),
});

const periodSchema = z.object({ from: instantSchema.optional().describe('Inclusive; default: 30 days before `to`'), to: instantSchema.optional().describe('Exclusive; default: now') });
const feedbackSchema = z.strictObject({ requestId: z.uuid(), verdict: z.literal('rejected').describe('The answer was no good: its saving is not billed') });

/** Receipts hold nested inputs whose form is versioned (`inputs.v`). */
const receiptSchema = z.object({ recorded: z.looseObject({}), adjustments: z.array(z.looseObject({})), current: z.looseObject({}), link: z.looseObject({}).nullable() });

const DEFAULT_PERIOD_MS = 30 * 86_400_000;

@ApiTags('savings')
@Controller('api')
export class SavingsController {
  constructor(
    private readonly receipts: Receipts,
    private readonly savings: SavingsQuery,
    private readonly experiments: Experiments,
    private readonly policies: ActivePolicies,
    private readonly clock: Clock,
  ) {}

  /** What a period's receipts add up to: net, by mechanism, model and arm; and what the randomised experiment says of it. */
  @Get('savings')
  @CustomerAccess('usage:read')
  @ZodResponse(200, summarySchema)
  async summarize(@ZodQuery(periodSchema) query: z.output<typeof periodSchema>, @CustomerId() customerId: string): Promise<SavingsSummary & { experiment: ExperimentView & { period: string; secretHash: string | null } }> {
    const { from, to } = ordered(query);
    const summary = await this.savings.summarize({ customerId, ...(from && { from }), ...(to && { to }) });
    const assigned = await this.experiments.between(customerId, new Date(summary.from), new Date(summary.to), periodAt);
    const now = this.clock.now();
    const secret = this.policies.secretAt(customerId, now);
    return { ...summary, experiment: { ...experimentView(estimateSaving(assigned), claimedSavings(summary)), period: periodAt(now).name, secretHash: secret === null ? null : secretHash(secret) } };
  }

  /** One request's receipt with all that it is computed from. */
  @Get('receipts/:requestId')
  @CustomerAccess('usage:read')
  @ZodResponse(200, receiptSchema)
  async receipt(@ZodParam('requestId', z.uuid()) requestId: string, @CustomerId() customerId: string): Promise<ReceiptView> {
    const view = await this.receipts.find(customerId, requestId);
    if (view === null) throw new ApexError('receipt_not_found', 404, `There is no receipt for request ${requestId}.`);
    return view;
  }

  /** A period's receipts, one JSON object per line, in the order of their requests. */
  @Get('receipts')
  @CustomerAccess('usage:read')
  @ApiProduces('application/jsonl')
  async export(@ZodQuery(periodSchema) query: z.output<typeof periodSchema>, @CustomerId() customerId: string, @Res() response: ServerResponse): Promise<void> {
    const { from, to } = ordered(query);
    const end = to ?? new Date(this.clock.now());
    const views = this.receipts.between(customerId, from ?? new Date(end.getTime() - DEFAULT_PERIOD_MS), end);
    const first = await views.next();
    // Only now: until the store has answered, an error can still be told as one.
    response.writeHead(200, { 'content-type': 'application/jsonl; charset=utf-8' });
    try {
      for (let next = first; next.done !== true; next = await views.next()) {
        if (response.destroyed) return;
        if (!response.write(`${JSON.stringify(next.value)}\n`)) await new Promise((resolve) => void response.once('drain', resolve).once('close', resolve));
      }
      response.end();
    } catch {
      // A list that is cut off must not read like one that is complete.
      response.destroy();
    }
  }

  /** Rejects an answer: within 72 hours, by anyone who may ask for answers. */
  @Post('feedback')
  @HttpCode(200)
  @CustomerAccess('inference')
  @ZodResponse(200, z.object({ requestId: z.uuid(), verdict: z.literal('rejected'), changed: z.boolean() }))
  async feedback(@ZodBody(feedbackSchema) body: z.output<typeof feedbackSchema>, @CustomerId() customerId: string, @Caller() caller: CallerContext): Promise<{ requestId: string; verdict: 'rejected'; changed: boolean }> {
    const changed = await this.receipts.reject(customerId, body.requestId, actorOf(caller));
    return { ...body, changed };
  }
}

function ordered(query: z.output<typeof periodSchema>): z.output<typeof periodSchema> {
  if (query.from && query.to && query.from > query.to) throw invalid('from is after to.', 'from');
  return query;
}
