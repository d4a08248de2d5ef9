import { Logger } from '@nestjs/common';
import { DAY, HOUR, seeded, signed, type StripeEvent } from '../../../../test/support/stripe/stripe-fake.js';
import { BY, SECRET, shuffled, StripeStage } from '../../test/stripe-stage.js';

const ORDERS = 100;
/** What Stripe is asked to tell (docs/operations.md), as far as it is about what we have there. */
const EVENTS = [
  ...['checkout.session.completed', 'checkout.session.expired'],
  ...['created', 'updated', 'deleted', 'paused', 'resumed', 'trial_will_end'].map((what) => `customer.subscription.${what}`),
  ...['created', 'finalized', 'finalization_failed', 'paid', 'payment_failed', 'payment_action_required', 'voided', 'marked_uncollectible'].map((what) => `invoice.${what}`),
  ...['credit_note.created', 'credit_note.voided', 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed', 'charge.refunded', 'refund.created', 'refund.updated', 'refund.failed'],
];

// Real: Postgres, Stripe's SDK over HTTP. Stripe is the fake.
describe('webhooks', () => {
  let stage: StripeStage;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    stage = await StripeStage.open();
  });
  afterAll(async () => {
    await stage.close();
    Logger.overrideLogger(new Logger());
  });
  const accept = (event: StripeEvent, { secret = SECRET, at = stage.clock.now() / 1_000 }: { secret?: string; at?: number } = {}): Promise<boolean> => {
    const { body, signature } = signed(event, secret, at);
    return stage.billing.inbox.accept(Buffer.from(body), signature);
  };

  /** A year at Stripe in which everything happens that it tells of. */
  const eventfulYear = async (): Promise<void> => {
    const { fake, billing } = stage;
    const pages = { successUrl: 'https://a.test', cancelUrl: 'https://a.test', trialDays: null };
    const invoices = (customer: string, status: string): string[] => [...fake.store.invoices.values()].filter((one) => one.customer === customer && one.status === status && one.lines.some(({ amount }) => amount > 0)).map(({ id }) => id);
    // One looks at Stripe's page and goes away; comes back, tries it for ten days, and moves up.
    await stage.customer('acme');
    await billing.accounts.checkout('acme', { tier: 'early', ...pages }, BY);
    stage.advance(2 * DAY);
    fake.completeCheckout((await billing.accounts.checkout('acme', { tier: 'early', ...pages, trialDays: 10 }, BY)).id);
    await stage.deliver();
    const acme = await stage.stripeId('acme');
    stage.advance(11 * DAY);
    await billing.accounts.changeTier('acme', 'mid', BY);
    await stage.statement('acme', '2025-12', { vbp: 4_200, bvm: 70 });
    await billing.sender.drain();
    stage.advance(32 * DAY);
    const paid = [...fake.store.invoices.values()].filter(({ charge }) => charge !== null);
    await stage.deliver();
    const note = (customerId: string, invoiceId: string, amountCents: number, refund: boolean, reason: string): Promise<{ id: string }> => billing.accounts.creditNote(customerId, { invoiceId, amountCents, refund, reason }, 'operator:test');
    await note('acme', paid.at(-1)!.id, 500, true, 'too much');
    await note('acme', paid.at(-1)!.id, 300, false, 'a gift');
    await fake.byHand('/v1/refunds', `charge=${paid[0]!.charge!}&amount=100`);
    fake.failRefund([...fake.store.refunds.keys()].at(-1)!);
    fake.closeDispute(fake.openDispute(paid[0]!.charge!), 'won');
    fake.contestDispute(fake.openDispute(paid.at(-1)!.charge!));
    fake.setCard(acme, 'asks');
    stage.advance(29 * DAY);
    fake.payByHand(invoices(acme, 'open')[0]!);
    fake.setCard(acme, 'declines');
    stage.advance(31 * DAY + 2 * HOUR);
    // Another cannot be billed for a while, does not pay, and leaves; what was owed is let go, and given up.
    const debtor = await stage.subscribed('debtor', 'mid');
    fake.setCard(debtor, 'declines');
    fake.setUnbillable(debtor, 'no address');
    stage.advance(31 * DAY + 2 * HOUR);
    fake.setUnbillable(debtor, null);
    await fake.byHand(`/v1/invoices/${invoices(debtor, 'draft')[0]!}/finalize`);
    await stage.deliver();
    const [open] = invoices(debtor, 'open');
    const { id: slip } = await note('debtor', open!, 400, false, 'a slip');
    await fake.byHand(`/v1/credit_notes/${slip}/void`);
    await fake.byHand(`/v1/invoices/${open!}/void`);
    stage.advance(31 * DAY);
    await fake.byHand(`/v1/invoices/${invoices(debtor, 'open')[0]!}/mark_uncollectible`);
    await billing.accounts.cancel('debtor', 'now', BY);
    // A third is paused, goes on, and is paused again.
    await stage.subscribed('pauser', 'early');
    const subscription = [...fake.store.subscriptions.keys()].at(-1)!;
    for (const paused of [true, false, true]) fake.pause(subscription, paused);
  };

  it(`come to the same state in ${ORDERS} orders, with duplicates, by one process or two`, async () => {
    const { fake, billing } = stage;
    await eventfulYear();
    const types = new Set(fake.events.map(({ type }) => type));
    for (const type of EVENTS) expect(types).toContain(type);

    const picture = async (): Promise<unknown> => ({
      customers: await stage.query('select id, tier, stripe_customer_id from customers order by id'),
      standings: await stage.query('select customer_id, standing, derived_tier, past_due_since, grace_until, attention, disputed from billing_standings order by 1'),
      subscriptions: await stage.query('select id, status, tier, period_end from stripe_subscriptions order by id'),
      invoices: await stage.query('select id, status, total_cents, paid_cents, attempts, problem from stripe_invoices order by id'),
      ledger: await stage.query('select e.kind, e.source_id, e.occurred_at, l.account, l.amount_pd from ledger_entries e join ledger_lines l on l.entry_id = e.id order by 1, 2, 4'),
      items: await stage.query('select stripe_id, stripe_invoice_id, invoiced_cents from stripe_outbox order by 1'),
      unhandled: await stage.query('select id, last_error from stripe_events where processed_at is null'),
    });
    await stage.deliver();
    const expected = await picture();
    expect(expected).toMatchObject({ customers: [{ tier: 'free' }, { tier: 'free' }, { tier: 'free' }], standings: [{ standing: 'ended', attention: ['disputed', 'unpaid_invoice'], disputed: [expect.any(String)] }, { standing: 'ended', attention: ['unpaid_invoice'] }, { standing: 'lapsed', attention: [] }], unhandled: [] });

    const another = stage.open();
    for (let seed = 1; seed <= ORDERS; seed++) {
      await stage.database.empty('stripe_events', 'stripe_subscriptions', 'stripe_invoices', 'billing_standings', 'ledger_entries', 'ledger_lines');
      await stage.query(`update customers set tier = 'free'`);
      await stage.query('update stripe_outbox set stripe_invoice_id = null, invoiced_cents = null');
      const order = shuffled(seed)(fake.events);
      const cut = seed % 5 === 0 ? Math.floor(seeded(seed)() * order.length) : order.length;
      for (const some of [order.slice(0, cut), order.slice(cut)]) {
        // Stripe has many hands.
        await Promise.all(some.map((event) => accept(event)));
        // Two processes handle them at once, or one does.
        await Promise.all((seed % 4 === 0 ? [billing] : [billing, another]).map(({ inbox }) => inbox.drain()));
      }
      expect([seed, await picture()]).toEqual([seed, expected]);
    }
    // Once more from what was stored: nothing moves.
    expect(await billing.inbox.replay({ since: new Date(0) })).toBe(fake.events.length);
    expect(await billing.inbox.drain()).toBe(fake.events.length);
    expect(await picture()).toEqual(expected);
  }, 300_000);

  it('are refused when forged, stale, from the future, or of the other mode; one that was seen does nothing', async () => {
    const event: StripeEvent = { ...stage.fake.events[0]!, id: 'evt_new' };
    const now = stage.clock.now() / 1_000;
    await expect(accept(event, { secret: 'whsec_of_somebody_else' })).rejects.toMatchObject({ code: 'bad_signature', httpStatus: 400 });
    await expect(accept(event, { at: now - 301 })).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(accept(event, { at: now + 301 })).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(accept({ ...event, livemode: true })).rejects.toMatchObject({ code: 'livemode_mismatch' });
    const { body, signature } = signed(event, SECRET, now);
    await expect(stage.billing.inbox.accept(Buffer.from(body.replace('evt_new', 'evt_nex')), signature)).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(stage.billing.inbox.accept(Buffer.from(body), undefined)).rejects.toMatchObject({ code: 'bad_signature' });
    await expect(stage.billing.inbox.accept(Buffer.from(body), `${signature},t=${now}`)).rejects.toMatchObject({ code: 'bad_signature' });
    const noise = signed({ nothing: 'like it' } as never, SECRET, now);
    await expect(stage.billing.inbox.accept(Buffer.from(noise.body), noise.signature)).rejects.toMatchObject({ code: 'malformed_event' });
    expect(await stage.query(`select 1 from stripe_events where id = 'evt_new'`)).toEqual([]);

    expect(await accept(event, { at: now - 299 })).toBe(true);
    expect(await accept(event)).toBe(false);
    expect(await stage.billing.inbox.drain()).toBe(1);
    // A captured one, sent again when it is old.
    await expect(accept(event, { at: now - 3_600 })).rejects.toMatchObject({ code: 'bad_signature' });
  });

  it('wait where Stripe or what is behind it fails, and are handled afterwards', async () => {
    await stage.fake.server.close();
    await stage.customer('patient');
    const event: StripeEvent = { ...stage.fake.events.find(({ type }) => type === 'customer.subscription.created')!, id: 'evt_waits' };
    await accept(event);
    expect(await stage.billing.inbox.drain()).toBe(0);
    expect(await stage.query(`select attempts, processed_at, last_error from stripe_events where id = 'evt_waits'`)).toEqual([{ attempts: 1, processed_at: null, last_error: expect.stringContaining('connection') as string }]);
    await stage.fake.server.listen();
    stage.clock.advance(60_000);
    expect(await stage.billing.inbox.drain()).toBe(1);
  });

  it('about strangers, and about what is no more, are put aside', async () => {
    const { fake } = stage;
    const events = [
      { type: 'customer.updated', data: { object: { id: 'cus_nobody', object: 'customer' } } },
      { type: 'invoice.paid', data: { object: { id: 'in_gone', object: 'invoice', customer: await stage.stripeId('acme') } } },
      { type: 'invoice.upcoming', data: { object: { object: 'invoice' } } },
      { type: 'balance.available', data: { object: { object: 'balance' } } },
    ].map((one, n) => ({ ...fake.events[0]!, ...one, id: `evt_odd_${n}` }));
    const stranger = fake.store.id('cus');
    fake.store.customers.set(stranger, { id: stranger, name: 'x', email: null, description: null, metadata: {}, balance: 0, currency: null, deleted: false, created: 1, card: 'pays', unbillable: null });
    const foreign = { ...fake.events[0]!, id: 'evt_odd_4', type: 'customer.subscription.created', data: { object: { id: fake.subscribeTo(stranger, { unit_amount: 100 }).id, object: 'subscription', customer: stranger } } };
    for (const event of [...events, foreign]) await accept(event);
    await stage.billing.inbox.drain();
    const outcomes = await stage.query<{ outcome: string }>(`select outcome from stripe_events where id like 'evt_odd_%' order by id`);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['gone', 'gone', 'ignored', 'ignored', 'foreign']);
  });

  it('keep what Stripe sent as it came', async () => {
    await expect(stage.query(`update stripe_events set payload = '{}'`)).rejects.toMatchObject({ code: '23001' });
    await expect(stage.query('delete from stripe_events')).rejects.toMatchObject({ code: '23001' });
  });
});
