import { Controller, Headers, HttpCode, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Request } from 'express';
import { z } from 'zod';
import { Public } from '@apex/auth';
import { StripeBilling, StripeWorker } from '@apex/billing';
import { invalid } from '@apex/common';
import { readBody } from './support/json-body.js';
import { ZodResponse } from './support/zod-response.js';

/** Stripe's events are well below it: they hold one object, without what could be fetched. */
const MAX_BYTES = 1024 * 1024;

@ApiTags('webhooks')
@Controller('api/webhooks')
export class StripeWebhookController {
  constructor(
    private readonly stripe: StripeBilling,
    private readonly worker: StripeWorker,
  ) {}

  /** Answers once the event is stored; it is handled right afterwards. */
  @Post('stripe')
  @HttpCode(200)
  @Public('Stripe signs what it sends, and nothing else is taken')
  @ZodResponse(200, z.object({ received: z.literal(true), duplicate: z.boolean() }))
  async receive(@Req() request: Request, @Headers('stripe-signature') signature: string | undefined): Promise<{ received: true; duplicate: boolean }> {
    // The signature is over the bytes as they came. By another spelling of the path they would have been parsed already.
    if (request.body !== undefined) throw invalid('Post to /api/webhooks/stripe, spelled so.');
    const isNew = await this.stripe.inbox.accept(await readBody(request, MAX_BYTES), signature);
    if (isNew) this.worker.wake();
    return { received: true, duplicate: !isNew };
  }
}
