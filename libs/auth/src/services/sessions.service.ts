import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { addressGroup, ApexError, Clock, sha256 } from '@apex/common';
import { DataSource, LessThan } from 'typeorm';
import { PasswordHasher } from '../adapters/password-hasher.js';
import { AttemptThrottle } from '../core/attempt-throttle.js';
import { FailureThrottle } from '../core/failure-throttle.js';
import { actorOf, CallerContext } from '../core/caller.js';
import { LoginInput } from '../core/inputs.js';
import { makeToken, TOKEN_BYTES } from '../core/tokens.js';
import { Me, SignedIn } from '../core/views.js';
import { CustomerEntity } from '../entities/customer.entity.js';
import { SessionEntity } from '../entities/session.entity.js';
import { UserEntity } from '../entities/user.entity.js';
import { AuditLog } from './audit-log.service.js';
import { userTarget, userView } from './users.service.js';

const SESSION_MS = 12 * 60 * 60 * 1000;
const TRIES = 5;
const TRIES_WINDOW_MS = 15 * 60 * 1000;
/** Of one address over all emails: stuffing of credentials that leaked elsewhere. */
const FAILURES_OF_ADDRESS = 30;
/** With one email over all addresses: guessing from many. It closes the email to those who guessed, to nobody else. */
const FAILURES_WITH_EMAIL = 50;
const MOST_SUBJECTS = 10_000;

/** Signing in and out. An unknown email, a wrong password and a closed account get the same answer in the same time. */
@Injectable()
export class SessionsService {
  private readonly throttle = new AttemptThrottle(TRIES, TRIES_WINDOW_MS, MOST_SUBJECTS);
  private readonly failures = new FailureThrottle({ perAddress: FAILURES_OF_ADDRESS, perName: FAILURES_WITH_EMAIL, windowMs: TRIES_WINDOW_MS, mostSubjects: MOST_SUBJECTS });

  constructor(
    private readonly dataSource: DataSource,
    private readonly passwords: PasswordHasher,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param address where the request came from; tries are counted per email and address, failures per address and per email
   * @throws ApexError 401 `invalid_credentials`, 429 `login_throttled` | `sign_in_busy`
   */
  async signIn({ email, password }: LoginInput, address: string): Promise<SignedIn> {
    const account = email.toLowerCase();
    const subject = `${account} ${addressGroup(address)}`;
    const waitMs = Math.max(this.failures.waitMs(address, account, this.clock.now()), this.throttle.take(subject, this.clock.now()));
    if (waitMs > 0) throw new ApexError('login_throttled', 429, 'Too many tries. Wait before the next one.', { details: { retryAfterSeconds: Math.ceil(waitMs / 1000) } });
    const user = await this.dataSource.createQueryBuilder(UserEntity, 'u').addSelect('u.passwordHash').where('lower(u.email) = lower(:email)', { email }).getOne();
    const right = await this.passwords.verify(password, user?.passwordHash ?? null);
    if (!right || !user || !(await this.mayAct(user))) {
      this.failures.failed(address, account, this.clock.now());
      throw new ApexError('invalid_credentials', 401, 'Wrong email or password.');
    }
    this.throttle.clear(subject);
    const token = makeToken('apexs_', randomBytes(TOKEN_BYTES));
    const expiresAt = new Date(this.clock.now() + SESSION_MS);
    await this.dataSource.transaction(async (manager) => {
      await manager.delete(SessionEntity, { userId: user.id, expiresAt: LessThan(new Date(this.clock.now())) });
      await manager.insert(SessionEntity, { tokenHash: sha256(token), userId: user.id, expiresAt });
      await this.audit.record({ actor: `user:${user.id}`, action: 'session.start', target: userTarget(user), after: { expiresAt: expiresAt.toISOString() } }, manager);
    });
    return { token, expiresAt: expiresAt.toISOString(), user: userView(user) };
  }

  /** Ends the session of this token; that it is none is no error. */
  async signOut(caller: CallerContext, token: string): Promise<void> {
    if (caller.kind !== 'user') return;
    await this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.delete(SessionEntity, { tokenHash: sha256(token) });
      if (affected) await this.audit.record({ actor: actorOf(caller), action: 'session.end', target: userTarget({ id: caller.userId, customerId: caller.customerId }) }, manager);
    });
  }

  /** What a caller is told about itself. */
  async me(caller: CallerContext): Promise<Me> {
    switch (caller.kind) {
      case 'operator':
        return { kind: 'operator', name: caller.name };
      case 'key':
        return { kind: 'key', keyId: caller.keyId, customerId: caller.customerId, scopes: [...caller.scopes] };
      case 'user':
        return { kind: 'user', user: userView(await this.dataSource.manager.findOneByOrFail(UserEntity, { id: caller.userId })) };
    }
  }

  private async mayAct(user: UserEntity): Promise<boolean> {
    if (user.disabledAt) return false;
    if (user.customerId === null) return true;
    const customer = await this.dataSource.manager.findOneBy(CustomerEntity, { id: user.customerId });
    return customer !== null && customer.suspendedAt === null;
  }
}
