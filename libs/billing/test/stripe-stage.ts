import { AuditLog, authEntities, CustomersService, TermsService } from '@apex/auth';
import { FakeClock, newId } from '@apex/common';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.js';
import { seeded, shuffledWithDuplicates, signed, type StripeEvent, StripeFake } from '../../../test/support/stripe/stripe-fake.js';
import { Ledger } from '../src/ledger/ledger.service.js';
import { LedgerBooks } from '../src/stripe/ledger-books.js';
import { StripeBilling } from '../src/stripe/stripe-billing.js';

export const SECRET = 'whsec_of_the_tests_0001';
export const BY = { actor: 'operator:test', reason: 'a test' };
export const START = Date.UTC(2026, 0, 1);

/** Our side of Stripe on a real Postgres, the fake on the other side, and one clock for both. */
export class StripeStage {
  readonly clock: FakeClock;
  billed = true;
  private delivered = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly fake: StripeFake,
  ) {
    this.clock = new FakeClock(fake.now * 1_000);
    this.billing = this.open();
  }

  billing: StripeBilling;

  static async open(start = START): Promise<StripeStage> {
    const database = await createTestDatabase({ entities: authEntities });
    return new StripeStage(database, await StripeFake.start({ now: start / 1_000 }));
  }

  /** As a new process would open it. */
  open(key = this.fake.key): StripeBilling {
    const { dataSource } = this.database;
    const audit = new AuditLog(dataSource);
    return new StripeBilling(
      { account: { key, livemode: key.includes('_live_'), base: new URL(this.fake.url) }, webhookSecrets: [SECRET], lookEveryMs: 0 },
      // Nothing of what is used announces anything.
      { dataSource, customers: new CustomersService(dataSource, audit, undefined as never), terms: new TermsService(dataSource, audit, undefined as never), audit, books: new LedgerBooks(new Ledger(dataSource), dataSource), billed: () => this.billed, clock: this.clock },
    );
  }

  async close(): Promise<void> {
    await this.fake.close();
    await this.database.drop();
  }

  async query<T>(sql: string, parameters: unknown[] = []): Promise<T[]> {
    return this.database.dataSource.query<T[]>(sql, parameters);
  }

  async customer(id: string, tier = 'free'): Promise<string> {
    await this.query('insert into customers (id, name, tier) values ($1, $1, $2)', [id, tier]);
    return id;
  }

  async stripeId(customerId: string): Promise<string> {
    return (await this.query<{ s: string }>('select stripe_customer_id as s from customers where id = $1', [customerId]))[0]!.s;
  }

  async tier(customerId: string): Promise<string> {
    return (await this.query<{ tier: string }>('select tier from customers where id = $1', [customerId]))[0]!.tier;
  }

  /** A closed statement with these charges. @returns the charges' ids */
  async statement(customerId: string, period: string, charges: Readonly<Partial<Record<'vbp' | 'bvm' | 'passthrough' | 'credit', number>>>): Promise<string[]> {
    const start = new Date(`${period}-01T00:00:00Z`);
    const end = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1));
    const statement = newId();
    const [previous] = await this.query<{ id: string }>('select id from statements where customer_id = $1 order by period_start desc limit 1', [customerId]);
    const hash = 'ab'.repeat(32);
    await this.query('insert into statements (id, customer_id, period_start, period_end, previous_id, document, hash, merkle_root, closed_at) values ($1, $2, $3, $4, $5, $6, $7, $7, $8)', [statement, customerId, start, end, previous?.id ?? null, '{}', hash, new Date(end.getTime() + 72 * 3_600_000)]);
    const ids: string[] = [];
    for (const [kind, cents] of Object.entries(charges)) {
      const id = newId();
      ids.push(id);
      await this.query('insert into statement_charges (id, statement_id, customer_id, kind, amount_cents, description, period_start, period_end, statement_hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [id, statement, customerId, kind, cents, `${kind} ${period}`, start, end, hash]);
    }
    return ids;
  }

  /** Both clocks go on. */
  advance(seconds: number): void {
    this.fake.advance(seconds);
    this.clock.advance(seconds * 1_000);
  }

  /** Posts what has happened at Stripe since the last time, and has it handled. */
  async deliver(): Promise<void> {
    const events = this.fake.events.slice(this.delivered);
    this.delivered = this.fake.events.length;
    for (const event of events) {
      const { body, signature } = signed(event, SECRET, Math.floor(this.clock.now() / 1_000));
      await this.billing.inbox.accept(Buffer.from(body), signature);
    }
    await this.billing.inbox.drain();
  }

  /** A customer who has subscribed and whose events have arrived. @returns their id at Stripe */
  async subscribed(customerId: string, tier = 'mid', trialDays: number | null = null): Promise<string> {
    await this.customer(customerId);
    const session = await this.billing.accounts.checkout(customerId, { tier, successUrl: 'https://a.test/ok', cancelUrl: 'https://a.test/no', trialDays }, BY);
    this.fake.completeCheckout(session.id);
    await this.deliver();
    return this.stripeId(customerId);
  }
}

export const shuffled = (seed: number) => (events: readonly StripeEvent[]): readonly StripeEvent[] => shuffledWithDuplicates(events, seeded(seed));
