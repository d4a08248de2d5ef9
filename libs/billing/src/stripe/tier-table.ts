import { type DataSource } from 'typeorm';
import { TierFees } from './ports.js';

/** Fees as tiers and terms have them now. */
export class TierTable extends TierFees {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async feeOf(tier: string, customerId: string | null): Promise<{ readonly feePd: bigint | null } | null> {
    const [row] = await this.dataSource.query<Array<{ fee: string | null }>>(
      'select coalesce(c.platform_fee_pd, t.platform_fee_pd)::text as fee from tiers t left join customer_terms c on c.customer_id = $2 where t.name = $1',
      [tier, customerId],
    );
    return row === undefined ? null : { feePd: row.fee === null ? null : BigInt(row.fee) };
  }
}
