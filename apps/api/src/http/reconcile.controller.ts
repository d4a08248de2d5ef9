import { Controller, HttpCode, Post, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, AuditLog, Caller, providerNameSchema, type CallerContext } from '@apex/auth';
import { instantSchema, reasonSchema } from '@apex/common';
import { PriceBook, ProviderRegistry } from '@apex/llm';
import { Reconciler, type ReconcileReport } from '@apex/usage';
import { LargeJsonBody } from './support/large-json-body.guard.js';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const MAX_ROWS = 50_000;
/** So many rows, with room to spare. */
const MAX_BYTES = 32 * 1024 * 1024;

const countSchema = z.int().nonnegative();

/** A line of a provider's export; what else it holds is ignored. */
const rowSchema = z.object({
  attemptId: z.string().regex(/^[\x21-\x7e]{1,200}$/, 'up to 200 printable ASCII characters'),
  responseId: z.string().nullish(),
  model: z.string().nullish(),
  promptTokens: countSchema,
  cachedTokens: countSchema.optional(),
  cacheWriteTokens: countSchema.optional(),
  completionTokens: countSchema,
  reasoningTokens: countSchema.optional(),
  billed: z.boolean().optional().describe('false: the provider bills nothing for it; default true'),
});

const bodySchema = z
  .object({
    provider: providerNameSchema,
    from: instantSchema.optional(),
    to: instantSchema.optional(),
    rows: z.array(rowSchema).max(MAX_ROWS, `at most ${MAX_ROWS} rows in one call`),
    reason: reasonSchema.optional(),
  })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), { path: ['from'], message: 'from and to come together' })
  .refine(({ from, to }) => !from || !to || from <= to, { path: ['from'], message: 'from is after to' });

const usageSchema = z.object({ promptTokens: z.int(), cachedTokens: z.int(), cacheWriteTokens: z.int(), completionTokens: z.int(), reasoningTokens: z.int() });

const reportSchema = z.object({
  id: z.uuid(),
  provider: z.string(),
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  counts: z.object({
    rows: z.int(),
    duplicates: z.int(),
    agreeing: z.int(),
    settled: z.int().describe('Attempts that were unknown and are known now'),
    settledUnpriced: z.int(),
    alreadySettled: z.int(),
    usageDiffers: z.int(),
    unknownHere: z.int(),
    missingThere: z.int(),
    stillUnknown: z.int().describe('Unknown attempts of the period, or of all time without one'),
  }),
  differences: z.array(
    z.object({
      kind: z.enum(['usage_differs', 'unknown_here', 'missing_there']),
      attemptId: z.string(),
      ours: usageSchema.extend({ status: z.string() }).optional(),
      theirs: usageSchema.extend({ billed: z.boolean() }).optional(),
    }),
  ),
  truncated: z.boolean().describe('There are more differences than are listed; the counts are full'),
});

@ApiTags('admin')
@Controller('api/admin/reconcile')
@AdminOnly()
export class ReconcileController {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly prices: PriceBook,
    private readonly providers: ProviderRegistry,
    private readonly audit: AuditLog,
  ) {}

  /** Holds a provider's usage export against the books: settles unknown amounts, lists differences. */
  @Post()
  @HttpCode(200)
  @UseGuards(LargeJsonBody(MAX_BYTES))
  @ZodResponse(200, reportSchema)
  reconcile(@ZodBody(bodySchema) body: z.output<typeof bodySchema>, @Caller() caller: CallerContext): Promise<ReconcileReport> {
    const { provider, from, to, rows, reason } = body;
    const actor = actorOf(caller);
    const priceAs = this.providers.providers.find(({ name }) => name === provider)?.priceAs ?? provider;
    return this.reconciler.reconcile({
      provider,
      from,
      to,
      rows,
      actor,
      price: (_provider, model, usage, atMs) => this.prices.price(priceAs, model, usage, atMs),
      alongside: ({ id, counts }, manager) => this.audit.record({ actor, action: 'reconcile', target: `provider:${provider}/reconciliation:${id}`, after: { ...counts }, reason }, manager),
    });
  }
}
