import { type CallerContext } from '../core/caller.js';

/** Tells who presents a token. */
export abstract class CallerAuthenticator {
  /**
   * @param token an API key (`apex_`), an admin token (`apexadm_`) or a session token (`apexs_`) as it was sent
   * @throws ApexError 401 for a token that is unknown, revoked or expired; 403 `customer_suspended`
   */
  abstract authenticate(token: string): Promise<CallerContext>;
}
