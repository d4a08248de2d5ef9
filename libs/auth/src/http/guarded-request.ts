import { customerIdSchema, invalid } from '@apex/common';
import { type CallerContext } from '../core/caller.js';

const CALLER = Symbol('apex.caller');

/** What the guard needs of an HTTP request, whatever server parsed it. */
export interface GuardedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: unknown;
  /** The client's address: the connection's, or what a trusted proxy says. Undefined once the client is gone. */
  readonly ip?: string | undefined;
  [CALLER]?: CallerContext;
}

export function setCaller(request: GuardedRequest, caller: CallerContext): void {
  request[CALLER] = caller;
}

/** The caller that the guard put there. A public route has none, and asking for one is a mistake in its code. */
export function callerOfRequest(request: GuardedRequest): CallerContext {
  const caller = request[CALLER];
  if (!caller) throw new Error('A public route has no caller');
  return caller;
}

/** The token of `Authorization: Bearer <token>`, or null. */
export function bearerOf(request: GuardedRequest): string | null {
  const header = request.headers['authorization'];
  if (typeof header !== 'string' || header.slice(0, 7).toLowerCase() !== 'bearer ') return null;
  return header.slice(7).trim() || null;
}

/** The query's `customerId`. @throws ApexError 400 when it is there but is no customer's id */
export function requestedCustomerOf(request: GuardedRequest): string | undefined {
  const query = request.query as Record<string, unknown> | undefined;
  if (query?.customerId === undefined) return undefined;
  const parsed = customerIdSchema.safeParse(query.customerId);
  if (!parsed.success) throw invalid('customerId is not a customer\'s id.', 'customerId');
  return parsed.data;
}
