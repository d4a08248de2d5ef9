import { type DataSource, type EntityManager } from 'typeorm';
import { type StripePosting } from '../core/stripe/postings.js';
import { type Ledger } from '../ledger/ledger.service.js';
import { Books } from './ports.js';

/** `Books` in the ledger. */
export class LedgerBooks extends Books {
  constructor(
    private readonly ledger: Ledger,
    private readonly dataSource: DataSource,
  ) {
    super();
  }

  async post(manager: EntityManager, posting: StripePosting & { readonly customerId: string }): Promise<void> {
    await this.ledger.post(manager, posting);
  }

  async paymentsOf(customerId: string): Promise<ReadonlyMap<string, bigint>> {
    const rows = await this.dataSource.query<Array<{ source_id: string; pd: string }>>(
      `select e.source_id, coalesce(sum(l.amount_pd) filter (where l.account = 'cash'), 0)::text as pd from ledger_entries e join ledger_lines l on l.entry_id = e.id
       where e.customer_id = $1 and e.kind = 'payment' group by 1`,
      [customerId],
    );
    return new Map(rows.map(({ source_id: id, pd }) => [id, BigInt(pd)]));
  }

  async invoicesOf(customerId: string): Promise<ReadonlySet<string>> {
    const rows = await this.dataSource.query<Array<{ source_id: string }>>(`select source_id from ledger_entries where customer_id = $1 and kind = 'invoice'`, [customerId]);
    return new Set(rows.map(({ source_id: id }) => id));
  }

  async balanceOf(customerId: string): Promise<bigint> {
    return (await this.ledger.balances(customerId)).get('customer:balance') ?? 0n;
  }
}
