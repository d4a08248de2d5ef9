import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApexError } from '@apex/common';
import { Access, assertAccess } from '../core/caller.js';
import { CallerAuthenticator } from '../ports/caller-authenticator.js';
import { Tier } from '../core/tiers.js';
import { assertTier } from '../limits/core/assert-tier.js';
import { TermsStore } from '../limits/ports/terms-store.js';
import { ACCESS_METADATA, TIER_METADATA } from './access.decorators.js';
import { bearerOf, GuardedRequest, requestedCustomerOf, setCaller } from './guarded-request.js';

/** Denies by default: a route that does not say who may use it is closed, whoever asks. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly callers: CallerAuthenticator,
    private readonly terms: TermsStore,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS_METADATA, [context.getHandler(), context.getClass()]);
    if (!access) throw new ApexError('route_without_access', 403, 'This route does not say who may use it.', { severity: 'defect' });
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const token = bearerOf(request);
    const caller = token === null ? null : await this.callers.authenticate(token, request.ip ?? '');
    assertAccess(access, caller, requestedCustomerOf(request));
    if (caller) setCaller(request, caller);
    const tier = this.reflector.getAllAndOverride<Tier | undefined>(TIER_METADATA, [context.getHandler(), context.getClass()]);
    if (tier !== undefined) assertTier(tier, caller, this.terms);
    return true;
  }
}
