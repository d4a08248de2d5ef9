import { Logger } from '@nestjs/common';
import { ApexError } from '@apex/common';
import { DAY, HOUR, seeded } from '../../../../test/support/stripe/stripe-fake.js';
import { addReceipt, exactHit, statementsOver } from '../../test/statement-books.js';
import { BY, StripeStage } from '../../test/stripe-stage.js';
import { Ledger } from '../ledger/ledger.service.js';
import { type Statements } from '../statements/statements.service.js';
import { tierInPeriod } from './subscribed-periods.js';

const CENT = 10_000_000_000n;
const MONTH_FEE = 50_000;
const PAGES = { successUrl: 'https://a.test', cancelUrl: 'https://a.test' };

// Real: Postgres, statements, the ledger, Stripe's SDK over HTTP. Stripe is the fake, and time is the test's.
describe('what a customer owes', () => {
  let stage: StripeStage;
  let statements: Statements;
  let ledger: Ledger;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open(Date.UTC(2024, 0, 1));
    statements = statementsOver(stage.database.dataSource, stage.clock);
    ledger = new Ledger(stage.database.dataSource);
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });

  // Each begins with a month.
  beforeEach(async () => {
    const now = new Date(stage.clock.now());
    stage.advance((Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - now.getTime()) / 1_000);
    await stage.deliver();
  });

  const arrive = async (id: string, tier: string, trialDays: number | null = null): Promise<string> => {
    const stripeId = await stage.subscribed(id, tier, trialDays);
    await stage.query('update customers set created_at = $2 where id = $1', [id, new Date(stage.clock.now())]);
    return stripeId;
  };
  const save = (id: string, dollars: number): Promise<unknown> => addReceipt(stage.database.dataSource, id, new Date(stage.clock.now()).toISOString(), exactHit(Math.round(dollars * 1e12)));
  /** Time goes by, and everything that it brings about is done. */
  const later = async (id: string, seconds: number): Promise<void> => {
    stage.advance(seconds);
    await stage.deliver();
    await statements.closeDue(id, 'test');
    await stage.billing.sender.drain();
  };
  /** In cents; the ledger knows no fractions of them here, for charges and invoices are whole. */
  const balances = async (id: string): Promise<Record<'owed' | 'kept' | 'cash' | 'fees' | 'adjusted', number>> => {
    const all = await ledger.balances(id);
    const cents = (account: Parameters<typeof all.get>[0]): number => Number(all.get(account)! / CENT);
    return { owed: cents('customer:receivable'), kept: cents('customer:balance'), cash: cents('cash'), fees: Number(-all.get('revenue:platform')! / CENT), adjusted: cents('adjustments') };
  };
  /** What Stripe itself says is unpaid, what it has not asked for yet of our charges, and what it keeps. */
  const truth = async (id: string, stripeIds: readonly string[]): Promise<{ owed: number; kept: number }> => {
    const { invoices, customers } = stage.fake.store;
    const unpaid = [...invoices.values()].filter(({ customer, status }) => stripeIds.includes(customer) && (status === 'open' || status === 'uncollectible'));
    const due = unpaid.reduce((sum, one) => sum + one.lines.reduce((all, { amount }) => all + amount, 0) - one.applied - one.pre_payment_credit, 0);
    const onInvoices = new Set([...invoices.values()].filter(({ status }) => status !== 'draft').flatMap(({ lines }) => lines.map(({ metadata }) => metadata['apex_outbox'])));
    const charges = await stage.query<{ id: string; cents: string }>(`select c.id, c.amount_cents as cents from statement_charges c where customer_id = $1 and not exists (select from stripe_outbox o where o.id = c.id and o.state = 'waived')`, [id]);
    return { owed: due + charges.filter((one) => !onInvoices.has(one.id)).reduce((sum, { cents }) => sum + Number(cents), 0), kept: stripeIds.reduce((sum, stripeId) => sum + customers.get(stripeId)!.balance, 0) };
  };

  it('is nothing once all is paid: a trial, and the months after it', async () => {
    await arrive('trier', 'mid', 14);
    await save('trier', 100);
    await later('trier', 10 * DAY);
    expect(await balances('trier')).toMatchObject({ owed: 0, cash: 0, fees: 0 });
    await later('trier', 5 * DAY);
    expect(await balances('trier')).toMatchObject({ owed: 0, cash: MONTH_FEE, fees: MONTH_FEE });
    // January's statement: its charge is owed until the next invoice is paid; its tier's fee is the subscription's business.
    await later('trier', 20 * DAY);
    expect(await balances('trier')).toMatchObject({ owed: 2_000, fees: MONTH_FEE });
    await later('trier', 13 * DAY);
    expect(await balances('trier')).toEqual({ owed: 0, kept: 0, cash: 2 * MONTH_FEE + 2_000, fees: 2 * MONTH_FEE, adjusted: 0 });
  });

  it('is nothing after an upgrade that is prorated; a downgrade leaves at Stripe what was paid too much, and charges use it up', async () => {
    const stripeId = await arrive('mover', 'early');
    await later('mover', 10 * DAY);
    await stage.billing.accounts.changeTier('mover', 'mid', BY);
    await stage.deliver();
    const up = await balances('mover');
    expect(up).toMatchObject({ owed: 0, kept: 0, fees: up.cash });
    expect(up.cash).toBeGreaterThan(0);
    expect(up.cash).toBeLessThan(MONTH_FEE);

    await save('mover', 100);
    await later('mover', 5 * DAY);
    await stage.billing.accounts.changeTier('mover', 'early', BY);
    await later('mover', 20 * DAY);
    const down = await balances('mover');
    expect(down).toMatchObject({ kept: stage.fake.store.customers.get(stripeId)!.balance, cash: up.cash });
    expect(down.kept).toBeLessThan(0);
    await later('mover', 28 * DAY);
    expect(await balances('mover')).toEqual({ ...down, owed: 0, kept: down.kept + 2_000 });
  });

  it('is nothing after a cancellation: the last statement gets its final invoice, and nothing of the fee is given back', async () => {
    await arrive('leaver', 'mid');
    await save('leaver', 40);
    await later('leaver', 12 * DAY);
    await stage.billing.accounts.cancel('leaver', 'now', BY);
    await later('leaver', 35 * DAY);
    expect(await balances('leaver')).toMatchObject({ owed: 800, fees: MONTH_FEE });
    await later('leaver', 2 * HOUR);
    expect(await balances('leaver')).toEqual({ owed: 0, kept: 0, cash: MONTH_FEE + 800, fees: MONTH_FEE, adjusted: 0 });
  });

  it('is exactly the unpaid invoices; one that is voided is owed no more', async () => {
    const stripeId = await arrive('debtor', 'mid');
    await save('debtor', 50);
    stage.fake.setCard(stripeId, 'declines');
    await later('debtor', 32 * DAY);
    expect(await balances('debtor')).toMatchObject({ owed: MONTH_FEE, cash: MONTH_FEE });
    const [open] = [...stage.fake.store.invoices.values()].filter(({ customer, status }) => customer === stripeId && status === 'open');
    await stage.billing.accounts.creditNote('debtor', { invoiceId: open!.id, amountCents: 10_000, refund: false, reason: 'an outage' }, 'operator:test');
    await stage.deliver();
    expect(await balances('debtor')).toMatchObject({ owed: 40_000, adjusted: 10_000 });
    await stage.fake.byHand(`/v1/invoices/${open!.id}/void`);
    await later('debtor', 2 * DAY);
    expect(await balances('debtor')).toMatchObject({ owed: 1_000, fees: MONTH_FEE, adjusted: 0 });
  });

  it('is what a bank has taken back, until it gives it again; what was given back of our own will is not', async () => {
    const stripeId = await arrive('disputed', 'mid');
    const [charge] = [...stage.fake.store.charges.values()].filter(({ customer }) => customer === stripeId);
    await stage.fake.byHand('/v1/refunds', `charge=${charge!.id}&amount=1500`);
    await stage.deliver();
    expect(await balances('disputed')).toEqual({ owed: 0, kept: 0, cash: MONTH_FEE - 1_500, fees: MONTH_FEE, adjusted: 1_500 });
    stage.fake.failRefund([...stage.fake.store.refunds.keys()].at(-1)!);
    const dispute = stage.fake.openDispute(charge!.id);
    await stage.deliver();
    expect(await balances('disputed')).toMatchObject({ owed: MONTH_FEE, cash: 0, adjusted: 0 });
    stage.fake.closeDispute(dispute, 'won');
    await stage.deliver();
    expect(await balances('disputed')).toMatchObject({ owed: 0, cash: MONTH_FEE });
  });

  it('is the tier\'s fee for who has no subscription, until there is one that asks for it', async () => {
    await stage.customer('by-hand', 'mid');
    await stage.query(`update customers set created_at = $1 where id = 'by-hand'`, [new Date(stage.clock.now())]);
    await later('by-hand', 34 * DAY);
    expect(await balances('by-hand')).toMatchObject({ owed: MONTH_FEE, fees: MONTH_FEE });
    // Subscribed at Stripe in a month that was closed before we heard of it.
    stage.fake.completeCheckout((await stage.billing.accounts.checkout('by-hand', { tier: 'mid', ...PAGES, trialDays: null }, BY)).id);
    await statements.closeDue('by-hand', 'test');
    stage.advance(34 * DAY);
    await statements.closeDue('by-hand', 'test');
    expect((await balances('by-hand')).fees).toBe(2 * MONTH_FEE);
    await stage.deliver();
    expect(await balances('by-hand')).toMatchObject({ owed: MONTH_FEE, fees: 3 * MONTH_FEE, cash: 2 * MONTH_FEE });
    expect(await stage.query(`select l.account, l.amount_pd from ledger_entries e join ledger_lines l on l.entry_id = e.id where e.customer_id = 'by-hand' and e.source_id like 'platform_fee:%' order by 1`)).toEqual([
      { account: 'customer:receivable', amount_pd: String(-500n * 100n * CENT) },
      { account: 'revenue:platform', amount_pd: String(500n * 100n * CENT) },
    ]);
    await stage.billing.projector.resync('by-hand');
    expect(await balances('by-hand')).toMatchObject({ fees: 3 * MONTH_FEE });
  });

  it('is a share of the savings of every period with a subscription, and of none that was free all through', async () => {
    const { dataSource } = stage.database;
    await stage.customer('lapser', 'free');
    await stage.query(`insert into stripe_subscriptions (id, customer_id, status, tier, currency, created_at, ended_at, fetched_at) values ('sub_old', 'lapser', 'canceled', 'mid', 'usd', '2020-01-05', '2020-02-10', now()), ('sub_new', 'lapser', 'unpaid', 'early', 'usd', '2020-04-05', null, now())`);
    await stage.query(`insert into billing_standings (customer_id, standing, derived_tier, grace_until, updated_at) values ('lapser', 'lapsed', 'free', '2020-06-15', now())`);
    const months = async (): Promise<(string | null)[]> => Promise.all([1, 2, 3, 4, 5, 6, 7].map((month) => tierInPeriod(dataSource.manager, 'lapser', { start: new Date(Date.UTC(2020, month - 1, 1)), end: new Date(Date.UTC(2020, month, 1)) })));
    expect(await months()).toEqual(['mid', 'mid', null, 'early', 'early', 'early', null]);
    // An operator's word goes before.
    await stage.query(`update billing_standings set derived_tier = 'early' where customer_id = 'lapser'`);
    expect(new Set(await months())).toEqual(new Set([null]));
  });

  it('is what Stripe says is unpaid and what it has not asked for yet, whatever is done in whatever order', async () => {
    const id = 'walker';
    const random = seeded(20_250_101);
    const whole = (below: number): number => Math.floor(random() * below);
    const stripeIds = [await arrive(id, 'early')];
    const { fake, billing } = stage;
    const stripeId = stripeIds[0]!;
    const some = (...statuses: readonly string[]): string | undefined => {
      const found = [...fake.store.invoices.values()].filter((one) => one.customer === stripeId && statuses.includes(one.status) && one.lines.reduce((sum, { amount }) => sum + amount, 0) > 0);
      return found[whole(found.length)]?.id;
    };
    const change = (how: string, ...statuses: readonly string[]): Promise<void> | undefined => {
      const invoice = some(...statuses);
      return invoice === undefined ? undefined : fake.byHand(`/v1/invoices/${invoice}/${how}`);
    };
    const note = (refund: boolean, ...statuses: readonly string[]): Promise<unknown> | undefined => {
      const invoiceId = some(...statuses);
      return invoiceId === undefined ? undefined : billing.accounts.creditNote(id, { invoiceId, amountCents: 1 + whole(400), refund, reason: 'a slip' }, 'operator:test');
    };
    const steps: Record<string, () => Promise<unknown> | undefined | void> = {
      day: () => later(id, DAY * (1 + whole(4))),
      weeks: () => later(id, DAY * (7 + whole(14))),
      hours: () => later(id, HOUR * 2),
      save: () => save(id, 1 + whole(2_000)),
      up: () => billing.accounts.changeTier(id, 'mid', BY),
      down: () => billing.accounts.changeTier(id, 'early', BY),
      pays: () => fake.setCard(stripeId, 'pays'),
      declines: () => fake.setCard(stripeId, 'declines'),
      byHand: () => {
        const open = some('open');
        if (open !== undefined) fake.payByHand(open);
      },
      noteOnOpen: () => note(false, 'open'),
      noteOnPaid: () => note(false, 'paid'),
      refund: () => note(true, 'paid'),
      void: () => change('void', 'open', 'uncollectible'),
      uncollectible: () => change('mark_uncollectible', 'open'),
      item: () => fake.byHand('/v1/invoiceitems', `customer=${stripeId}&currency=usd&amount=${whole(9_000) - 3_000}`),
      cancel: () => billing.accounts.cancel(id, whole(2) === 0 ? 'now' : 'period_end', BY),
      resume: () => billing.accounts.resume(id, BY),
      subscribe: async () => fake.completeCheckout((await billing.accounts.checkout(id, { tier: whole(2) === 0 ? 'mid' : 'early', ...PAGES, trialDays: whole(2) === 0 ? null : 9 }, BY)).id),
    };
    const names = Object.keys(steps);
    const done: string[] = [];
    for (let step = 0; step < 90; step++) {
      const name = names[whole(names.length)]!;
      done.push(name);
      // What cannot be done now is refused in words: no subscription, a card that declines, an invoice that is paid.
      await Promise.resolve(steps[name]!()).catch((error: unknown) => {
        if (!(error instanceof ApexError)) throw error;
      });
      await stage.deliver();
      const { owed, kept } = await balances(id);
      expect([done.join(' '), { owed, kept }]).toEqual([done.join(' '), await truth(id, stripeIds)]);
    }
    expect((await billing.audit.run()).differences.filter(({ customerId }) => customerId === id)).toEqual([]);
    expect(await stage.query('select id, last_error from stripe_events where processed_at is null')).toEqual([]);
  });
});
