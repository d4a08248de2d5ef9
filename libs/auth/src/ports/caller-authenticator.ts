import { type CallerContext } from '../core/caller.js';

/** Tells who presents a token. */
export abstract class CallerAuthenticator {
  /**
   * @param token an API key (`apex_`), an admin token (`apexadm_`) or a session token (`apexs_`) as it was sent
   * @param address where the request came from: guessing is slowed down by it
   * @throws ApexError 401 for a token that is unknown, revoked or expired; 403 `customer_suspended`; 429 `too_many_failures`
   */
  abstract authenticate(token: string, address: string): Promise<CallerContext>;
}
