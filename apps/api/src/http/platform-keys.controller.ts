import { Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  AdminOnly,
  Caller,
  providerKeyViewSchema,
  ProviderKeysService,
  providerNameSchema,
  reasonQuerySchema,
  resealedSchema,
  resealSchema,
  setProviderKeySchema,
  type CallerContext,
  type ProviderKeyView,
  type ReasonQuery,
  type ResealInput,
  type Resealed,
  type SetProviderKeyInput,
} from '@apex/auth';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

/** The platform's own provider keys. Those from the environment are not listed here; one that is set here goes before. */
@ApiTags('admin')
@Controller('api/admin/provider-keys')
@AdminOnly()
export class PlatformKeysController {
  constructor(private readonly providerKeys: ProviderKeysService) {}

  /** Seals every provider key anew under the current master key: the last step of changing it. */
  @Post('reseal')
  @HttpCode(200)
  @ZodResponse(200, resealedSchema)
  reseal(@Caller() caller: CallerContext, @ZodBody(resealSchema) body: ResealInput): Promise<Resealed> {
    return this.providerKeys.reseal(caller, body.reason);
  }

  @Put(':provider')
  @ZodResponse(200, providerKeyViewSchema)
  set(@Caller() caller: CallerContext, @ZodParam('provider', providerNameSchema) provider: string, @ZodBody(setProviderKeySchema) body: SetProviderKeyInput): Promise<ProviderKeyView> {
    return this.providerKeys.set(caller, null, provider, body);
  }

  @Get(':provider')
  @ZodResponse(200, providerKeyViewSchema)
  get(@ZodParam('provider', providerNameSchema) provider: string): Promise<ProviderKeyView> {
    return this.providerKeys.get(null, provider);
  }

  @Delete(':provider')
  @HttpCode(204)
  revoke(@Caller() caller: CallerContext, @ZodParam('provider', providerNameSchema) provider: string, @ZodQuery(reasonQuerySchema) query: ReasonQuery): Promise<void> {
    return this.providerKeys.revoke(caller, null, provider, query.reason);
  }
}
