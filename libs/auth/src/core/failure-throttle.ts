import { addressGroup } from '@apex/common';
import { AttemptThrottle } from './attempt-throttle.js';

export interface FailureLimits {
  /** Failures of one address in a window, whatever it tried. */
  readonly perAddress: number;
  /** Failures with one name (an account, a credential's beginning) in a window, from wherever. */
  readonly perName: number;
  readonly windowMs: number;
  /** Addresses, and names, that are remembered at the most. */
  readonly mostSubjects: number;
}

/**
 * Slows down guessing. An address that has failed too often waits. A name that was guessed at too often, from many
 * addresses, is closed to those addresses only that have failed themselves: whoever holds the secret and comes from
 * elsewhere is never kept out by what others do. IPv6 addresses count by their /64.
 *
 * In process: with n processes up to n times as many tries.
 */
export class FailureThrottle {
  private readonly addresses: AttemptThrottle;
  private readonly names: AttemptThrottle;

  constructor({ perAddress, perName, windowMs, mostSubjects }: FailureLimits) {
    this.addresses = new AttemptThrottle(perAddress, windowMs, mostSubjects);
    this.names = new AttemptThrottle(perName, windowMs, mostSubjects);
  }

  /** How many ms this address has to wait before it may try this name; 0: it may now. */
  waitMs(address: string, name: string, nowMs: number): number {
    const group = addressGroup(address);
    const own = this.addresses.waitMs(group, nowMs);
    if (own > 0) return own;
    return this.addresses.knows(group, nowMs) ? this.names.waitMs(name, nowMs) : 0;
  }

  /** Counts a failure. True when it is the one that closes the door to this address. */
  failed(address: string, name: string, nowMs: number): boolean {
    const group = addressGroup(address);
    const wasOpen = this.addresses.waitMs(group, nowMs) === 0;
    this.addresses.take(group, nowMs);
    this.names.take(name, nowMs);
    return wasOpen && this.addresses.waitMs(group, nowMs) > 0;
  }

  /** How much is remembered. */
  get size(): number {
    return this.addresses.size + this.names.size;
  }
}
