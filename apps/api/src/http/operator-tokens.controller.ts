import { Controller, Delete, Get, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  AdminOnly,
  Caller,
  createdOperatorTokenSchema,
  createOperatorTokenSchema,
  listOf,
  OperatorTokensService,
  operatorTokenViewSchema,
  pageSchema,
  reasonQuerySchema,
  type CallerContext,
  type CreatedOperatorToken,
  type CreateOperatorTokenInput,
  type ListOf,
  type OperatorTokenView,
  type Page,
  type ReasonQuery,
} from '@apex/auth';
import { z } from 'zod';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

/** Operators' own tokens: one for each person or program, so that each can be taken back alone. */
@ApiTags('admin')
@Controller('api/admin/operator-tokens')
@AdminOnly()
export class OperatorTokensController {
  constructor(private readonly tokens: OperatorTokensService) {}

  @Post()
  @ZodResponse(201, createdOperatorTokenSchema, 'The token is shown this once.')
  create(@Caller() caller: CallerContext, @ZodBody(createOperatorTokenSchema) body: CreateOperatorTokenInput): Promise<CreatedOperatorToken> {
    return this.tokens.create(caller, body);
  }

  @Get()
  @ZodResponse(200, listOf(operatorTokenViewSchema))
  list(@ZodQuery(pageSchema) page: Page): Promise<ListOf<OperatorTokenView>> {
    return this.tokens.list(page);
  }

  @Delete(':tokenId')
  @ZodResponse(200, operatorTokenViewSchema)
  revoke(@Caller() caller: CallerContext, @ZodParam('tokenId', z.uuid()) tokenId: string, @ZodQuery(reasonQuerySchema) query: ReasonQuery): Promise<OperatorTokenView> {
    return this.tokens.revoke(caller, tokenId, query.reason);
  }
}
