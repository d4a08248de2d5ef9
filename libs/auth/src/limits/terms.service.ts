import { Injectable } from '@nestjs/common';
import { ApexError } from '@apex/common';
import { DataSource, EntityManager } from 'typeorm';
import { KeyDirectory } from '../adapters/key-directory.js';
import { isTier, Tier } from '../core/tiers.js';
import { AuditLog } from '../services/audit-log.service.js';
import { findCustomer } from '../services/customers.service.js';
import { changedColumns, readOwnTerms, readTiers, TierRow } from './adapters/terms-tables.js';
import { TermsChange, TermsView, TierChange, TierView } from './core/inputs.js';
import { CustomerTermsRow, feeFrom, Terms, termsFrom } from './core/terms.js';

/** What customers pay and may do. Tiers are data; what was agreed with a customer goes before its tier. */
@Injectable()
export class TermsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly directory: KeyDirectory,
  ) {}

  /**
   * From Postgres, as they stand now.
   * @param manager to read in the caller's transaction
   * @param inTier as they would be in this tier; without it, in the customer's own
   * @throws ApexError 404
   */
  async termsOf(customerId: string, manager: EntityManager = this.dataSource.manager, inTier?: Tier): Promise<Terms> {
    const tier = inTier ?? (await findCustomer(manager, customerId)).tier;
    return termsFrom(tier, await tierRow(manager, tier), await readOwnTerms(manager, customerId));
  }

  /**
   * What a tier costs a month: for a customer, what was agreed with them goes first.
   * @returns null for a tier that is none, or is no more; `feePd` null where nothing is agreed yet
   */
  async feeOf(tier: string, customerId: string | null): Promise<{ readonly feePd: bigint | null } | null> {
    const { manager } = this.dataSource;
    const row = (await readTiers(manager)).find(({ name }) => name === tier);
    return row === undefined ? null : { feePd: feeFrom(row, customerId === null ? null : await readOwnTerms(manager, customerId)) };
  }

  /** In their order. */
  async tiers(): Promise<TierView[]> {
    return (await readTiers(this.dataSource.manager)).map(viewOf);
  }

  /** @throws ApexError 404 for a tier that is none */
  async setTier(name: string, change: TierChange, by: string, reason: string): Promise<TierView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const before = viewOf(await tierRow(manager, name));
      const { sets, values } = changedColumns(change, 2);
      await manager.query(`update tiers set ${sets.join(', ')} where name = $1`, [name, ...values]);
      const after = viewOf(await tierRow(manager, name));
      await this.audit.record({ actor: by, action: 'tier.update', target: `tier:${name}`, before, after, reason }, manager);
      return after;
    });
    await this.directory.announce();
    return view;
  }

  /** Changes what the input names; in force here at once, everywhere within a second. @throws ApexError 404 */
  async setTerms(customerId: string, change: TermsChange, by: string, reason: string): Promise<Terms> {
    const terms = await this.dataSource.transaction(async (manager) => {
      const { tier } = await findCustomer(manager, customerId, true);
      const base = await tierRow(manager, tier);
      const before = await readOwnTerms(manager, customerId);
      const { sets, values } = changedColumns(change, 2);
      await manager.query('insert into customer_terms (customer_id) values ($1) on conflict do nothing', [customerId]);
      await manager.query(`update customer_terms set ${sets.join(', ')} where customer_id = $1`, [customerId, ...values]);
      const after = await readOwnTerms(manager, customerId);
      await this.audit.record({ actor: by, action: 'customer.terms', target: `customer:${customerId}`, before: audited(before), after: audited(after), reason }, manager);
      return termsFrom(tier, base, after);
    });
    await this.directory.announce();
    return terms;
  }
}

/** As JSON has it: amounts are decimal strings. */
export const termsView = ({ platformFeePd, ...terms }: Terms): TermsView => ({ ...terms, platformFeePd: String(platformFeePd) });

async function tierRow(manager: EntityManager, name: string): Promise<TierRow> {
  if (!isTier(name)) throw new ApexError('unknown_tier', 404, `There is no tier ${name}.`);
  const row = (await readTiers(manager)).find((tier) => tier.name === name);
  if (row === undefined) throw new ApexError('tier_missing', 500, `There is no row for the tier ${name}.`);
  return row;
}

const viewOf = ({ name, platformFeePd, vbpBilled, workbench, ...row }: TierRow): TierView => ({
  ...row,
  name: name as Tier,
  platformFeePd: platformFeePd === null ? null : String(platformFeePd),
  vbpBilled: vbpBilled ?? true,
  workbench: workbench ?? false,
});

const audited = (row: CustomerTermsRow | null): Record<string, unknown> | null => (row === null ? null : { ...row, platformFeePd: row.platformFeePd === null ? null : String(row.platformFeePd) });
