import { Injectable } from '@nestjs/common';
import { conflict, invalid, isUuid, newId, notFound } from '@apex/common';
import { DataSource, MoreThan } from 'typeorm';
import { PasswordHasher } from '../adapters/password-hasher.js';
import { violatesUnique } from '../adapters/postgres-errors.js';
import { actorOf, CallerContext } from '../core/caller.js';
import { CreateUserInput, Page, UpdateUserInput } from '../core/inputs.js';
import { ListOf, UserView } from '../core/views.js';
import { SessionEntity } from '../entities/session.entity.js';
import { UserEntity } from '../entities/user.entity.js';
import { AuditLog } from './audit-log.service.js';
import { findCustomer } from './customers.service.js';
import { pageOf } from './pages.js';

/** People of a customer, and Apex's own operators. */
@Injectable()
export class UsersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly passwords: PasswordHasher,
  ) {}

  /** @throws ApexError 404 for an unknown customer, 409 `email_taken` whatever the email's case */
  create(caller: CallerContext, customerId: string, input: CreateUserInput): Promise<UserView> {
    return this.insert(caller, customerId, input.role, input);
  }

  /** One of Apex's own operators: belongs to no customer. @throws ApexError 409 `email_taken` */
  createOperator(caller: CallerContext, input: Omit<CreateUserInput, 'role'>): Promise<UserView> {
    return this.insert(caller, null, 'admin', input);
  }

  /** In the order they were made. */
  async list(customerId: string, page: Page): Promise<ListOf<UserView>> {
    if (page.after !== undefined && !isUuid(page.after)) throw invalid('after is no user\'s id.', 'after');
    await findCustomer(this.dataSource.manager, customerId);
    const rows = await this.dataSource.manager.find(UserEntity, {
      where: { customerId, ...(page.after === undefined ? {} : { id: MoreThan(page.after) }) },
      order: { id: 'ASC' },
      take: page.limit + 1,
    });
    return pageOf(rows, page.limit, userView);
  }

  /**
   * Changes what the input names. A user who is disabled, or whose role or password changes, is signed out everywhere.
   * @throws ApexError 404 for a user of another customer as well
   */
  async update(caller: CallerContext, customerId: string, userId: string, { role, disabled, password, reason }: UpdateUserInput): Promise<UserView> {
    const passwordHash = password === undefined ? undefined : await this.passwords.hash(password);
    return this.dataSource.transaction(async (manager) => {
      const row = await manager.findOne(UserEntity, { where: { id: userId, customerId }, lock: { mode: 'pessimistic_write' } });
      if (!row) throw notFound('user');
      const disabledAt = (disabled ?? row.disabledAt !== null) ? (row.disabledAt ?? new Date()) : null;
      const changed = { role: role ?? row.role, disabledAt };
      await manager.update(UserEntity, { id: userId }, { ...changed, ...(passwordHash === undefined ? {} : { passwordHash }) });
      const ended = disabledAt !== null || passwordHash !== undefined || changed.role !== row.role ? await manager.delete(SessionEntity, { userId }) : null;
      const after = { role: changed.role, disabled: disabledAt !== null, sessionsEnded: ended?.affected ?? 0, ...(passwordHash === undefined ? {} : { password: 'changed' }) };
      await this.audit.record({ actor: actorOf(caller), action: 'user.update', target: userTarget(row), before: { role: row.role, disabled: row.disabledAt !== null }, after, reason }, manager);
      return userView({ ...row, ...changed });
    });
  }

  private async insert(caller: CallerContext, customerId: string | null, role: UserEntity['role'], input: Omit<CreateUserInput, 'role'>): Promise<UserView> {
    const { email, name } = input;
    const passwordHash = input.password === undefined ? null : await this.passwords.hash(input.password);
    const id = newId();
    return this.dataSource.transaction(async (manager) => {
      if (customerId !== null) await findCustomer(manager, customerId);
      try {
        await manager.insert(UserEntity, { id, customerId, email, name, role, passwordHash });
      } catch (error) {
        if (violatesUnique(error, 'users_email')) throw conflict('email_taken', 'There is a user with this email already.');
        throw error;
      }
      await this.audit.record(
        { actor: actorOf(caller), action: 'user.create', target: userTarget({ id, customerId }), after: { email, name, role }, reason: input.reason },
        manager,
      );
      return userView(await manager.findOneByOrFail(UserEntity, { id }));
    });
  }
}

/** How the audit log names a user. */
export const userTarget = ({ id, customerId }: { readonly id: string; readonly customerId: string | null }): string => `${customerId === null ? 'platform' : `customer:${customerId}`}/user:${id}`;

export const userView = (row: UserEntity): UserView => ({
  id: row.id,
  customerId: row.customerId,
  email: row.email,
  name: row.name,
  role: row.role,
  tier: row.tier,
  disabled: row.disabledAt !== null,
  createdAt: row.createdAt.toISOString(),
});
