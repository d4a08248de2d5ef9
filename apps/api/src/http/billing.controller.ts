import { Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { actorOf, Authenticated, Caller, CustomerAccess, CustomerId, isOperator, TermsService, tierViewSchema, type CallerContext, type TierView } from '@apex/auth';
import { billingStateSchema, invoiceViewSchema, StripeBilling, StripeWorker, type BillingState, type InvoiceView } from '@apex/billing';
import { ApexError } from '@apex/common';
import { ZodBody, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const pageUrl = z.url({ protocol: /^https?$/ }).max(2_000);
const checkoutSchema = z.strictObject({
  tier: z.string().max(64),
  successUrl: pageUrl.describe('Where Stripe sends the browser afterwards'),
  cancelUrl: pageUrl,
  trialDays: z.int().min(1).max(90).nullable().default(null).describe('For operators: days before the first payment'),
});
const portalSchema = z.strictObject({ returnUrl: pageUrl });
const changeSchema = z.strictObject({ tier: z.string().max(64) });
const cancelQuerySchema = z.object({ when: z.enum(['now', 'period_end']).default('period_end') });

@ApiTags('billing')
@Controller('api/billing')
export class BillingController {
  constructor(
    private readonly terms: TermsService,
    private readonly stripe: StripeBilling,
    private readonly worker: StripeWorker,
  ) {}

  /** What each tier costs and allows. */
  @Get('tiers')
  @Authenticated()
  @ZodResponse(200, z.object({ data: z.array(tierViewSchema) }))
  async tiers(): Promise<{ data: TierView[] }> {
    return { data: await this.terms.tiers() };
  }

  /** Subscription, standing, invoices, and what is still to be charged. */
  @Get()
  @CustomerAccess('usage:read')
  @ZodResponse(200, billingStateSchema)
  state(@CustomerId() customerId: string): Promise<BillingState> {
    return this.stripe.states.of(customerId);
  }

  @Get('invoices')
  @CustomerAccess('usage:read')
  @ZodResponse(200, z.object({ data: z.array(invoiceViewSchema), next: z.null() }))
  async invoices(@CustomerId() customerId: string): Promise<{ data: readonly InvoiceView[]; next: null }> {
    return { data: await this.stripe.states.invoices(customerId), next: null };
  }

  /** Stripe's page on which to subscribe. */
  @Post('checkout')
  @CustomerAccess('keys:manage')
  @ZodResponse(201, z.object({ id: z.string(), url: z.url().nullable(), expiresAt: z.iso.datetime() }))
  async checkout(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodBody(checkoutSchema) body: z.output<typeof checkoutSchema>): Promise<{ id: string; url: string | null; expiresAt: string }> {
    if (body.trialDays !== null && !isOperator(caller)) throw new ApexError('operator_only', 403, 'Only an operator of Apex gives a trial.', { param: 'trialDays' });
    const { id, url, expiresAt } = await this.stripe.accounts.checkout(customerId, body, by(caller));
    this.worker.wake();
    return { id, url, expiresAt: expiresAt.toISOString() };
  }

  /** Stripe's page for cards, invoices and cancellation. */
  @Post('portal')
  @CustomerAccess('keys:manage')
  @ZodResponse(201, z.object({ url: z.url() }))
  async portal(@CustomerId() customerId: string, @ZodBody(portalSchema) { returnUrl }: z.output<typeof portalSchema>): Promise<{ url: string }> {
    return { url: await this.stripe.accounts.portal(customerId, returnUrl) };
  }

  /** Another tier: dearer ones are paid for at once, cheaper ones are set off against the next invoice. */
  @Put('subscription')
  @CustomerAccess('keys:manage')
  @ZodResponse(200, billingStateSchema)
  async change(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodBody(changeSchema) { tier }: z.output<typeof changeSchema>): Promise<BillingState> {
    await this.stripe.accounts.changeTier(customerId, tier, by(caller));
    return this.stripe.states.of(customerId);
  }

  /** Ends it at the end of its period, or now. */
  @Delete('subscription')
  @HttpCode(200)
  @CustomerAccess('keys:manage')
  @ZodResponse(200, billingStateSchema)
  async cancel(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodQuery(cancelQuerySchema) { when }: z.output<typeof cancelQuerySchema>): Promise<BillingState> {
    await this.stripe.accounts.cancel(customerId, when, by(caller));
    return this.stripe.states.of(customerId);
  }

  /** Takes back a cancellation that was for the end of the period. */
  @Post('subscription/resume')
  @HttpCode(200)
  @CustomerAccess('keys:manage')
  @ZodResponse(200, billingStateSchema)
  async resume(@Caller() caller: CallerContext, @CustomerId() customerId: string): Promise<BillingState> {
    await this.stripe.accounts.resume(customerId, by(caller));
    return this.stripe.states.of(customerId);
  }
}

const by = (caller: CallerContext): { actor: string; reason: null } => ({ actor: actorOf(caller), reason: null });
