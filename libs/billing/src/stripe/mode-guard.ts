import { ConfigError } from '@apex/common';
import { type DataSource, type EntityManager } from 'typeorm';

const nameOf = (livemode: boolean): string => (livemode ? 'live' : 'test');

/**
 * Keeps Stripe's test data and live data apart: the first of either that is stored decides for this database.
 */
export class ModeGuard {
  private decided = false;

  constructor(private readonly livemode: boolean) {}

  /** @throws ConfigError when what is stored is of the other mode than the key: such a process must not start */
  async check(dataSource: Pick<DataSource, 'query'>): Promise<void> {
    this.compare(await dataSource.query<Array<{ livemode: boolean }>>('select livemode from stripe_mode'));
  }

  /** Call it in the transaction that is about to store something of Stripe's. */
  async claim(manager: EntityManager): Promise<void> {
    // What is decided stays so.
    if (this.decided) return;
    await this.check(manager);
    if (!this.decided) await manager.query('insert into stripe_mode (livemode) values ($1) on conflict (id) do nothing', [this.livemode]);
  }

  private compare(stored: readonly { livemode: boolean }[]): void {
    const [mode] = stored;
    if (mode === undefined) return;
    this.decided = mode.livemode === this.livemode;
    if (this.decided) return;
    throw new ConfigError(['STRIPE_SECRET_KEY'], `STRIPE_SECRET_KEY is a ${nameOf(this.livemode)} key, and this database holds Stripe's ${nameOf(mode.livemode)} data: customers, subscriptions and invoices of the one mean nothing to the other. Use a ${nameOf(mode.livemode)} key, or another database`);
  }
}
