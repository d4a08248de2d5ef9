import { type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type CallerContext } from '../core/caller.js';
import { type Tier, TIERS } from '../core/tiers.js';
import { type CallerAuthenticator } from '../ports/caller-authenticator.js';
import { type TermsStore } from '../limits/ports/terms-store.js';
import { CustomerAccess, RequiresTier } from './access.decorators.js';
import { AuthGuard } from './auth.guard.js';

class Workbench {
  @CustomerAccess('usage:read')
  @RequiresTier('mid')
  run(): void {
    return undefined;
  }
  @CustomerAccess('usage:read')
  look(): void {
    return undefined;
  }
}

const terms = { tierOf: (customerId: string) => customerId as Tier, rankOf: (tier: Tier) => TIERS.indexOf(tier) } as TermsStore;

/** Calls a route as a key of a customer that is called by its tier; null: as an operator. */
function call(method: 'run' | 'look', tier: Tier | null): Promise<boolean> {
  const caller = (tier === null ? { kind: 'operator', name: 'root' } : { kind: 'key', keyId: 'k', customerId: tier, scopes: new Set(['usage:read']) }) as CallerContext;
  const guard = new AuthGuard(new Reflector(), { authenticate: () => Promise.resolve(caller) } as CallerAuthenticator, terms);
  const request = { headers: { authorization: 'Bearer apex_x' }, query: { ...(tier === null ? { customerId: 'free' } : {}) } };
  const context = { getHandler: () => Workbench.prototype[method], getClass: () => Workbench, switchToHttp: () => ({ getRequest: () => request }) };
  return guard.canActivate(context as unknown as ExecutionContext);
}

describe('@RequiresTier', () => {
  it.each(['free', 'early'] as const)('asks %s to upgrade, and says to what and where', async (tier) => {
    await expect(call('run', tier)).rejects.toMatchObject({ code: 'upgrade_required', httpStatus: 403, options: { details: { requiredTier: 'mid', tier, upgradeUrl: '/api/billing/tiers' } } });
  });

  it.each(['mid', 'enterprise', null] as const)('lets %s through', async (tier) => {
    await expect(call('run', tier)).resolves.toBe(true);
  });

  it('is asked of no other route', async () => {
    await expect(call('look', 'free')).resolves.toBe(true);
  });
});
