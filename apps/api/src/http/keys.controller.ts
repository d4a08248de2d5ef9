import { Controller, Delete, Get, Patch, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  ApiKeysService,
  Caller,
  createdKeySchema,
  createKeySchema,
  CustomerAccess,
  CustomerId,
  keyViewSchema,
  listOf,
  pageSchema,
  reasonQuerySchema,
  rotatedKeySchema,
  rotateKeySchema,
  updateKeySchema,
  type CallerContext,
  type CreatedKey,
  type CreateKeyInput,
  type KeyView,
  type ListOf,
  type Page,
  type ReasonQuery,
  type RotatedKey,
  type RotateKeyInput,
  type UpdateKeyInput,
} from '@apex/auth';
import { z } from 'zod';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

@ApiTags('keys')
@Controller('api/keys')
@CustomerAccess('keys:manage')
export class KeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @ZodResponse(200, listOf(keyViewSchema))
  list(@CustomerId() customerId: string, @ZodQuery(pageSchema) page: Page): Promise<ListOf<KeyView>> {
    return this.keys.list(customerId, page);
  }

  @Post()
  @ZodResponse(201, createdKeySchema, 'The key is shown this once.')
  create(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodBody(createKeySchema) body: CreateKeyInput): Promise<CreatedKey> {
    return this.keys.create(caller, customerId, body);
  }

  @Patch(':keyId')
  @ZodResponse(200, keyViewSchema, 'All of its limits are set anew; in force within a second.')
  update(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodParam('keyId', z.uuid()) keyId: string, @ZodBody(updateKeySchema) body: UpdateKeyInput): Promise<KeyView> {
    return this.keys.update(caller, customerId, keyId, body);
  }

  @Delete(':keyId')
  @ZodResponse(200, keyViewSchema)
  revoke(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodParam('keyId', z.uuid()) keyId: string, @ZodQuery(reasonQuerySchema) query: ReasonQuery): Promise<KeyView> {
    return this.keys.revoke(caller, customerId, keyId, query.reason);
  }

  @Post(':keyId/rotate')
  @ZodResponse(201, rotatedKeySchema, 'The new key is shown this once; the previous one goes on until its `expiresAt`.')
  rotate(@Caller() caller: CallerContext, @CustomerId() customerId: string, @ZodParam('keyId', z.uuid()) keyId: string, @ZodBody(rotateKeySchema) body: RotateKeyInput): Promise<RotatedKey> {
    return this.keys.rotate(caller, customerId, keyId, body);
  }
}
