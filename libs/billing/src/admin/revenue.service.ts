import { Injectable } from '@nestjs/common';
import { Clock, notFound } from '@apex/common';
import { DataSource, EntityManager } from 'typeorm';
import { FEE_TAKEN_BACK } from '../core/stripe/postings.js';
import { platformCalls } from '../statements/pass-through.js';

/** Of closed statements, exact; decimal strings of picodollars. */
export interface Revenue {
  readonly platformPicodollars: string;
  readonly vbpPicodollars: string;
  readonly bvmPicodollars: string;
  readonly passthroughPicodollars: string;
}

export interface CustomerMargin {
  readonly customerId: string;
  readonly from: string;
  readonly to: string;
  /** Closed statements whose period ended within `(from, to]`. Revenue and cost are theirs, and platform fees those that were invoiced in their periods. */
  readonly statements: number;
  readonly revenue: Revenue;
  /** Paid to providers with the platform's keys in these periods. */
  readonly providerCostPicodollars: string;
  readonly marginPicodollars: string;
}

export interface MonthlyRevenue {
  readonly asOf: string;
  /** Customers who are not suspended. */
  readonly customers: number;
  /** What they pay a month by their terms of now. */
  readonly platformPicodollars: string;
  /** Closed statements that the next two are from: of each customer the last one, closed within the trailing month. */
  readonly statements: number;
  readonly vbpPicodollars: string;
  readonly bvmPicodollars: string;
  readonly mrrPicodollars: string;
}

/** The longest month and a day: a customer's statements close a month apart, and not to the minute. */
const TRAILING_DAYS = 32;

/**
 * A credit to an account of revenue is what was earned: the other sign. $1: statements' ids. $2, $3, $4: a customer, and the
 * time in which their subscription's invoices count: the platform fee is theirs, and none of the statements'.
 */
const REVENUE = `
  select -coalesce(sum(l.amount_pd) filter (where l.account = 'revenue:platform'), 0) as platform,
    -coalesce(sum(l.amount_pd) filter (where l.account = 'revenue:vbp'), 0) as vbp,
    -coalesce(sum(l.amount_pd) filter (where l.account = 'revenue:bvm'), 0) as bvm,
    -coalesce(sum(l.amount_pd) filter (where l.account = 'passthrough'), 0) as passthrough
  from ledger_entries e join ledger_lines l on l.entry_id = e.id
  where (e.kind = 'statement' and e.source_id = any($1)) or (e.kind = 'adjustment' and e.source_id = any(select '${FEE_TAKEN_BACK}' || s from unnest($1::text[]) s))
    or (e.kind = 'invoice' and e.customer_id = $2 and e.occurred_at >= $3 and e.occurred_at < $4)`;

interface RevenueRow {
  readonly platform: string;
  readonly vbp: string;
  readonly bvm: string;
  readonly passthrough: string;
}

/** What Apex earns, from the ledger's entries for closed statements. */
@Injectable()
export class RevenueReports {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** What was earned with a customer, less what the platform's keys paid providers for it. @throws ApexError 404 */
  margin(customerId: string, from: Date, to: Date): Promise<CustomerMargin> {
    // One snapshot: a statement that is closed meanwhile is in all of it or in nothing.
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const [customer] = await manager.query<unknown[]>('select from customers where id = $1', [customerId]);
      if (customer === undefined) throw notFound('customer');
      const statements = await manager.query<Array<{ id: string; period_start: Date; period_end: Date }>>(
        'select id, period_start, period_end from statements where customer_id = $1 and period_end > $2 and period_end <= $3 order by period_start',
        [customerId, from, to],
      );
      const revenue = await revenueOf(manager, statements, { customerId, from: statements[0]?.period_start ?? null, to: statements.at(-1)?.period_end ?? null });
      let cost = 0n;
      for (const { period_start, period_end } of statements) {
        for (const line of await platformCalls(manager, customerId, { start: period_start.toISOString(), end: period_end.toISOString() })) cost += BigInt(line.costPicodollars);
      }
      const earned = BigInt(revenue.platform) + BigInt(revenue.vbp) + BigInt(revenue.bvm) + BigInt(revenue.passthrough);
      return {
        customerId,
        from: from.toISOString(),
        to: to.toISOString(),
        statements: statements.length,
        revenue: { platformPicodollars: revenue.platform, vbpPicodollars: revenue.vbp, bvmPicodollars: revenue.bvm, passthroughPicodollars: revenue.passthrough },
        providerCostPicodollars: String(cost),
        marginPicodollars: String(earned - cost),
      };
    });
  }

  /** Platform fees as they stand, and VBP and BVM as they were in the trailing month. */
  monthly(): Promise<MonthlyRevenue> {
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const now = this.clock.now();
      const [fees] = await manager.query<Array<{ customers: number; platform: string }>>(`
        select count(*)::int as customers, coalesce(sum(coalesce(o.platform_fee_pd, t.platform_fee_pd, 0)), 0)::text as platform
        from customers c left join tiers t on t.name = c.tier left join customer_terms o on o.customer_id = c.id where c.suspended_at is null`);
      const statements = await manager.query<Array<{ id: string }>>(
        `select distinct on (customer_id) id from statements where closed_at > $1::timestamptz - interval '${TRAILING_DAYS} days' and closed_at <= $1 order by customer_id, period_end desc`,
        [new Date(now)],
      );
      const { vbp, bvm } = await revenueOf(manager, statements);
      return {
        asOf: new Date(now).toISOString(),
        customers: fees!.customers,
        platformPicodollars: fees!.platform,
        statements: statements.length,
        vbpPicodollars: vbp,
        bvmPicodollars: bvm,
        mrrPicodollars: String(BigInt(fees!.platform) + BigInt(vbp) + BigInt(bvm)),
      };
    });
  }
}

async function revenueOf(manager: EntityManager, statements: ReadonlyArray<{ readonly id: string }>, invoiced: { readonly customerId: string | null; readonly from: Date | null; readonly to: Date | null } = { customerId: null, from: null, to: null }): Promise<RevenueRow> {
  const [row] = await manager.query<RevenueRow[]>(REVENUE, [statements.map(({ id }) => id), invoiced.customerId, invoiced.from, invoiced.to]);
  return row!;
}
