import { ApexError, type Uuid } from '@apex/common';
import { SCOPES, type Scope } from './scopes.js';

export type Role = 'owner' | 'member' | 'admin';

/** Who is calling the control plane. An `admin` user is Apex's own operator and belongs to no customer. */
export type CallerContext =
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'key'; readonly customerId: string; readonly keyId: Uuid; readonly scopes: ReadonlySet<Scope> }
  | { readonly kind: 'user'; readonly customerId: string | null; readonly userId: Uuid; readonly role: Role };

/** What a route asks of its caller. A route that declares none of these is closed to everyone. */
export type Access =
  | { readonly kind: 'public'; readonly reason: string }
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'admin' }
  | { readonly kind: 'customer'; readonly scope: Scope };

const ROLE_SCOPES: Readonly<Record<Role, ReadonlySet<Scope>>> = {
  owner: new Set(SCOPES),
  member: new Set<Scope>(['inference', 'usage:read']),
  admin: new Set(SCOPES),
};

/** How the audit log names a caller: stable, and never a secret. */
export function actorOf(caller: CallerContext): string {
  switch (caller.kind) {
    case 'operator':
      return `operator:${caller.name}`;
    case 'key':
      return `key:${caller.keyId}`;
    case 'user':
      return `user:${caller.userId}`;
  }
}

/** True for Apex's own operators: an operator token, or a signed-in `admin` user. */
export const isOperator = (caller: CallerContext): boolean => caller.kind === 'operator' || (caller.kind === 'user' && caller.role === 'admin');

/** What the caller may do, and the most it may hand on to a key it creates. */
export function scopesOf(caller: CallerContext): ReadonlySet<Scope> {
  switch (caller.kind) {
    case 'operator':
      return ROLE_SCOPES.admin;
    case 'key':
      return caller.scopes;
    case 'user':
      return ROLE_SCOPES[caller.role];
  }
}

/**
 * Throws unless this caller may use a route with this access.
 * @param requestedCustomer the `customerId` of the query, with which an operator acts for a customer
 * @throws ApexError 401 `authentication_required`, 403 `operator_only` | `missing_scope` | `other_customer`
 */
export function assertAccess(access: Access, caller: CallerContext | null, requestedCustomer: string | undefined): void {
  if (access.kind === 'public') return;
  if (!caller) throw new ApexError('authentication_required', 401, 'Send an API key, an admin token or a session token as `Authorization: Bearer ...`.');
  if (access.kind === 'authenticated') return;
  if (access.kind === 'admin') {
    if (!isOperator(caller)) throw new ApexError('operator_only', 403, 'Only an operator of Apex may do this.');
    return;
  }
  if (!scopesOf(caller).has(access.scope)) {
    throw new ApexError('missing_scope', 403, `This needs the scope ${access.scope}.`, { details: { scope: access.scope } });
  }
  if (caller.kind !== 'operator' && !isOperator(caller) && requestedCustomer !== undefined && requestedCustomer !== caller.customerId) {
    throw new ApexError('other_customer', 403, 'Only an operator may name another customer.', { param: 'customerId' });
  }
}

/**
 * The customer a request is about: the caller's own, or the one an operator names.
 * @throws ApexError 400 `invalid_request` when an operator names none
 */
export function customerOf(caller: CallerContext, requestedCustomer: string | undefined): string {
  const own = caller.kind === 'operator' ? null : caller.customerId;
  const customerId = own ?? requestedCustomer;
  if (!customerId) throw new ApexError('invalid_request', 400, 'Say for which customer: ?customerId=', { param: 'customerId' });
  return customerId;
}
