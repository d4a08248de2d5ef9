import { type Clock } from '@apex/common';
import { type DataSource } from 'typeorm';
import { REFUSALS } from '../core/stripe/sending.js';

export interface ChargesWaiting {
  /** To be sent now, or at the next try. */
  readonly due: number;
  /** Asked for, and nobody knows yet whether it arrived. */
  readonly uncertain: number;
  /** Of customers who are not billed, or have no account at Stripe: they wait on purpose. */
  readonly held: number;
  /** How long the oldest that is due or uncertain has waited. */
  readonly oldestSeconds: number;
}

export interface EventsWaiting {
  readonly waiting: number;
  readonly oldestSeconds: number;
}

/** What waits for Stripe, or from it, as the tables have it. Sent charges and handled events are not looked at. */
export class StripeBacklog {
  constructor(
    private readonly dataSource: DataSource,
    private readonly billed: (customerId: string) => boolean,
    private readonly clock: Clock,
  ) {}

  async charges(): Promise<ChargesWaiting> {
    const rows = await this.dataSource.query<Array<{ customer_id: string; account: boolean; pending: number; asked: number; seconds: number }>>(
      `select o.customer_id, c.stripe_customer_id is not null as account, count(*) filter (where o.state = 'pending')::int as pending, count(*) filter (where o.state <> 'pending')::int as asked,
         extract(epoch from now() - min(o.created_at))::float8 as seconds
       from stripe_outbox o join customers c on c.id = o.customer_id where o.state in ('pending', 'sending', 'unknown') group by 1, 2`,
    );
    const open = rows.filter(({ customer_id: customerId, account }) => account && this.billed(customerId));
    const sum = (of: readonly { readonly pending: number; readonly asked: number }[], pick: (row: { readonly pending: number; readonly asked: number }) => number): number => of.reduce((all, row) => all + pick(row), 0);
    return {
      due: sum(open, ({ pending }) => pending),
      uncertain: sum(open, ({ asked }) => asked),
      held: sum(rows, ({ pending, asked }) => pending + asked) - sum(open, ({ pending, asked }) => pending + asked),
      oldestSeconds: Math.max(0, ...open.map(({ seconds }) => seconds)),
    };
  }

  /** What Stripe refuses, or would, until a person mends it: by reason. */
  async refused(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.dataSource.query<Array<{ code: string; n: number }>>(`select split_part(last_error, ':', 1) as code, count(*)::int as n from stripe_outbox where state = 'refused' group by 1`);
    const counts = new Map<string, number>(REFUSALS.map((code) => [code, 0]));
    for (const { code, n } of rows) counts.set(counts.has(code) ? code : 'other', n + (counts.get(counts.has(code) ? code : 'other') ?? 0));
    return counts;
  }

  async events(): Promise<EventsWaiting> {
    const [row] = await this.dataSource.query<Array<{ waiting: number; oldest: Date | null }>>('select count(*)::int as waiting, min(received_at) as oldest from stripe_events where processed_at is null');
    return { waiting: row!.waiting, oldestSeconds: this.since(row!.oldest) ?? 0 };
  }

  /** The last comparison with Stripe's books; null before the first. */
  async comparison(): Promise<{ readonly differences: number; readonly ageSeconds: number } | null> {
    const [row] = await this.dataSource.query<Array<{ differences: number; finished_at: Date }>>('select differences, finished_at from stripe_audit_runs order by finished_at desc, id desc limit 1');
    return row === undefined ? null : { differences: row.differences, ageSeconds: this.since(row.finished_at)! };
  }

  private since(at: Date | null): number | null {
    return at === null ? null : Math.max(0, (this.clock.now() - at.getTime()) / 1_000);
  }
}
