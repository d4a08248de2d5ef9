import { Injectable } from '@nestjs/common';
import { conflict, newId, notFound } from '@apex/common';
import { DataSource, EntityManager, MoreThan } from 'typeorm';
import { KeyDirectory } from '../adapters/key-directory.js';
import { violatesUnique } from '../adapters/postgres-errors.js';
import { actorOf, CallerContext } from '../core/caller.js';
import { CreateCustomerInput, Page, UpdateCustomerInput } from '../core/inputs.js';
import { Tier } from '../core/tiers.js';
import { CustomerView, ListOf } from '../core/views.js';
import { CustomerEntity } from '../entities/customer.entity.js';
import { AuditLog } from './audit-log.service.js';
import { pageOf } from './pages.js';

/** Customers: the billing accounts that everything else hangs on. */
@Injectable()
export class CustomersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly directory: KeyDirectory,
  ) {}

  /** @throws ApexError 409 `customer_exists` */
  async create(caller: CallerContext, input: CreateCustomerInput): Promise<CustomerView> {
    const id = input.id ?? newId();
    const view = await this.dataSource.transaction(async (manager) => {
      try {
        await manager.insert(CustomerEntity, { id, name: input.name, tier: input.tier, platformKeys: input.platformKeys });
      } catch (error) {
        if (violatesUnique(error, 'customers_pkey')) throw conflict('customer_exists', `There is a customer ${id} already.`);
        throw error;
      }
      const created = viewOf(await findCustomer(manager, id));
      await this.audit.record({ actor: actorOf(caller), action: 'customer.create', target: `customer:${id}`, after: audited(created), reason: input.reason }, manager);
      return created;
    });
    await this.directory.announce();
    return view;
  }

  /** @throws ApexError 404 */
  async get(id: string): Promise<CustomerView> {
    return viewOf(await findCustomer(this.dataSource.manager, id));
  }

  exists(id: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(CustomerEntity, { id });
  }

  /** In the order of their ids. */
  async list(page: Page): Promise<ListOf<CustomerView>> {
    const rows = await this.dataSource.manager.find(CustomerEntity, {
      where: page.after === undefined ? {} : { id: MoreThan(page.after) },
      order: { id: 'ASC' },
      take: page.limit + 1,
    });
    return pageOf(rows, page.limit, viewOf);
  }

  /** Changes what the input names; effective here at once, everywhere within a second. */
  async update(caller: CallerContext, id: string, input: UpdateCustomerInput): Promise<CustomerView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const row = await findCustomer(manager, id, true);
      const before = viewOf(row);
      const { name = row.name, tier = row.tier, platformKeys = row.platformKeys, suspended = row.suspendedAt !== null } = input;
      const suspendedAt = suspended ? (row.suspendedAt ?? new Date()) : null;
      await manager.update(CustomerEntity, { id }, { name, tier, platformKeys, suspendedAt });
      const after = viewOf({ ...row, name, tier, platformKeys, suspendedAt });
      await this.audit.record({ actor: actorOf(caller), action: 'customer.update', target: `customer:${id}`, before: audited(before), after: audited(after), reason: input.reason }, manager);
      return after;
    });
    await this.directory.announce();
    return view;
  }

  /**
   * What follows from the customer's subscription, in the caller's transaction; in force everywhere within a second of its end.
   * @throws ApexError 404
   */
  async applyBilling(manager: EntityManager, id: string, change: { readonly tier?: Tier; readonly stripeCustomerId?: string }, reason: string): Promise<void> {
    const row = await findCustomer(manager, id, true);
    const of = ({ tier, stripeCustomerId }: Pick<CustomerEntity, 'tier' | 'stripeCustomerId'>) => ({ tier, stripeCustomerId });
    await manager.update(CustomerEntity, { id }, change);
    await this.audit.record({ actor: 'system:stripe', action: 'customer.billing', target: `customer:${id}`, before: of(row), after: of({ ...row, ...change }), reason }, manager);
  }
}

/** The customer's row, locked for a change if asked. @throws ApexError 404 */
export async function findCustomer(manager: EntityManager, id: string, forUpdate = false): Promise<CustomerEntity> {
  const row = await manager.findOne(CustomerEntity, { where: { id }, ...(forUpdate ? { lock: { mode: 'pessimistic_write' as const } } : {}) });
  if (!row) throw notFound('customer');
  return row;
}

const viewOf = (row: CustomerEntity): CustomerView => ({
  id: row.id,
  name: row.name,
  tier: row.tier,
  platformKeys: row.platformKeys,
  suspended: row.suspendedAt !== null,
  createdAt: row.createdAt.toISOString(),
});

const audited = ({ name, tier, platformKeys, suspended }: CustomerView): Record<string, unknown> => ({ name, tier, platformKeys, suspended });
