import { hash } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { addressGroup, ApexError, type Clock } from '@apex/common';
import { type CallerContext } from '../core/caller.js';
import { FailureThrottle } from '../core/failure-throttle.js';
import { CallerAuthenticator } from '../ports/caller-authenticator.js';

const WINDOW_MS = 60_000;
const MOST_SUBJECTS = 10_000;
const MOST_PROVEN = 1_000;
/** Of a token: its kind and what lists show of it. */
const NAME_LENGTH = 'apexadm_'.length + 4;

/**
 * The authenticator, behind a throttle of what fails. Somebody who has failed too often from an address gets 429 without
 * a look into the database. What is good gets in all the same: API keys are looked up in memory, and a token that proved
 * itself here lately is known again, so that an attack through a proxy or an office's one address locks nobody out.
 */
export class ThrottledAuthenticator extends CallerAuthenticator {
  private readonly log = new Logger('CallerAuthenticator');
  private readonly failures: FailureThrottle;
  /** Hashes of tokens that were good when last seen, the latest last. */
  private readonly proven = new Set<string>();

  /** @param failuresPerMinute of one address; of one token's beginning from several addresses, three times as many */
  constructor(
    private readonly inner: CallerAuthenticator,
    private readonly clock: Clock,
    failuresPerMinute: number,
  ) {
    super();
    this.failures = new FailureThrottle({ perAddress: failuresPerMinute, perName: 3 * failuresPerMinute, windowMs: WINDOW_MS, mostSubjects: MOST_SUBJECTS });
  }

  override async authenticate(token: string, address: string): Promise<CallerContext> {
    const name = token.slice(0, NAME_LENGTH);
    // A token's hash, not the token: what is remembered is worth nothing to whoever reads this process' memory.
    const id = hash('sha256', token, 'hex');
    if (!token.startsWith('apex_') && !this.proven.has(id)) this.assertOpen(address, name);
    try {
      const caller = await this.inner.authenticate(token, address);
      this.remember(id);
      return caller;
    } catch (error) {
      if (!(error instanceof ApexError) || error.httpStatus !== 401) throw error;
      this.proven.delete(id);
      this.assertOpen(address, name);
      if (this.failures.failed(address, name, this.clock.now())) this.log.warn(`many tokens from ${addressGroup(address)} were not good; those that follow within the minute are refused with 429`);
      throw error;
    }
  }

  private assertOpen(address: string, name: string): void {
    const waitMs = this.failures.waitMs(address, name, this.clock.now());
    if (waitMs > 0) throw new ApexError('too_many_failures', 429, 'Too many tokens that were not good. Wait before the next one.', { details: { retryAfterSeconds: Math.ceil(waitMs / 1000) } });
  }

  private remember(id: string): void {
    this.proven.delete(id);
    this.proven.add(id);
    if (this.proven.size > MOST_PROVEN) this.proven.delete(this.proven.values().next().value as string);
  }
}
