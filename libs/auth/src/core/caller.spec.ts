import { ApexError } from '@apex/common';
import { type Access, actorOf, assertAccess, type CallerContext, customerOf, scopesOf } from './caller.js';
import { type Scope } from './scopes.js';

const key = (...scopes: Scope[]): CallerContext => ({ kind: 'key', customerId: 'a', keyId: 'k1', scopes: new Set(scopes) });
const operator: CallerContext = { kind: 'operator', name: 'root' };
const member: CallerContext = { kind: 'user', customerId: 'a', userId: 'u1', role: 'member' };
const admin: CallerContext = { kind: 'user', customerId: null, userId: 'u2', role: 'admin' };

const codeOf = (access: Access, caller: CallerContext | null, customer?: string): string => {
  try {
    assertAccess(access, caller, customer);
    return 'ok';
  } catch (error) {
    return (error as ApexError).code;
  }
};

describe('access', () => {
  it('is by scope for keys, by role for users, and total for operators', () => {
    const manage: Access = { kind: 'customer', scope: 'keys:manage' };
    expect(codeOf(manage, key('keys:manage'))).toBe('ok');
    expect(codeOf(manage, key('inference', 'usage:read'))).toBe('missing_scope');
    expect(codeOf(manage, member)).toBe('missing_scope');
    expect(codeOf({ kind: 'customer', scope: 'usage:read' }, member)).toBe('ok');
    expect(codeOf(manage, operator, 'b')).toBe('ok');
    expect(codeOf(manage, admin, 'b')).toBe('ok');
    expect(codeOf(manage, null)).toBe('authentication_required');
    expect(codeOf({ kind: 'admin' }, key('keys:manage'))).toBe('operator_only');
  });

  it('lets nobody but operators name another customer', () => {
    const read: Access = { kind: 'customer', scope: 'usage:read' };
    expect(codeOf(read, member, 'a')).toBe('ok');
    expect(codeOf(read, member, 'b')).toBe('other_customer');
    expect(codeOf(read, key('usage:read'), 'b')).toBe('other_customer');
    expect(customerOf(operator, 'b')).toBe('b');
    expect(customerOf(key(), undefined)).toBe('a');
    expect(() => customerOf(operator, undefined)).toThrow(ApexError);
  });

  it('names actors without secrets', () => {
    expect([operator, key(), member].map(actorOf)).toEqual(['operator:root', 'key:k1', 'user:u1']);
    expect([...scopesOf(member)].sort()).toEqual(['inference', 'usage:read']);
  });
});
