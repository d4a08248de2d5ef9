import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { type LookupFunction } from 'node:net';
import { addressScope, mayReach, type OutboundPolicy } from '@apex/common';

/** A name leads to where nobody, or this caller, has business. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
  readonly code = 'EADDRFORBIDDEN';

  constructor(
    readonly hostname: string,
    readonly address: string,
    why: string,
  ) {
    super(`${hostname} leads to ${address}, a ${why} address, and is not connected to.`);
  }
}

/** Resolves a name to all its addresses; `dns.lookup` of the system unless a test has another. */
export type ResolveAll = (hostname: string, options: { readonly all: true; readonly family?: number }, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

const systemResolve: ResolveAll = (hostname, options, done) => systemLookup(hostname, { ...options, verbatim: true }, done);

/**
 * A `lookup` for `net.connect`, `tls.connect` and undici's `connect`, that looks at what it found: the socket is then
 * opened to that very address, so a name that is answered differently a second time gains nothing. One forbidden
 * address among several forbids the name: whoever mixes them means no good, or has made a mistake.
 *
 * `net.connect` asks for no look-up of what is an address already: those are `forbiddenHost`'s to check. Redirects are
 * new connections: whoever follows them must check each host anew (Apex follows none).
 */
export function guardedLookup(policy: OutboundPolicy, resolve: ResolveAll = systemResolve): LookupFunction {
  return (hostname, options, callback) => {
    const family = familyOf(options.family);
    resolve(hostname, { all: true, ...(family === undefined ? {} : { family }) }, (error, addresses) => {
      const failure = error ?? verdict(hostname, addresses, policy);
      if (failure !== null) return callback(failure, options.all === true ? [] : '');
      if (options.all === true) return callback(null, addresses);
      callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

function verdict(hostname: string, addresses: readonly LookupAddress[], policy: OutboundPolicy): Error | null {
  for (const { address } of addresses) {
    const scope = addressScope(address);
    if (scope === null || !mayReach(scope, policy)) return new ForbiddenAddressError(hostname, address, (scope ?? 'malformed').replace('_', '-'));
  }
  return addresses.length > 0 ? null : Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
}

const familyOf = (family: number | 'IPv4' | 'IPv6' | undefined): number | undefined => (family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family);
