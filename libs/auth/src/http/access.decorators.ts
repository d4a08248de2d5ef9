import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiQuery } from '@nestjs/swagger';
import { type Access, type CallerContext, customerOf } from '../core/caller.js';
import { type Scope } from '../core/scopes.js';
import { type Tier } from '../core/tiers.js';
import { bearerOf, callerOfRequest, requestedCustomerOf, type GuardedRequest } from './guarded-request.js';

/** Where the guard and the structural test find what a route declared. */
export const ACCESS_METADATA = 'apex:access';

const declare = (access: Access): ClassDecorator & MethodDecorator => SetMetadata(ACCESS_METADATA, access);

/** Open to everyone. The reason is for whoever reviews it. */
export const Public = (reason: string): ClassDecorator & MethodDecorator => declare({ kind: 'public', reason });

/** Any known caller: a key, a signed-in user or an operator. */
export const Authenticated = (): ClassDecorator & MethodDecorator => applyDecorators(declare({ kind: 'authenticated' }), ApiBearerAuth());

/** Operators of Apex only: an admin token, or a signed-in user with the role `admin`. */
export const AdminOnly = (): ClassDecorator & MethodDecorator => applyDecorators(declare({ kind: 'admin' }), ApiBearerAuth());

/**
 * A customer's own: an API key with this scope, or a signed-in user whose role allows it.
 * An operator acts for a customer with `?customerId=`; take the customer from `@CustomerId()`.
 */
export const CustomerAccess = (scope: Scope): ClassDecorator & MethodDecorator =>
  applyDecorators(
    declare({ kind: 'customer', scope }),
    ApiBearerAuth(),
    ApiQuery({ name: 'customerId', required: false, type: String, description: 'For operators: the customer to act for.' }),
  );

/** Where the guard finds which tier a route needs. */
export const TIER_METADATA = 'apex:tier';

/**
 * Beside `@CustomerAccess`: only for customers on this tier or a higher one; 403 `upgrade_required` for the others.
 * An operator may, for whomever.
 */
export const RequiresTier = (tier: Tier): ClassDecorator & MethodDecorator => SetMetadata(TIER_METADATA, tier);

/** The caller that the guard let in: `CallerContext`. */
export const Caller = createParamDecorator((_data: unknown, context: ExecutionContext): CallerContext => callerOfRequest(context.switchToHttp().getRequest<GuardedRequest>()));

/** The customer a `@CustomerAccess` request is about: the caller's own, or the one an operator names (400 if it names none). */
export const CustomerId = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const request = context.switchToHttp().getRequest<GuardedRequest>();
  return customerOf(callerOfRequest(request), requestedCustomerOf(request));
});

/** The token the caller presented. For signing out; nothing else needs it. */
export const BearerToken = createParamDecorator((_data: unknown, context: ExecutionContext): string => bearerOf(context.switchToHttp().getRequest<GuardedRequest>()) ?? '');
