import { Controller, Delete, Get, HttpCode, Patch, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  AdminOnly,
  ApiKeysService,
  Caller,
  createCustomerSchema,
  createdKeySchema,
  createKeySchema,
  createUserSchema,
  customerViewSchema,
  CustomersService,
  keyViewSchema,
  listOf,
  pageSchema,
  providerKeyViewSchema,
  ProviderKeysService,
  providerNameSchema,
  reasonQuerySchema,
  setProviderKeySchema,
  updateCustomerSchema,
  updateKeySchema,
  updateUserSchema,
  userViewSchema,
  UsersService,
  type CallerContext,
  type CreateCustomerInput,
  type CreatedKey,
  type CreateKeyInput,
  type CreateUserInput,
  type CustomerView,
  type KeyView,
  type ListOf,
  type Page,
  type ProviderKeyView,
  type ReasonQuery,
  type SetProviderKeyInput,
  type UpdateCustomerInput,
  type UpdateKeyInput,
  type UpdateUserInput,
  type UserView,
} from '@apex/auth';
import { customerIdSchema } from '@apex/common';
import { z } from 'zod';
import { ZodBody, ZodParam, ZodQuery } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

@ApiTags('admin')
@Controller('api/admin/customers')
@AdminOnly()
export class AdminCustomersController {
  constructor(
    private readonly customers: CustomersService,
    private readonly keys: ApiKeysService,
    private readonly users: UsersService,
    private readonly providerKeys: ProviderKeysService,
  ) {}

  @Post()
  @ZodResponse(201, customerViewSchema)
  create(@Caller() caller: CallerContext, @ZodBody(createCustomerSchema) body: CreateCustomerInput): Promise<CustomerView> {
    return this.customers.create(caller, body);
  }

  @Get()
  @ZodResponse(200, listOf(customerViewSchema))
  list(@ZodQuery(pageSchema) page: Page): Promise<ListOf<CustomerView>> {
    return this.customers.list(page);
  }

  @Get(':id')
  @ZodResponse(200, customerViewSchema)
  get(@ZodParam('id', customerIdSchema) id: string): Promise<CustomerView> {
    return this.customers.get(id);
  }

  @Patch(':id')
  @ZodResponse(200, customerViewSchema)
  update(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodBody(updateCustomerSchema) body: UpdateCustomerInput): Promise<CustomerView> {
    return this.customers.update(caller, id, body);
  }

  @Post(':id/keys')
  @ZodResponse(201, createdKeySchema, 'The key is shown this once.')
  createKey(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodBody(createKeySchema) body: CreateKeyInput): Promise<CreatedKey> {
    return this.keys.create(caller, id, body);
  }

  @Get(':id/keys')
  @ZodResponse(200, listOf(keyViewSchema))
  listKeys(@ZodParam('id', customerIdSchema) id: string, @ZodQuery(pageSchema) page: Page): Promise<ListOf<KeyView>> {
    return this.keys.list(id, page);
  }

  @Patch(':id/keys/:keyId')
  @ZodResponse(200, keyViewSchema, 'All of its limits are set anew; in force within a second.')
  updateKey(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodParam('keyId', z.uuid()) keyId: string, @ZodBody(updateKeySchema) body: UpdateKeyInput): Promise<KeyView> {
    return this.keys.update(caller, id, keyId, body);
  }

  @Delete(':id/keys/:keyId')
  @ZodResponse(200, keyViewSchema)
  revokeKey(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodParam('keyId', z.uuid()) keyId: string, @ZodQuery(reasonQuerySchema) query: ReasonQuery): Promise<KeyView> {
    return this.keys.revoke(caller, id, keyId, query.reason);
  }

  @Post(':id/users')
  @ZodResponse(201, userViewSchema)
  createUser(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodBody(createUserSchema) body: CreateUserInput): Promise<UserView> {
    return this.users.create(caller, id, body);
  }

  @Get(':id/users')
  @ZodResponse(200, listOf(userViewSchema))
  listUsers(@ZodParam('id', customerIdSchema) id: string, @ZodQuery(pageSchema) page: Page): Promise<ListOf<UserView>> {
    return this.users.list(id, page);
  }

  @Patch(':id/users/:userId')
  @ZodResponse(200, userViewSchema, 'Signed out everywhere when disabled, or with a new role or password.')
  updateUser(@Caller() caller: CallerContext, @ZodParam('id', customerIdSchema) id: string, @ZodParam('userId', z.uuid()) userId: string, @ZodBody(updateUserSchema) body: UpdateUserInput): Promise<UserView> {
    return this.users.update(caller, id, userId, body);
  }

  @Put(':id/provider-keys/:provider')
  @ZodResponse(200, providerKeyViewSchema)
  setProviderKey(
    @Caller() caller: CallerContext,
    @ZodParam('id', customerIdSchema) id: string,
    @ZodParam('provider', providerNameSchema) provider: string,
    @ZodBody(setProviderKeySchema) body: SetProviderKeyInput,
  ): Promise<ProviderKeyView> {
    return this.providerKeys.set(caller, id, provider, body);
  }

  @Get(':id/provider-keys/:provider')
  @ZodResponse(200, providerKeyViewSchema)
  getProviderKey(@ZodParam('id', customerIdSchema) id: string, @ZodParam('provider', providerNameSchema) provider: string): Promise<ProviderKeyView> {
    return this.providerKeys.get(id, provider);
  }

  @Delete(':id/provider-keys/:provider')
  @HttpCode(204)
  revokeProviderKey(
    @Caller() caller: CallerContext,
    @ZodParam('id', customerIdSchema) id: string,
    @ZodParam('provider', providerNameSchema) provider: string,
    @ZodQuery(reasonQuerySchema) query: ReasonQuery,
  ): Promise<void> {
    return this.providerKeys.revoke(caller, id, provider, query.reason);
  }
}
