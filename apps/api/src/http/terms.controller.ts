import { Controller, Get, Patch } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import {
  actorOf,
  AdminOnly,
  Caller,
  setTermsSchema,
  setTierSchema,
  termsView,
  termsViewSchema,
  tierViewSchema,
  TermsService,
  type CallerContext,
  type SetTermsInput,
  type SetTierInput,
  type TermsView,
  type TierView,
} from '@apex/auth';
import { customerIdSchema } from '@apex/common';
import { ZodBody, ZodParam } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

const tierNameSchema = z.string().regex(/^[a-z]{1,32}$/, 'a tier');

/** What tiers offer, and what was agreed with single customers. */
@ApiTags('admin')
@Controller('api/admin')
@AdminOnly()
export class TermsController {
  constructor(private readonly terms: TermsService) {}

  @Get('tiers')
  @ZodResponse(200, z.object({ data: z.array(tierViewSchema) }))
  async tiers(): Promise<{ data: TierView[] }> {
    return { data: await this.terms.tiers() };
  }

  @Patch('tiers/:name')
  @ZodResponse(200, tierViewSchema, 'In force for all on this tier who have agreed nothing else, within a second.')
  setTier(@Caller() caller: CallerContext, @ZodParam('name', tierNameSchema) name: string, @ZodBody(setTierSchema) { reason, ...change }: SetTierInput): Promise<TierView> {
    return this.terms.setTier(name, change, actorOf(caller), reason);
  }

  @Get('customers/:id/terms')
  @ZodResponse(200, termsViewSchema)
  async get(@ZodParam('id', customerIdSchema) id: string): Promise<TermsView> {
    return termsView(await this.terms.termsOf(id));
  }

  @Patch('customers/:id/terms')
  @ZodResponse(200, termsViewSchema, 'In force within a second.')
  async set(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodBody(setTermsSchema) { reason, ...change }: SetTermsInput): Promise<TermsView> {
    return termsView(await this.terms.setTerms(id, change, actorOf(caller), reason));
  }
}
