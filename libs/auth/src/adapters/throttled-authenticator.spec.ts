import { Logger } from '@nestjs/common';
import { ApexError, FakeClock } from '@apex/common';
import { type CallerContext } from '../core/caller.js';
import { CallerAuthenticator } from '../ports/caller-authenticator.js';
import { ThrottledAuthenticator } from './throttled-authenticator.js';

const OPERATOR: CallerContext = { kind: 'operator', name: 'root' };
const LIMIT = 5;

/** Knows the tokens it is given, and how often it was asked. */
class KnownTokens extends CallerAuthenticator {
  asked = 0;
  failure: Error | null = null;

  constructor(readonly good: Set<string>) {
    super();
  }

  override async authenticate(token: string): Promise<CallerContext> {
    this.asked++;
    if (this.failure) throw this.failure;
    if (!this.good.has(token)) throw new ApexError('unknown_token', 401, 'This token is not known.');
    return OPERATOR;
  }
}

describe('ThrottledAuthenticator', () => {
  let clock: FakeClock;
  let tokens: KnownTokens;
  let door: ThrottledAuthenticator;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(true as never));

  beforeEach(() => {
    clock = new FakeClock();
    tokens = new KnownTokens(new Set(['apexadm_good', 'apex_good']));
    door = new ThrottledAuthenticator(tokens, clock, LIMIT);
  });

  const attempt = (token: string, address = '192.0.2.1'): Promise<unknown> =>
    door.authenticate(token, address).then(
      () => 'in',
      (error: ApexError) => error.code,
    );
  const fail = async (times: number, address?: string): Promise<unknown[]> => {
    const outcomes: unknown[] = [];
    for (let i = 0; i < times; i++) outcomes.push(await attempt(`apexadm_${i}`, address));
    return outcomes;
  };

  it('asks the inner one no more once an address has failed too often, and says how long to wait', async () => {
    expect(await fail(LIMIT + 2)).toEqual([...Array<string>(LIMIT).fill('unknown_token'), 'too_many_failures', 'too_many_failures']);
    expect(tokens.asked).toBe(LIMIT);
    clock.advance(20_000);
    await expect(door.authenticate('apexadm_x', '192.0.2.1')).rejects.toMatchObject({ httpStatus: 429, options: { details: { retryAfterSeconds: 40 } } });
    clock.advance(40_000);
    expect(await attempt('apexadm_x')).toBe('unknown_token');
  });

  it('lets in who comes from elsewhere', async () => {
    await fail(LIMIT);
    expect([await attempt('apexadm_good'), await attempt('apexadm_good', '192.0.2.2')]).toEqual(['too_many_failures', 'in']);
  });

  it('lets in a token from a throttled address that proved itself before, until it fails', async () => {
    expect(await attempt('apexadm_good')).toBe('in');
    await fail(LIMIT);
    expect(await attempt('apexadm_good')).toBe('in');
    tokens.good.delete('apexadm_good');
    expect([await attempt('apexadm_good'), tokens.asked]).toEqual(['too_many_failures', LIMIT + 3]);
    tokens.good.add('apexadm_good');
    expect(await attempt('apexadm_good')).toBe('too_many_failures');
  });

  it('lets in a good API key from a throttled address: that costs no query', async () => {
    await fail(LIMIT);
    expect([await attempt('apex_good'), await attempt('apex_bad')]).toEqual(['in', 'too_many_failures']);
  });

  it('closes what was guessed at from many addresses to the guessers, not to the holder', async () => {
    tokens.good.add('apexadm_abcdRIGHT');
    for (let i = 0; i < 3 * LIMIT; i++) await attempt(`apexadm_abcd${i}`, `198.51.100.${i}`);
    expect(await attempt('apexadm_abcdNEXT', '198.51.100.1')).toBe('too_many_failures');
    expect(await attempt('apexadm_abcdRIGHT', '203.0.113.1')).toBe('in');
  });

  it('does not count what is not the token\'s fault', async () => {
    tokens.failure = new ApexError('store_unavailable', 503, 'Away.');
    await fail(2 * LIMIT);
    tokens.failure = new ApexError('customer_suspended', 403, 'Suspended.');
    await fail(2 * LIMIT);
    tokens.failure = null;
    expect(await attempt('apexadm_good')).toBe('in');
  });
});
