import { firstIdAt } from '@apex/common';
import { type DataSource } from 'typeorm';
import { type BillingMonth } from '../core/billing-month.js';
import { SpendBook, type Spender } from '../ports/spend-book.js';

const WHOSE: Readonly<Record<Spender['kind'], string>> = {
  customer: '$4::text is null',
  key: `r.key_id in (select $4::uuid union select key_id from key_limits where meter_id = $4::uuid)`,
  platform: `$4::text is null and r.provider not in (select provider from provider_keys where customer_id = $1 and revoked_at is null)`,
};

/**
 * What the usage records of a month cost, and what was settled of them later. What was spent by the platform's keys is that
 * of the providers the customer has no key of its own for: which key paid is not in the books.
 */
export class PostgresSpendBook extends SpendBook {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  override async spent(customerId: string, spender: Spender, { from, to }: BillingMonth): Promise<number> {
    const [row] = await this.dataSource.query<{ micro_usd: string }[]>(
      `select ceil(coalesce(sum(r.cost_pd + coalesce(a.cost_pd, 0)), 0) / 1000000)::text as micro_usd
       from usage_records r
       left join lateral (select sum(cost_pd) as cost_pd from usage_adjustments where request_id = r.request_id) a on r.unknown_attempts > 0
       where r.customer_id = $1 and r.request_id >= $2 and r.request_id < $3 and (${WHOSE[spender.kind]})`,
      [customerId, firstIdAt(from), firstIdAt(to), spender.kind === 'key' ? spender.meterId : null],
    );
    return Number(row?.micro_usd ?? 0);
  }
}
