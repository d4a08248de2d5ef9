import { Inject, Injectable } from '@nestjs/common';
import { ApexError, Clock, secretsEqual, sha256 } from '@apex/common';
import { DataSource } from 'typeorm';
import { AUTH_CONFIG, type AuthConfig } from '../auth.config.js';
import { type CallerContext, type Role } from '../core/caller.js';
import { isToken } from '../core/tokens.js';
import { CallerAuthenticator } from '../ports/caller-authenticator.js';
import { KeyStore, type KeyDenial } from '../ports/key-store.js';
import { OperatorTokensService } from '../services/operator-tokens.service.js';

const DENIALS: Readonly<Record<KeyDenial, ApexError>> = {
  unknown_key: new ApexError('unknown_key', 401, 'No such API key.'),
  revoked_key: new ApexError('revoked_key', 401, 'This API key was revoked.'),
  expired_key: new ApexError('expired_key', 401, 'This API key has expired.'),
  customer_suspended: new ApexError('customer_suspended', 403, 'This customer is suspended.'),
};

/** Who acts with the environment's admin token, as the audit log names it. */
const ENVIRONMENT: CallerContext = { kind: 'operator', name: 'APEX_ADMIN_TOKEN' };

interface SessionRow {
  readonly id: string;
  readonly role: Role;
  readonly customer_id: string | null;
  readonly suspended: boolean | null;
}

/** API keys from memory; admin tokens and sessions from Postgres, for the control plane is nobody's hot path. */
@Injectable()
export class TokenAuthenticator extends CallerAuthenticator {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: KeyStore,
    private readonly operators: OperatorTokensService,
    private readonly clock: Clock,
    @Inject(AUTH_CONFIG) private readonly config: AuthConfig,
  ) {
    super();
  }

  override async authenticate(token: string): Promise<CallerContext> {
    if (token.startsWith('apex_')) return this.key(token);
    if (isToken('apexs_', token)) return this.session(token);
    if (this.config.adminToken !== undefined && secretsEqual(token, this.config.adminToken)) return ENVIRONMENT;
    const name = await this.operators.nameOf(token);
    if (name !== null) return { kind: 'operator', name };
    throw new ApexError('unknown_token', 401, 'This token is not known.');
  }

  private key(token: string): CallerContext {
    const found = this.keys.authenticate(token, this.clock.now());
    if (typeof found === 'string') throw DENIALS[found];
    return { kind: 'key', customerId: found.customerId, keyId: found.keyId, scopes: found.scopes };
  }

  private async session(token: string): Promise<CallerContext> {
    const [row] = await this.dataSource.query<SessionRow[]>(
      `select u.id, u.role, u.customer_id, c.suspended_at is not null as suspended
         from sessions s join users u on u.id = s.user_id left join customers c on c.id = u.customer_id
        where s.token_hash = $1 and s.expires_at > $2 and u.disabled_at is null`,
      [sha256(token), new Date(this.clock.now())],
    );
    if (!row) throw new ApexError('unknown_token', 401, 'This session is not known or has ended.');
    if (row.suspended) throw DENIALS.customer_suspended;
    return { kind: 'user', userId: row.id, customerId: row.customer_id, role: row.role };
  }
}
