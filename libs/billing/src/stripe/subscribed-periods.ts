import { type Tier, TIERS } from '@apex/auth';
import { type EntityManager } from 'typeorm';
import { FEE_TAKEN_BACK, feeTakenBack } from '../core/stripe/postings.js';
import { type Books } from './ports.js';

// Who has a subscription owes the platform fee as its invoices ask for it: whole, prorated, or nothing in a trial. Who has
// none owes the tier's fee with the statement. A period belongs to the subscription if it was there on any of its days.
const subscriptionsIn = (start: string, end: string): string =>
  `from stripe_subscriptions b where b.customer_id = $1 and b.status not in ('incomplete', 'incomplete_expired') and b.created_at < ${end} and coalesce(b.ended_at, 'infinity') > ${start}`;

interface Period {
  readonly start: Date;
  readonly end: Date;
}

/** Whether a subscription's invoices ask for the platform fee of this period, so that its statement does not. */
export async function isFeeInvoiced(manager: EntityManager, customerId: string, { start, end }: Period): Promise<boolean> {
  const [row] = await manager.query<Array<{ invoiced: boolean }>>(`select exists (select ${subscriptionsIn('$2', '$3')}) as invoiced`, [customerId, start, end]);
  return row!.invoiced;
}

/**
 * The tier whose terms a period is stated by, where the customer's own says nothing of it: who is `free` by now because the
 * subscription ended, or because it was not paid, had its tier in the period all the same. Otherwise whoever cancels before
 * the period is closed would have had its savings for nothing.
 * @returns null where the customer's own tier counts
 */
export async function tierInPeriod(manager: EntityManager, customerId: string, { start, end }: Period): Promise<Tier | null> {
  const [row] = await manager.query<Array<{ tier: string }>>(
    `select b.tier ${subscriptionsIn('$2', '$3')} and b.tier is not null
       and exists (select from customers c join billing_standings s on s.customer_id = c.id where c.id = $1 and c.tier = 'free' and s.derived_tier = 'free'
         -- A period that was free all through: the grace was over before it began.
         and (s.standing <> 'lapsed' or s.grace_until > $2))
     order by coalesce(b.ended_at, 'infinity') desc, b.created_at desc limit 1`,
    [customerId, start, end],
  );
  return TIERS.find((tier) => tier === row?.tier) ?? null;
}

/** Takes the fee out of statements that were closed before their period's subscription was known here. Once, however often it is called. */
export async function takeBackFees(manager: EntityManager, customerId: string, books: Books): Promise<void> {
  const rows = await manager.query<Array<{ id: string; period_end: Date; fee: string; cents: string }>>(
    `select s.id, s.period_end, s.document #>> '{terms,platformFeePicodollars}' as fee, s.document #>> '{invoice,platformFeeCents}' as cents
     from statements s join ledger_entries e on e.customer_id = s.customer_id and e.kind = 'statement' and e.source_id = s.id::text
       join ledger_lines l on l.entry_id = e.id and l.account = 'revenue:platform'
     where s.customer_id = $1 and exists (select ${subscriptionsIn('s.period_start', 's.period_end')})
       and not exists (select from ledger_entries t where t.customer_id = $1 and t.kind = 'adjustment' and t.source_id = $2 || s.id)
     order by s.period_start`,
    [customerId, FEE_TAKEN_BACK],
  );
  for (const { id, period_end: at, fee, cents } of rows) await books.post(manager, { ...feeTakenBack({ id, feePd: BigInt(fee), feeCents: BigInt(cents), at }), customerId });
}
