import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, AdminOnly, AuditLog, Caller, type CallerContext } from '@apex/auth';
import { billingStateSchema, StripeBilling, StripeWorker, type AuditRun, type BillingState } from '@apex/billing';
import { customerIdSchema, instantSchema, invalid, notFound, reasonSchema } from '@apex/common';
import { ZodBody, ZodParam } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

/** $1,000,000: more is a slip of the finger. */
const MAX_CENTS = 100_000_000;

const because = z.strictObject({ reason: reasonSchema });
const creditNoteSchema = z.strictObject({
  invoiceId: z.string().max(255),
  amountCents: z.int().positive().max(MAX_CENTS),
  refund: z.boolean().describe('Back to the card, of what was paid; else off what is due, or off the next invoice'),
  reason: reasonSchema.describe('Shown on the note. The same note for the same reason is made once'),
});
const replaySchema = z.strictObject({ id: z.string().max(255).optional(), since: instantSchema.optional().describe('All that came since; without it the one of `id`'), reason: reasonSchema });
const auditSchema = z.object({
  id: z.uuid(),
  day: z.iso.date(),
  finishedAt: z.iso.datetime(),
  checked: z.record(z.string(), z.int()),
  differences: z.array(z.object({ customerId: z.string().nullable(), kind: z.string(), objectId: z.string(), ours: z.string().nullable(), theirs: z.string().nullable() })),
});

@ApiTags('admin')
@Controller('api/admin')
@AdminOnly()
export class StripeAdminController {
  constructor(
    private readonly stripe: StripeBilling,
    private readonly worker: StripeWorker,
    private readonly auditLog: AuditLog,
  ) {}

  @Get('customers/:id/billing')
  @ZodResponse(200, billingStateSchema)
  state(@ZodParam('id', customerIdSchema) id: string): Promise<BillingState> {
    return this.stripe.states.of(id);
  }

  /** Takes over all that Stripe has of a customer, whatever events said. */
  @Post('customers/:id/billing/resync')
  @HttpCode(200)
  @ZodResponse(200, billingStateSchema)
  async resync(@ZodParam('id', customerIdSchema) id: string, @ZodBody(because) { reason }: z.output<typeof because>, @Caller() caller: CallerContext): Promise<BillingState> {
    await this.stripe.accounts.resync(id, { actor: actorOf(caller), reason });
    return this.stripe.states.of(id);
  }

  @Post('customers/:id/credit-notes')
  @ZodResponse(201, z.object({ id: z.string() }))
  async creditNote(@ZodParam('id', customerIdSchema) id: string, @ZodBody(creditNoteSchema) body: z.output<typeof creditNoteSchema>, @Caller() caller: CallerContext): Promise<{ id: string }> {
    return this.stripe.accounts.creditNote(id, body, actorOf(caller));
  }

  /** Lets go a charge that was not sent. */
  @Post('customers/:id/charges/:chargeId/waive')
  @HttpCode(200)
  @ZodResponse(200, billingStateSchema)
  async waive(@ZodParam('id', customerIdSchema) id: string, @ZodParam('chargeId', z.uuid()) chargeId: string, @ZodBody(because) { reason }: z.output<typeof because>, @Caller() caller: CallerContext): Promise<BillingState> {
    await this.stripe.accounts.waive(id, chargeId, { actor: actorOf(caller), reason });
    return this.stripe.states.of(id);
  }

  /** Sends a refused charge again. */
  @Post('customers/:id/charges/:chargeId/retry')
  @HttpCode(200)
  @ZodResponse(200, billingStateSchema)
  async retry(@ZodParam('id', customerIdSchema) id: string, @ZodParam('chargeId', z.uuid()) chargeId: string, @ZodBody(because) { reason }: z.output<typeof because>, @Caller() caller: CallerContext): Promise<BillingState> {
    await this.stripe.accounts.retry(id, chargeId, { actor: actorOf(caller), reason });
    this.worker.wake();
    return this.stripe.states.of(id);
  }

  /** Has stored events handled once more: one, or all since a time. */
  @Post('stripe/events/replay')
  @HttpCode(200)
  @ZodResponse(200, z.object({ events: z.int() }))
  async replay(@ZodBody(replaySchema) { id, since, reason }: z.output<typeof replaySchema>, @Caller() caller: CallerContext): Promise<{ events: number }> {
    if ((id === undefined) === (since === undefined)) throw invalid('Say which event (id), or since when (since).', 'id');
    const which = id === undefined ? { since: since! } : { id };
    const events = await this.stripe.inbox.replay(which);
    await this.auditLog.record({ actor: actorOf(caller), action: 'stripe.replay', target: 'stripe/events', after: { ...which, events }, reason });
    this.worker.wake();
    return { events };
  }

  /** Compares our books with Stripe's, now. */
  @Post('stripe/audit')
  @HttpCode(200)
  @ZodResponse(200, auditSchema)
  async audit(@ZodBody(because) { reason }: z.output<typeof because>, @Caller() caller: CallerContext): Promise<AuditRun> {
    const run = await this.stripe.audit.run();
    await this.auditLog.record({ actor: actorOf(caller), action: 'stripe.compare', target: 'stripe/audit', after: { run: run.id, differences: run.differences.length }, reason });
    return run;
  }

  /** What the last comparison found. */
  @Get('stripe/audit')
  @ZodResponse(200, auditSchema)
  async lastAudit(): Promise<AuditRun> {
    const run = await this.stripe.audit.latest();
    if (run === null) throw notFound('audit yet');
    return run;
  }
}
