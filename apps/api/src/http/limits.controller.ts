import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ApiKeysService, Caller, CustomerAccess, CustomerId, Limiter, limitsUseViewSchema, TermsService, type CallerContext, type LimitsUseView } from '@apex/auth';
import { FlagsService } from '@apex/flags';
import { ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const querySchema = z.object({ keyId: z.uuid().optional().describe('This key\'s limits as well; a caller with an API key sees its own without asking.') });

@ApiTags('limits')
@Controller('api/limits')
export class LimitsController {
  constructor(
    private readonly limiter: Limiter,
    private readonly keys: ApiKeysService,
    private readonly terms: TermsService,
    private readonly flags: FlagsService,
  ) {}

  @Get()
  @CustomerAccess('usage:read')
  @ZodResponse(200, limitsUseViewSchema, 'The limits and how much of them is used, over all processes; tokens and budgets of requests under way count with what they may use at most.')
  async get(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodQuery(querySchema) { keyId }: z.output<typeof querySchema>): Promise<LimitsUseView> {
    if (keyId !== undefined) await this.keys.get(customerId, keyId);
    const { tier } = await this.terms.termsOf(customerId);
    const limits = await this.limiter.use(customerId, keyId ?? (caller.kind === 'key' ? caller.keyId : null));
    return { tier, enforced: this.flags.isEnabled('usage_limits_enforced', { customerId }), limits: limits.map((use) => ({ ...use, resetMs: Math.ceil(use.resetMs) })) };
  }
}
